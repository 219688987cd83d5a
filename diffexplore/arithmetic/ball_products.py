"""Products of matrices of double-double balls, by error-free slicing, so that BLAS does the work.

Each row of the left matrix, and each column of the right one, is cut into slices: integers of so few bits, times a
power of two, that four products of two slices, summed over the inner axis, are an integer below 2⁵³. BLAS then rounds
nothing, in whatever order it adds and whether or not it fuses. What is below the last slice goes into the radius.

Source: K. Ozaki, T. Ogita, S. Oishi, S. M. Rump, "Error-free transformations of matrix multiplication by using fast
routines of matrix multiplication and its applications", Numer. Algorithms 59, 2012, pp. 95–118.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from diffexplore.arithmetic import double_double as pairs
from diffexplore.arithmetic.double_balls import LARGEST, QUANTUM, UPWARD, DoubleBall
from diffexplore.arithmetic.dual_balls import bilinear
from diffexplore.torch_private.watching import disable_current_modes

#: Slices reach so many bits below the largest entry of a row or column, unless nothing is left before.
_BITS = 80

#: More than what scaling rows and columns to 1 loses of a product of two entries, below the normal numbers.
_LOST = 2.0**-1070


@dataclass(frozen=True)
class _Slices:
    """A matrix as 2^exponent · (Σ parts[i] · 2^(−(i + 1)·bits) + what is at most ``rest``): integers below 2^bits."""

    parts: list[np.ndarray]
    exponent: np.ndarray
    rest: np.ndarray
    known: np.ndarray


@bilinear
def matmul(a: DoubleBall, b: DoubleBall) -> DoubleBall:
    """The product of matrices (…, m, k) and (…, k, n), broadcast over the axes in front like ``numpy.matmul``."""
    inner = a.high.shape[-1]
    shape = (*np.broadcast_shapes(a.high.shape[:-2], b.high.shape[:-2]), a.high.shape[-2], b.high.shape[-1])
    if 0 in (*shape, inner):
        return DoubleBall(np.zeros(shape), np.zeros(shape), np.zeros(shape))
    # The products of a level, four at most, add up to less than 2⁵³: their sum is exact.
    bits = (53 - 2 - int(inner - 1).bit_length()) // 2
    left, right = _sliced(a, -1, bits), _sliced(b, -2, bits)
    depth = min(len(left.parts) + len(right.parts) - 1, -(-_BITS // bits), 4)
    sums = [_level(left.parts, right.parts, level) * 2.0 ** (-(level + 2) * bits) for level in range(depth)]
    high, low = sums.pop(), np.zeros(shape)
    while sums:  # the smallest products first
        total, lost = pairs.two_sum(sums.pop(), high)
        high, low = pairs.fast_two_sum(total, lost + low)
    # Each of the additions of a double is off by at most 2u² of its result (Joldes, Muller, Popescu, algorithm 4).
    largest = sum(2.0 ** (-level * bits) for level in range(depth)) * inner * depth
    error = depth * pairs.ADD_ERROR * np.minimum(np.abs(high) + largest * 2.0**-bits, largest)
    omitted = sum(
        inner * 2.0 ** (-(i + j) * bits)
        for i in range(len(left.parts))
        for j in range(len(right.parts))
        if i + j >= depth
    )
    scale = left.exponent + right.exponent
    radius = _times_power(error + (omitted + inner * _LOST), scale) + _spread(a, b, left, right)
    radius *= (1 + (inner + 16) * 2.0**-52) * UPWARD
    radius += QUANTUM
    high, low = _times_power(high, scale), _times_power(low, scale)
    known = left.known & right.known & (np.abs(high) <= LARGEST)
    return DoubleBall(high, low, radius if known.all() else np.where(known, radius, np.inf))


def _level(left: list[np.ndarray], right: list[np.ndarray], level: int) -> np.ndarray:
    """The sum of the products of slices whose numbers add up to ``level``."""
    with disable_current_modes():  # torch's library multiplies several times as fast as NumPy's, and as exactly here
        products = [
            torch.matmul(torch.from_numpy(left[i]), torch.from_numpy(right[level - i]))
            for i in range(level + 1)
            if i < len(left) and level - i < len(right)
        ]
        for product in products[1:]:
            products[0] += product
        return products[0].numpy()


def _spread(a: DoubleBall, b: DoubleBall, left: _Slices, right: _Slices) -> np.ndarray | float:
    """What the radii of the operands, and the rests below their slices, add to the radius of the product."""
    by_left = a.radius + _times_power(left.rest, left.exponent)
    by_right = b.radius + _times_power(right.rest, right.exponent)
    spread: np.ndarray | float = 0.0
    if by_right.any():
        spread = spread + (np.abs(a.high) * UPWARD + by_left) @ by_right
    if by_left.any():
        spread = spread + by_left @ (np.abs(b.high) * UPWARD)
    return spread


def _times_power(x: np.ndarray, exponent: np.ndarray) -> np.ndarray:
    """x · 2^exponent: by a product where the power is a double, which is faster than ldexp."""
    return x * np.ldexp(1.0, exponent) if np.abs(exponent).max() < 1000 else np.ldexp(x, exponent)


def _sliced(x: DoubleBall, axis: int, bits: int) -> _Slices:
    largest = np.max(np.abs(x.high), axis=axis, keepdims=True)
    known = np.isfinite(largest) & np.isfinite(x.radius).all(axis=axis, keepdims=True)
    exponent = np.where(known, np.frexp(largest)[1], 0).astype(np.int64)
    high, low = (_times_power(field if known.all() else np.where(known, field, 0.0), -exponent) for field in x.pair)
    parts = []
    for number in range(1, min(-(-_BITS // bits), 4) + 1):
        whole = np.rint(high * 2.0 ** (number * bits))
        parts.append(whole)
        high = high - whole * 2.0 ** (-number * bits)
        if low.any():
            high, low = pairs.two_sum(high, low)
        elif not high.any():
            break
    return _Slices(parts, exponent, np.abs(high) + np.abs(low), known)
