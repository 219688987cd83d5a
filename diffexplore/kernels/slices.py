"""Sums and sums of products of columns over a block, exact but for parts below 2⁻⁴¹ of the largest entry.

A column is cut into slices of 20 bits on grids that depend on its largest entry, and a rest. Products of two slices are
whole multiples of a unit, and so small that all partial sums of 2¹³ of them are exact in double precision: the order
of the additions does not count. Only products with a rest are rounded.

Sources: S. M. Rump, T. Ogita, S. Oishi, "Accurate floating-point summation, part I", SIAM J. Sci. Comput. 31(1), 2008
(the extraction); K. Ozaki, T. Ogita, S. Oishi, S. M. Rump, "Error-free transformations of matrix multiplication",
Numer. Algorithms 59, 2012 (the products).
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from diffexplore.arithmetic.double_double import two_sum

#: Bits of a slice: twice as many and the 13 of the rows of a block are the 53 of a double.
SLICE = 20

#: A double of this size, times a power of two, has 2⁻²⁰ times that power for the unit of its last place.
ANCHOR = 1.5 * 2.0 ** (52 - SLICE)

#: Passes over a column that is cut.
OPERATIONS = 9

_ONES = np.ones(2**13)

#: Arrays of the length of a block that a column is cut into.
ARRAYS = 4

#: Columns with larger entries have no sums: their products overflow.
LARGEST = 2.0**1000

#: Numbers that a sum is made of, at most.
PARTS = 7

#: The rounding of m products with a rest in each of three sums, in any order, is m² times this: each of m terms of 2⁻⁴¹
#: may be in m roundings of 2⁻⁵³. Doubled for the rounding of the terms, and of the rest of a difference.
PRODUCT_ERROR = 3 * 2.0 ** (1 - 41 - 53)

#: The same for the sum of the rests.
SUM_ERROR = 2.0 ** (1 - 41 - 53)

#: The same where no square of a rest is a number: all are below 2⁻⁵¹¹, and the largest entry is not small.
TINY = 2.0**-290
SMALL = 2.0**-200

#: More than what may underflow, also where subnormal numbers are taken for 0, in 2¹³ products of each of 7 sums.
UNDERFLOW = 7 * 2.0 ** (13 - 1021)


class Sliced(NamedTuple):
    """A column of a block: ``first`` and ``second`` are its slices, ``rest`` what is left of it.

    ``size`` is a power of two that no entry exceeds, ``squares`` the sum of the squares of the rest.
    """

    values: np.ndarray
    first: np.ndarray
    second: np.ndarray
    rest: np.ndarray
    size: float
    squares: float

    @property
    def rounds(self) -> bool:
        """Whether there is a rest that matters: there is none of whole numbers, and mostly of float32 ones."""
        return self.squares != 0 or self.size < SMALL


def sliced(column: np.ndarray, centre: float, space: np.ndarray) -> Sliced:
    """``column`` − ``centre``, for a column of at least one double; of NaN and infinite entries the size is NaN.

    ``space``, of shape (4, rows) or longer rows, is where the results are.
    """
    low, high = float(column.min()), float(column.max())
    first, second, rest, values = space[:, : len(column)]
    lost = None
    if not centre:
        values = column
    elif _within_a_factor_of_two(centre, low, high):  # the difference is exact (Sterbenz)
        np.subtract(column, centre, out=values)
    else:
        values[...], lost = two_sum(column, -centre)
    largest = max(abs(low - centre), abs(high - centre))
    size = _power_of_two(largest) if largest < LARGEST else math.nan
    anchor = ANCHOR * size
    np.add(values, anchor, out=first)
    first -= anchor
    np.subtract(values, first, out=rest)
    anchor *= 2.0**-SLICE
    np.add(rest, anchor, out=second)
    second -= anchor
    rest -= second
    if lost is not None:
        rest += lost
    return Sliced(values, first, second, rest, size, float(rest.dot(rest)))


def _power_of_two(number: float) -> float:
    """The least one above a number; 0 for 0."""
    return math.ldexp(1.0, math.frexp(number)[1]) if number else 0.0


def _within_a_factor_of_two(centre: float, low: float, high: float) -> bool:
    least, most = sorted((centre / 2, centre * 2))
    return least <= low and high <= most


def sum_parts(x: Sliced) -> list[Any]:
    """Doubles that add up to the sum of the column."""
    ones = _ONES[: len(x.first)]
    return [x.first.dot(ones), x.second.dot(ones), x.rest.dot(ones)]  # quicker than sums


def square_parts(x: Sliced) -> list[Any]:
    """Doubles that add up to the sum of the squares."""
    return [
        x.first.dot(x.first), 2 * x.first.dot(x.second), x.second.dot(x.second),
        2 * x.values.dot(x.rest), -x.squares,
    ]  # fmt: skip


def product_parts(x: Sliced, y: Sliced) -> list[Any]:
    """Doubles that add up to the sum of the products: of slices, and x rest_y + restₓ y − restₓ rest_y."""
    return [
        x.first.dot(y.first), x.first.dot(y.second), x.second.dot(y.first), x.second.dot(y.second),
        x.values.dot(y.rest), x.rest.dot(y.values), -x.rest.dot(y.rest),
    ]  # fmt: skip


def sum_error(x: Sliced) -> float:
    """How far the doubles of a sum may be from it."""
    return (SUM_ERROR * len(x.values) ** 2 if x.rounds else TINY) * x.size + UNDERFLOW


def product_error(x: Sliced, y: Sliced) -> float:
    """The same for the doubles of a sum of products."""
    rounding = PRODUCT_ERROR * len(x.values) ** 2 if x.rounds or y.rounds else TINY
    return rounding * x.size * y.size + UNDERFLOW


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
