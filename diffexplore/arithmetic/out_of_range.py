"""Sums, products and order of double-double balls up to the largest double, as masks hold: arithmetic stops before.

:data:`~diffexplore.arithmetic.double_balls.LARGEST` keeps every step of every operation from overflowing, whatever
comes next. These functions are for what has such numbers on purpose. Their results may be out of range themselves.
"""

from __future__ import annotations

import sys

import numpy as np

from diffexplore.arithmetic import double_double as pairs
from diffexplore.arithmetic.double_balls import LARGEST, QUANTUM, UPWARD, DoubleBall, mul
from diffexplore.arithmetic.dual_balls import bilinear, linear, sub

_LARGEST_DOUBLE = sys.float_info.max

#: Factors above the one are scaled by the other: a product that is a double then is one of numbers in range.
_LARGE, _DOWN = 2.0**480, 2.0**-64


@linear
def add_beyond(x: DoubleBall, y: DoubleBall) -> DoubleBall:
    """x + y. A step of TwoSum overflows only where the sum does, or a part of the result is no number."""
    high, low = pairs.add(x.pair, y.pair)
    return _up_to_the_end(high, low, (x.radius + y.radius + pairs.ADD_ERROR * np.abs(high)) * UPWARD + QUANTUM)


@bilinear
def mul_beyond(x: DoubleBall, y: DoubleBall) -> DoubleBall:
    """x · y, of factors that are scaled into the range."""
    (x, of_x), (y, of_y) = _scaled_down(x), _scaled_down(y)
    high, low, radius = (field * of_x * of_y for field in mul(x, y))
    return _up_to_the_end(high, low, radius * UPWARD + QUANTUM)


def _scaled_down(x: DoubleBall) -> tuple[DoubleBall, np.ndarray]:
    """A ball in range, and the power of two by which it is to be multiplied."""
    large = np.abs(x.high) > _LARGE
    down = np.where(large, _DOWN, 1.0)
    return DoubleBall(x.high * down, x.low * down, x.radius * down + np.where(large, QUANTUM, 0.0)), 1 / down


def _up_to_the_end(high: np.ndarray, low: np.ndarray, radius: np.ndarray) -> DoubleBall:
    known = (np.abs(high) <= _LARGEST_DOUBLE) & np.isfinite(low)
    return DoubleBall(high, low, np.where(known, radius, np.inf))


def certainly_above(x: DoubleBall, y: DoubleBall) -> np.ndarray:
    """Where every number of x is above every one of y (bool), infinities included."""
    difference = sub(x, y)
    # Of numbers so far apart, half the distance leaves room for their lower parts, and for both roundings.
    half = x.high / 2 - y.high / 2
    far = (half > LARGEST / 4) & (half > x.radius + y.radius)
    found: np.ndarray = far | ((difference.high > 0) & (difference.nearest_to_zero > 0))
    return found
