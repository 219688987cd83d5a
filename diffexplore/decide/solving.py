"""The value of one symbol at which an expression is a number, where it is linear or Newton's method comes there."""

from __future__ import annotations

from fractions import Fraction

import sympy
from flint import arb, fmpq

from diffexplore.decide.membership import Point
from diffexplore.formula.compare import value_at
from diffexplore.formula.remembered import remembered

FARTHEST = 10**12
_DIGITS = 10**60
_PATIENCE = 5  # steps of Newton's method in which what is missing must halve


def solved_for_symbol(direction: sympy.Expr, symbol: sympy.Basic, target: Fraction, point: Point) -> Fraction | None:
    """The symbol's value at which the direction is ``target``, where it is linear or a power of the symbol."""
    slope, start = _slope_and_start(direction, symbol)
    if start is not None:
        others = {name: number for name, number in point.items() if name != symbol}
        return _step(value_at(start, others), value_at(slope, others), target)
    off: list[arb] = []
    for _ in range(60):  # Newton's method; where it ends outside, another point is drawn
        here = value_at(direction, point)
        step = _step(here, value_at(slope, point), target)
        if step is None or here is None:
            return None
        off.append(abs(here - _ball(target)).mid())
        if len(off) > _PATIENCE and not 2 * off[-1] < off[-1 - _PATIENCE]:
            return None
        point = {**point, symbol: _short(point[symbol] + step)}
        if abs(step) < Fraction(1, 10**25):
            break
    return point[symbol]


@remembered(1024)
def _slope_and_start(direction: sympy.Expr, symbol: sympy.Basic) -> tuple[sympy.Expr, sympy.Expr | None]:
    """The derivative of a direction, and, where it is linear in the symbol, what it is at 0."""
    slope = sympy.diff(direction, symbol)
    return slope, None if symbol in slope.free_symbols else direction.subs(symbol, 0)


def _step(start: arb | None, slope: arb | None, target: Fraction) -> Fraction | None:
    """(target − start)/slope, where that is a number of ordinary size."""
    if start is None or slope is None or slope.contains(0):
        return None
    step = (_ball(target) - start) / slope
    return middle(step) if abs(step) < FARTHEST else None


def _ball(number: Fraction) -> arb:
    return arb(fmpq(number.numerator, number.denominator))


def _short(number: Fraction) -> Fraction:
    return Fraction(round(number * _DIGITS), _DIGITS)


def middle(ball: arb) -> Fraction:
    mantissa, exponent = ball.mid().man_exp()
    return _short(Fraction(int(mantissa)) * Fraction(2) ** int(exponent))
