"""Numbers at equal distances, and powers at such exponents, enclosed."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import numpy as np
from flint import arb, fmpq

from diffexplore.arithmetic.balls import precision
from diffexplore.arithmetic.double_balls import DoubleBall, add, enclosing, exact, mul
from diffexplore.arithmetic.double_functions import exp

_BITS = 256

#: Of whole numbers below it sums and products are doubles.
_WHOLE = 2**53

#: Beyond powers with such exponents there are no doubles, but of a base near 1.
_MOST = 1100


def progression(start: Fraction, step: Fraction, count: int) -> DoubleBall:
    """start + i·step for i from 0 to ``count`` − 1; those that are doubles have radius 0."""
    unit = Fraction(1, max(start.denominator, step.denominator))
    reach = (abs(start) + count * abs(step)) / unit
    binary = all(_is_power_of_two(number.denominator) for number in (start, step))
    if binary and unit.denominator < 2**900 and reach < _WHOLE:
        steps = np.arange(count, dtype=np.float64) * float(step / unit) + float(start / unit)
        return exact(steps * float(unit))
    place = exact(np.arange(count, dtype=np.float64))
    found = add(_enclosed(start), mul(_enclosed(step), place))
    return _with_doubles(found, lambda i: start + i * step)


def powers(base: Fraction, start: Fraction, step: Fraction, count: int) -> DoubleBall:
    """base ** (start + i·step) for i from 0 to ``count`` − 1, of a positive base."""
    with precision(_BITS):
        logarithm = enclosing(arb(fmpq(base.numerator, base.denominator)).log())
    found = exp(mul(logarithm, progression(start, step, count)))

    def power(i: int) -> Fraction | None:
        exponent = start + i * step
        return base ** int(exponent) if exponent.denominator == 1 and abs(exponent) < _MOST else None

    return _with_doubles(found, power)


def _enclosed(number: Fraction) -> DoubleBall:
    with precision(_BITS):
        return enclosing(arb(fmpq(number.numerator, number.denominator)))


def _is_power_of_two(number: int) -> bool:
    return number & (number - 1) == 0


def _with_doubles(ball: DoubleBall, number: Callable[[int], Fraction | None]) -> DoubleBall:
    """A ball of numbers, of radius 0 at those that are doubles; ``number`` says which it is, at a place."""
    high, low, radius = (np.array(np.broadcast_to(field, ball.high.shape)) for field in ball)
    for place in np.flatnonzero(np.abs(low) <= radius):
        if number(int(place)) == Fraction(float(high[place])):
            low[place] = radius[place] = 0.0
    return DoubleBall(high, low, radius)
