"""Sums of columns and of products of two, over blocks of rows: exact but for what is below 2⁻²³ of the largest entry.

A column is cut into a slice of 22 bits, on a grid that depends on its largest entry in the block, and a rest. Products
of two slices are whole multiples of a unit, and so small that all partial sums of 2⁹ of them are exact in double
precision: the order of the additions does not count. Only products with a rest are rounded. So one matrix product for
512 rows, of all slices and rests and a column of ones, gives all sums over them, by whatever BLAS there is.

Sources: S. M. Rump, T. Ogita, S. Oishi, "Accurate floating-point summation, part I", SIAM J. Sci. Comput. 31(1), 2008
(the extraction); K. Ozaki, T. Ogita, S. Oishi, S. M. Rump, "Error-free transformations of matrix multiplication",
Numer. Algorithms 59, 2012 (the products).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from diffexplore.arithmetic.double_double import two_sum

#: Rows of a block, of which each column has a grid.
BLOCK = 8_192

#: Rows whose products are added up at a time.
ROWS = 512

#: Bits of a slice: twice as many and the 9 of the rows are the 53 of a double.
SLICE = 22

#: A double of this size, times a power of two, has 2⁻²² times that power for the unit of its last place.
ANCHOR = 1.5 * 2.0 ** (52 - SLICE)

#: The same with 2⁻¹⁸: what is above it of the sums over some rows is added up exactly over a block, and what is below.
_ANCHOR_OF_SUMS = 1.5 * 2.0 ** (52 - 18)

#: The bits of a double that are its exponent: those of a number are the greatest power of two that is no larger.
EXPONENT = 0x7FF << 52

#: Numbers that a sum is made of.
PARTS = 3

#: Passes over a column that is cut.
OPERATIONS = 6

#: The unit roundoff, times what a rest is at most.
_ROUNDING = 2.0 ** -(SLICE + 1 + 53)

#: How far a sum may be off where squares of rests are 0, and so rests below 2⁻⁵¹¹, and the largest entry is not small.
_TINY = 2.0**-290
_SMALL = 2.0**-200

#: More than what may underflow, also where subnormal numbers are taken for 0: 2¹³ products of 4 kinds, and sums.
_UNDERFLOW = 2.0 ** (18 - 1022)


def rounded(rows: int) -> float:
    """How far a sum over so many rows of a block may be off, as a part of the largest entries.

    Each of two products of a slice and a rest is in as many roundings as rows are added up at a time; what is added up
    then, three numbers for each, is in as many again; a rest may be rounded itself. Products of rests are smaller.
    """
    pieces = -(-rows // ROWS)
    return rows * (2 * min(rows, ROWS) + 6 * pieces + 3) * _ROUNDING * (1 + 2.0**-10)


def part_sums(grams: Any, sizes: Any, places: Sequence[int], errors: Any) -> tuple[tuple[Any, ...], Any]:
    """The doubles that add up to a sum, for each block, and how far their sum may be off.

    Args:
        grams: an array or tensor of shape (blocks, pieces, 2 columns + 1, 2 columns + 1): products of slices, then
            rests, then ones, with each other; what is below the diagonal is not read.
        sizes: (columns, blocks), for each a power of two that no entry exceeds, or 0 where all are 0 or subnormal.
        places: of one column, or of the two whose products are added up, in order.
        errors: (blocks,), for each what :func:`rounded` says of its rows.
    """
    columns, x, y = len(sizes), places[0], places[-1]
    rest_of_x, rest_of_y, ones = columns + x, columns + y, 2 * columns
    matters = _matters(grams, sizes, x)
    if len(places) == 1:
        exact, rest, size = grams[..., x, ones], grams[..., rest_of_x, ones], sizes[x]
        underflow = _UNDERFLOW
    else:
        exact, size = grams[..., x, y], sizes[x] * sizes[y]
        rest = grams[..., x, rest_of_y] + grams[..., y, rest_of_x] + grams[..., rest_of_x, rest_of_y]
        matters, underflow = matters | _matters(grams, sizes, y), _UNDERFLOW * (1 + sizes[x]) * (1 + sizes[y])
    anchor = (_ANCHOR_OF_SUMS * size)[..., None]
    high = (exact + anchor) - anchor
    radius = (matters * size) * errors + _TINY * size + underflow
    return (high.sum(-1), (exact - high).sum(-1), rest.sum(-1)), radius


def _matters(grams: Any, sizes: Any, place: int) -> Any:
    """For each block whether a column has a rest: there is none of whole numbers."""
    rest = len(sizes) + place
    return (grams[..., rest, rest].sum(-1) != 0) | (sizes[place] < _SMALL)


def joined(parts: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The sums of the doubles along the last axis as pairs, high and low, and how far these are off.

    What the additions lose is known exactly (Knuth), and is added up beside them. Source: T. Ogita, S. M. Rump,
    S. Oishi, "Accurate sum and dot product", SIAM J. Sci. Comput. 26(6), 2005 (algorithm 4.3).
    """
    high, low, lost = parts[..., 0], np.zeros(parts.shape[:-1]), np.zeros(parts.shape[:-1])
    for place in range(1, parts.shape[-1]):
        high, rest = two_sum(high, parts[..., place])
        low, rest = two_sum(low, rest)
        lost += np.abs(rest)
    return *two_sum(high, low), lost * (1 + 2.0**-50)
