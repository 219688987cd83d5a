"""Constants, tables and Taylor series on double-double balls, of arguments that are reduced to less than 1/128."""

from __future__ import annotations

import math
from fractions import Fraction
from functools import cache

import numpy as np
from flint import arb, fmpq

from diffexplore.arithmetic.balls import precision
from diffexplore.arithmetic.double_balls import DoubleBall, add, enclosing, mul, widened
from diffexplore.arithmetic.double_double import Number
from diffexplore.arithmetic.vectors import LookupTable, where, whole

#: The precision of constants and tables.
BITS = 256

#: A reduced argument is split into a multiple of 1/64, for a table, and a rest of at most 1/128 (nearly).
GRID = 64
_LARGEST_REST = 2.0**-7 * (1 + 2.0**-20)

#: Terms of a series up to this one are added in double-double, the others (below 2⁻⁴¹ of the sum) in double.
_LONG_TERMS = 4
_TERMS = 11

#: Above the sum of the terms that are left out.
_REMAINDER = 2.0**-112


@cache
def constant(name: str) -> DoubleBall:
    """log 2 by that name; π/2 by any other."""
    with precision(BITS):
        return enclosing(arb.const_log2() if name == "log 2" else arb.pi() / 2)


@cache
def rational(numerator: int, denominator: int) -> DoubleBall:
    """A quotient of whole numbers."""
    with precision(BITS):
        return enclosing(arb(fmpq(numerator, denominator)))


@cache
def _table(name: str, reach: int) -> tuple[LookupTable, ...]:
    """The function ``name`` of Arb at j/64, for j from −reach to reach."""
    with precision(BITS):
        rows = [enclosing(getattr(arb(j) / GRID, name)()) for j in range(-reach, reach + 1)]
    return tuple(LookupTable(np.array(field)) for field in zip(*rows, strict=True))


def looked_up(name: str, reach: int, place: Number) -> DoubleBall:
    """The function ``name`` at a ``place`` of the grid between −reach and reach; at others, that at 0."""
    index = whole(where(abs(place) <= reach, place, 0.0)) + reach
    return DoubleBall(*(field[index] for field in _table(name, reach)))


def only_where(condition: Number, ball: DoubleBall) -> DoubleBall:
    """The ball where the condition holds; nothing is known elsewhere."""
    return DoubleBall(ball.high, ball.low, where(condition, ball.radius, np.inf))


def _power_series(s: DoubleBall, coefficients: list[Fraction]) -> DoubleBall:
    """Σ cₖ sᵏ for |s| ≤ 1/128; the |cₖ| ≤ 1/k!, and cₖ beyond the list are not there.

    The terms from the fifth on are s⁵·q. In double, q is off by the rounding of Horner's rule (each |cₖ| ≤ 1/120, two
    roundings and one of the coefficient for each), and by what s differs from its high part: below 2⁻⁵⁰ + (|low| +
    radius)·2⁻⁹, since |q'| ≤ 1/500.
    """
    tail = 0.0 * s.high
    for coefficient in reversed(coefficients[_LONG_TERMS + 1 :]):
        tail = tail * s.high + float(coefficient)
    total = DoubleBall(tail, 0.0 * tail, 2.0**-50 + (abs(s.low) + s.radius) * 2.0**-9)
    for coefficient in reversed(coefficients[: _LONG_TERMS + 1]):
        total = mul(total, s)
        if coefficient:
            total = add(total, rational(coefficient.numerator, coefficient.denominator))
    return total


def series(s: DoubleBall, signs: tuple[int, int, int, int]) -> DoubleBall:
    """Σ ± sᵏ/k! with signs (or zeros) of period four: the exponential, the sine, the cosine of |s| ≤ 1/128."""
    coefficients = [Fraction(signs[k % 4], math.factorial(k)) for k in range(_TERMS + 1)]
    small = abs(s.high) + s.radius <= _LARGEST_REST
    # The terms left out add up to less than |s|¹²/12! · 1.01.
    return only_where(small, widened(_power_series(s, coefficients), _REMAINDER))
