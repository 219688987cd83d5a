"""Products of matrices of double-double balls, by error-free slicing, so that BLAS does the work.

Each row of the left matrix, and each column of the right one, is cut into slices: integers of so few bits, times a
power of two, that every product of two slices, summed over the inner axis, is an integer below 2⁵³. BLAS then rounds
nothing, in whatever order it adds and whether or not it fuses. What is below the last slice goes into the radius.

Source: K. Ozaki, T. Ogita, S. Oishi, S. M. Rump, "Error-free transformations of matrix multiplication by using fast
routines of matrix multiplication and its applications", Numer. Algorithms 59, 2012, pp. 95–118.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from diffexplore.arithmetic import double_double as pairs
from diffexplore.arithmetic.double_balls import LARGEST, QUANTUM, UPWARD, DoubleBall

#: Slices reach so many bits below the largest entry of a row or column, unless nothing is left before.
_BITS = 100

#: Rows whose largest entry is smaller are multiplied with unbounded error: scaling them may underflow.
_SMALLEST = 2.0**-400
_LARGEST = 2.0**400


@dataclass(frozen=True)
class _Slices:
    """A matrix as Σ parts[i] · 2^(exponent − (i + 1)·bits) + what is at most ``rest``: integers below 2^bits."""

    parts: list[np.ndarray]
    exponent: np.ndarray
    rest: np.ndarray
    known: np.ndarray


def matmul(a: DoubleBall, b: DoubleBall) -> DoubleBall:
    """The product of matrices (…, m, k) and (…, k, n), broadcast over the axes in front like ``numpy.matmul``."""
    inner = a.high.shape[-1]
    shape = (*np.broadcast_shapes(a.high.shape[:-2], b.high.shape[:-2]), a.high.shape[-2], b.high.shape[-1])
    if 0 in (*shape, inner):
        return DoubleBall(np.zeros(shape), np.zeros(shape), np.zeros(shape))
    bits = (53 - int(inner - 1).bit_length()) // 2
    left, right = _sliced(a, -1, bits), _sliced(b, -2, bits)
    scale = left.exponent + right.exponent
    pair = (np.zeros(shape), np.zeros(shape))
    error = np.zeros(shape)
    depth = max(len(left.parts), len(right.parts))
    for level in reversed(range(depth)):  # the smallest products first
        for i in range(level + 1):
            if i < len(left.parts) and level - i < len(right.parts):
                product = np.ldexp(left.parts[i] @ right.parts[level - i], scale - (level + 2) * bits)
                pair = pairs.add(pair, (product, 0.0))
                error += pairs.ADD_ERROR * np.abs(pair[0])
    omitted = sum(
        inner * 2.0 ** (-(i + j) * bits)
        for i in range(len(left.parts))
        for j in range(len(right.parts))
        if i + j >= depth
    )
    radius = error + np.ldexp(np.full(shape, omitted), scale) if omitted else error
    radius = radius + _spread(a, b, left.rest, right.rest)
    radius = radius * (1 + (inner + 16) * 2.0**-52) * UPWARD + QUANTUM
    known = left.known & right.known & (np.abs(pair[0]) <= LARGEST)
    return DoubleBall(pair[0], pair[1], np.where(known, radius, np.inf))


def _spread(a: DoubleBall, b: DoubleBall, left_rest: np.ndarray, right_rest: np.ndarray) -> np.ndarray | float:
    """What the radii of the operands, and the rests below their slices, add to the radius of the product."""
    left, right = a.radius + left_rest, b.radius + right_rest
    spread: np.ndarray | float = 0.0
    if right.any():
        spread = spread + (np.abs(a.high) * UPWARD + left) @ right
    if left.any():
        spread = spread + left @ (np.abs(b.high) * UPWARD)
    return spread


def _sliced(x: DoubleBall, axis: int, bits: int) -> _Slices:
    largest = np.max(np.abs(x.high), axis=axis, keepdims=True)
    known = ((largest >= _SMALLEST) & (largest <= _LARGEST)) | (largest == 0)
    known &= np.isfinite(x.radius).all(axis=axis, keepdims=True)
    exponent = np.where(known, np.frexp(largest)[1], 0).astype(np.int64)
    high, low = np.where(known, x.high, 0.0), np.where(known, x.low, 0.0)
    parts = []
    for number in range(1, -(-_BITS // bits) + 1):
        whole = np.rint(np.ldexp(high, number * bits - exponent))
        parts.append(whole)
        high, low = pairs.two_sum(high - np.ldexp(whole, exponent - number * bits), low)
        if not high.any():
            break
    return _Slices(parts, exponent, np.abs(high) + np.abs(low), known)
