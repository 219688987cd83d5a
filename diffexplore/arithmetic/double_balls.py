"""Programs on vectors of double-double balls: like Arb's, proved to contain the exact value, but for a million samples.

A ball holds all numbers within ``radius`` of ``high + low``. Each operation adds to what its operands' radii become
(second-order terms kept) the published error of its double-double algorithm. A radius that is infinite or NaN means
that nothing is known: an operand may be singular, a condition is undecided, a number is too large or too small for
the error-free transforms. Arb decides there (:mod:`diffexplore.checking.truth`).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from flint import arb

from diffexplore.arithmetic import double_double as pairs
from diffexplore.arithmetic import vectors
from diffexplore.arithmetic.balls import precision
from diffexplore.arithmetic.double_double import Number, Pair, is_double
from diffexplore.arithmetic.vectors import (
    both,
    divide,
    either,
    into,
    isfinite,
    surely,
    surely_above,
    surely_below,
    where,
)

#: Beyond it nothing is claimed. Within it no step of an operation on two numbers overflows, unless its result does.
LARGEST = 2.0**990

#: A product or quotient above it is free of underflow: Dekker's partial products are multiples of 2⁻¹⁰⁶ times it,
#: and what else may underflow is off by 2⁻¹⁰⁷⁵, which is 2⁻⁶⁹ u² of it.
SMALLEST = 2.0**-900

#: Products below ``SMALLEST`` are within it of the exact ones, since both lie below twice it.
_PRODUCT_QUANTUM = 2.0**-898

#: Below it doubles are subnormal.
_NORMAL = 2.0**-1022

#: Below it nothing is claimed of an exact number but 0: the halves into which Dekker splits it may be subnormal.
_SMALLEST_EXACT = 2.0**-960

#: More than what one operation loses below the normal numbers: by a radius that underflows, by additions (exact there,
#: unless torch was set to flush subnormal numbers to zero, which concerns NumPy as well), and by taking parts of its
#: result for 0 later. It is a normal number itself, as a subnormal operand would slow an addition down tenfold.
QUANTUM = 2.0**-1010

#: Radii are computed in double precision, with less than 16 roundings of non-negative terms each, and high stands for
#: high + low in them, which is within 2⁻⁵³ of it.
UPWARD = 1 + 2.0**-46

#: A lower bound of |high + low|, rounded, divided by |high|.
_DOWNWARD = 1 - 2.0**-50

_CONSTANT_BITS = 512


class DoubleBall(NamedTuple):
    """All numbers within ``radius`` of ``high + low``: float64 arrays, tensors or scalars that broadcast."""

    high: Number
    low: Number
    radius: Number

    @property
    def pair(self) -> Pair:
        return self.high, self.low

    @property
    def exactly_zero(self) -> Number:
        return both(self.high == 0, self.radius == 0)

    @property
    def nearest_to_zero(self) -> Number:
        """A lower bound of the absolute value, negative or NaN where there is none but 0."""
        return abs(self.high) * _DOWNWARD - self.radius

    @property
    def farthest_from_zero(self) -> Number:
        """An upper bound of the absolute value."""
        return (abs(self.high) + self.radius) * UPWARD


def exact(values: Number) -> DoubleBall:
    """Doubles as balls of radius 0; nothing is known of those out of range, nor of tiny ones."""
    values = vectors.doubles(values)
    nothing, size = vectors.zeros_like(values), abs(values)
    if surely_below(size, LARGEST) and surely_above(size, _SMALLEST_EXACT):
        return DoubleBall(values, nothing, nothing)
    # Flushed to zero, a subnormal number would compare equal to it: its bits tell.
    known = (size <= LARGEST) & ((size >= _SMALLEST_EXACT) | (vectors.bits(size) == 0))
    return DoubleBall(values, nothing, where(known, 0.0, np.inf))


def exact_samples(values: Number) -> DoubleBall:
    """The same of the numbers of many samples: one lower part, and mostly one radius, for all of them."""
    ball = exact(values)
    radius = np.float64(0) if surely(ball.radius == 0) else ball.radius
    return DoubleBall(ball.high, np.float64(0), radius)


def enclosing(ball: arb) -> DoubleBall:
    """One Arb number as a ball of scalars."""
    with precision(_CONSTANT_BITS):
        high = float(ball.mid())
        if high != 0 and not _SMALLEST_EXACT <= abs(high) <= LARGEST:
            return exact(np.inf)
        low = float(ball.mid() - high)
        error = abs(ball - high - low).upper()
        normal = low == 0 or abs(low) >= _NORMAL
        radius = 0.0 if error == 0 and normal else float(error) * UPWARD + QUANTUM
    return DoubleBall(*pairs.two_sum(np.float64(high), np.float64(low)), np.float64(radius))


def total(ball: DoubleBall) -> DoubleBall:
    """The sum of balls along the first axis, by halves: of a vector a ball of scalars. Source: pairwise summation."""
    n = len(ball.high)
    while n > 1:
        half = n // 2
        pairwise = add(part(ball, 0, half), part(ball, half, 2 * half))
        ball = joined(pairwise, part(ball, 2 * half, n)) if n % 2 else pairwise
        n -= half
    return DoubleBall(*(vectors.first(field) if n else np.float64(0.0) for field in ball))


def part(ball: DoubleBall, start: int, stop: int) -> DoubleBall:
    return DoubleBall(*(vectors.section(field, start, stop) for field in ball))


def joined(*balls: DoubleBall) -> DoubleBall:
    return DoubleBall(*map(vectors.concatenated, zip(*balls, strict=True)))


# ------------------------------------------------------------------------------------------------------- arithmetic
def _known(high: Number, low: Number, radius: Number, size: Number) -> DoubleBall:
    """A ball whose radius is infinite where its number, of this size, is out of range."""
    return DoubleBall(high, low, radius if surely_below(size, LARGEST) else where(size <= LARGEST, radius, np.inf))


def _upward(spread: Number, error: float, size: Number, quantum: float) -> Number:
    """What operands spread, and an error relative to the size of the result, rounded upward."""
    total = error * size
    total = into(np.add, spread, total, total)
    total = into(np.multiply, total, UPWARD, total)
    return into(np.add, total, quantum, total)


def add(x: DoubleBall, y: DoubleBall) -> DoubleBall:
    high, low = pairs.add(x.pair, y.pair)
    size = abs(high)
    total = _known(high, low, _upward(x.radius + y.radius, pairs.ADD_ERROR, size, QUANTUM), size)
    return total if surely(high) else _exact_zeros(total, both(x.exactly_zero, y.exactly_zero))


def neg(x: DoubleBall) -> DoubleBall:
    return DoubleBall(-x.high, -x.low, x.radius)


def sub(x: DoubleBall, y: DoubleBall) -> DoubleBall:
    return add(x, neg(y))


def mul(x: DoubleBall, y: DoubleBall) -> DoubleBall:
    high, low = pairs.mul(x.pair, y.pair)
    size = abs(high)
    product = _known(high, low, _upward(_spread(x, y), pairs.MUL_ERROR, size, _PRODUCT_QUANTUM), size)
    if isinstance(low, float) and math.isnan(low):  # of two numbers, one of them too large to be split
        return DoubleBall(low, low, np.float64(np.inf))
    if surely(high):
        return product
    return _exact_zeros(product, either(both(x.exactly_zero, _in_range(y)), both(y.exactly_zero, _in_range(x))))


def _spread(x: DoubleBall, y: DoubleBall) -> Number:
    """What the radii of two factors make of those of their product."""
    if is_double(x.radius) and surely(isfinite(y.high)):
        return abs(x.high) * y.radius
    if is_double(y.radius) and surely(isfinite(x.high)):
        return abs(y.high) * x.radius
    total = abs(x.high) * y.radius
    return into(np.add, total, (abs(y.high) + y.radius) * x.radius, total)


def case_add(x: DoubleBall, y: DoubleBall) -> DoubleBall:
    """The sum, of radius 0 where two doubles add up to a pair without error (Knuth's TwoSum): then it decides cases."""
    return _exact_pair(add(x, y), x, y)


def case_sub(x: DoubleBall, y: DoubleBall) -> DoubleBall:
    return case_add(x, neg(y))


def case_mul(x: DoubleBall, y: DoubleBall) -> DoubleBall:
    """The product, of radius 0 where that of two doubles is a pair (Dekker's TwoProduct)."""
    product = mul(x, y)
    return _exact_pair(product, x, y, abs(product.high) >= SMALLEST)


def _exact_pair(found: DoubleBall, x: DoubleBall, y: DoubleBall, clear: Number = True) -> DoubleBall:
    # Doubles of a size from 2⁻⁹⁶⁰ on are multiples of 2⁻¹⁰¹²: no part of their sum is subnormal.
    return _exact_zeros(found, both(x.low == 0, y.low == 0, x.radius == 0, y.radius == 0, clear, _in_range(found)))


def div(x: DoubleBall, y: DoubleBall) -> DoubleBall:
    high, low = pairs.div(x.pair, y.pair)
    size, room = abs(high), y.nearest_to_zero
    spread = size * y.radius
    spread = into(np.divide, into(np.add, x.radius, spread, spread), room, spread)
    radius = _upward(spread, pairs.DIV_ERROR, size, QUANTUM)
    if not (surely(room > 0) and surely_above(abs(x.high), SMALLEST) and surely_above(size, SMALLEST)):
        normal = both(abs(x.high) >= SMALLEST, size >= SMALLEST)
        radius = where(both(room > 0, either(normal, x.exactly_zero)), radius, np.inf)
    quotient = _known(high, low, radius, size)
    return quotient if surely(high) else _exact_zeros(quotient, both(x.exactly_zero, room > 0, _in_range(y)))


def sqrt(x: DoubleBall) -> DoubleBall:
    # |√X − √x| = |X − x| / (√X + √x), for every X ≥ 0.
    high, low = pairs.sqrt(x.pair)
    clear = both(x.high >= SMALLEST, x.nearest_to_zero > 0)
    radius = (divide(x.radius, high) + pairs.SQRT_ERROR * high) * UPWARD + QUANTUM
    return _known(high, low, where(clear, radius, np.inf), abs(high))


def times_power_of_two(x: DoubleBall, exponent: Number) -> DoubleBall:
    """x · 2^exponent, for exponents from −1000 to 1000."""
    # Only what becomes subnormal is rounded, by half a quantum in each part.
    factor = 2.0**exponent if isinstance(exponent, int) else vectors.of_bits((vectors.whole(exponent) + 1023) << 52)
    high, low, radius = (field * factor for field in x)
    return _known(high, low, radius * UPWARD + 2 * QUANTUM, abs(high))


def widened(x: DoubleBall, radius: Number) -> DoubleBall:
    """x with a larger radius."""
    return DoubleBall(x.high, x.low, (x.radius + radius) * UPWARD + QUANTUM)


def _in_range(x: DoubleBall) -> Number:
    return both(isfinite(x.radius), abs(x.high) <= LARGEST)


def _exact_zeros(x: DoubleBall, where_zero: Number) -> DoubleBall:
    return DoubleBall(x.high, x.low, where(where_zero, 0.0, x.radius))
