"""Products of matrices of double-double balls, by error-free slicing, so that BLAS does the work.

Each row of the left matrix, and each column of the right one, is cut into slices: integers of so few bits, times a
power of two, that four products of two slices, summed over the inner axis, are an integer below 2⁵³. BLAS then rounds
nothing, in whatever order it adds and whether or not it fuses. What is below the last slice goes into the radius.

Source: K. Ozaki, T. Ogita, S. Oishi, S. M. Rump, "Error-free transformations of matrix multiplication by using fast
routines of matrix multiplication and its applications", Numer. Algorithms 59, 2012, pp. 95–118; a slice is what adding
and subtracting a large power of two leaves (§2 there).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

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

#: Rows and columns whose largest entries have smaller exponents are not scaled: no product of slices leaves the range.
_ORDINARY = 300

#: So many numbers are added up at a time, which a processor keeps near.
_CHUNK = 2**14


@dataclass(frozen=True)
class _Slices:
    """A matrix as 2^shift · (Σ parts[i] + what is at most 2^(−bits · the number of parts) · ``size``).

    An entry of parts[i] is an integer of at most 2^bits times 2^(−(i + 1)·bits) · ``size``, a power of two for each row
    (or column), or 0 where that is 0. ``is_whole`` says that there is no rest, and ``ordinary`` that ``shift`` is 0.
    """

    parts: list[torch.Tensor]
    size: np.ndarray
    shift: np.ndarray
    known: np.ndarray
    is_whole: bool

    @property
    def ordinary(self) -> bool:
        return not self.shift.any()


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
    high, low = _added([_level(left.parts, right.parts, level) for level in range(depth)])
    share = inner * (_lost(left, right, depth, bits) + _LOST)
    radius = (left.size * (share * (1 + (inner + 16) * 2.0**-52) * UPWARD)) * right.size
    spread = _spread(a, b)
    if not (left.ordinary and right.ordinary):
        high, low, radius = (np.ldexp(field, left.shift + right.shift) for field in (high, low, radius))
    if spread is not None:
        radius += spread * ((1 + (inner + 16) * 2.0**-52) * UPWARD)
    radius += QUANTUM
    known = left.known & right.known
    if not known.all() or not (left.ordinary and right.ordinary):
        radius = np.where(known & (np.abs(high) <= LARGEST), radius, np.inf)
    return DoubleBall(high, low, radius)


def _lost(left: _Slices, right: _Slices, depth: int, bits: int) -> float:
    """What a sum of products lacks, per product, where all entries are below 1: omitted slices, rests, additions."""
    first, second = len(left.parts), len(right.parts)
    omitted = sum(2.0 ** (-(i + j) * bits) for i in range(first) for j in range(second) if i + j >= depth)
    rests = sum(2.0 ** (-len(one.parts) * bits) * (1 + 2.0**-20) for one in (left, right) if not one.is_whole)
    # From the third level on they are added as doubles; two roundings of pairs follow, each off by 2u² of its result.
    doubles = sum(2 * depth * 2.0**-53 * 2.0 ** (-level * bits) for level in range(2, depth))
    return omitted + rests + doubles + 4 * depth * pairs.ADD_ERROR


def _level(left: Sequence[torch.Tensor], right: Sequence[torch.Tensor], level: int) -> np.ndarray:
    """The sum of the products of slices whose numbers add up to ``level``."""
    operands = [(left[i], right[level - i]) for i in range(level + 1) if i < len(left) and level - i < len(right)]
    with disable_current_modes():  # torch's library multiplies several times as fast as NumPy's, and as exactly here
        total = torch.matmul(*operands[0])
        for one, other in operands[1:]:
            if total.dim() == 2:
                total.addmm_(one, other)
            else:
                total += torch.matmul(one, other)
        found: np.ndarray = total.numpy()
        return found


def _added(levels: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """The sum of the levels, the largest of which comes first, as pairs; piece by piece, since memory is slow."""
    if len(levels) == 1:
        return levels[0], np.zeros_like(levels[0])
    flat = [level.reshape(-1) for level in levels]
    high, low = np.empty_like(flat[0]), np.empty_like(flat[0])
    for first in range(0, len(high), _CHUNK):
        piece = slice(first, first + _CHUNK)
        high[piece], low[piece] = _sum([level[piece] for level in flat])
    return high.reshape(levels[0].shape), low.reshape(levels[0].shape)


def _sum(levels: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    rest = levels[-1]
    for level in levels[-2:1:-1]:  # what these lose is beyond the digits of a pair
        rest = rest + level
    lower: Any = 0.0
    for level in levels[min(1, len(levels) - 2) :: -1]:
        rest, lost = pairs.two_sum(level, rest)
        lower = lower + lost
    return pairs.fast_two_sum(rest, lower)


def _spread(a: DoubleBall, b: DoubleBall) -> np.ndarray | None:
    """What the radii of the operands add to the radius of the product; None where they are exact."""
    found = None
    if b.radius.any():
        found = _product(np.abs(a.high) * UPWARD + a.radius, b.radius)
    if a.radius.any():
        more = _product(a.radius, np.abs(b.high) * UPWARD)
        found = more if found is None else found + more
    return found


def _product(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore"), disable_current_modes():
        found: np.ndarray = torch.matmul(*map(_tensor, (left, right))).numpy()
        return found


def _tensor(array: np.ndarray) -> torch.Tensor:
    """An array as a tensor, in the same memory where torch reads it there."""
    readable = array.flags.writeable and all(stride >= 0 for stride in array.strides)
    return torch.from_numpy(array if readable else array.copy())


def _sliced(x: DoubleBall, axis: int, bits: int) -> _Slices:
    largest = np.maximum(x.high.max(axis, keepdims=True), -x.high.min(axis, keepdims=True))
    known = np.isfinite(largest) & np.isfinite(x.radius.max(axis, keepdims=True))
    exponent = np.where(known, np.frexp(largest)[1], 0).astype(np.int64)
    high, low = x.pair if known.all() else (np.where(known, field, 0.0) for field in x.pair)
    low = low if low.any() else None
    shift = np.where(np.abs(exponent) < _ORDINARY, 0, exponent)
    if shift.any():
        high = np.ldexp(high, -shift)
        low = None if low is None else np.ldexp(low, -shift)
    size = np.where(known & (largest != 0), np.ldexp(1.0, exponent - shift), 0.0)
    # Adding it leaves multiples of size · 2^(−bits); of an entry that is no larger than size, an integer of that size.
    shifter = np.ldexp(1.5, exponent - shift + 52)
    parts: list[torch.Tensor] = []
    for number in range(1, min(-(-_BITS // bits), 4) + 1):
        shifter = shifter * 2.0**-bits
        whole = high + shifter
        whole -= shifter
        parts.append(torch.from_numpy(whole))
        if number == 1:
            high = high - whole
        else:
            high -= whole
        if low is not None:
            high, low = pairs.two_sum(high, low)
        elif not high.any():
            break
    return _Slices(parts, size, shift, known, not high.any() and (low is None or not low.any()))
