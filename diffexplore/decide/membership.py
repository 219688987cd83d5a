"""Whether points are certainly in a region, and points moved onto its seam."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

import sympy

from diffexplore.decide.regions import OpenInterval, Region
from diffexplore.formula.batch_sums import BatchSum
from diffexplore.formula.compare import value_at

Point = dict[sympy.Basic, Fraction]


def rational(number: Fraction) -> sympy.Rational:
    """An exact number as SymPy has it."""
    return sympy.Rational(number.numerator, number.denominator)


def moved_onto(region: Region, point: Point, fixed: Point | None = None) -> Point | None:
    """The point with the symbols that the seam of a region fixes; None where it is not certainly in the region.

    ``fixed`` are the values of other symbols.
    """
    onto = dict(region.fixed)
    free = {symbol: number for symbol, number in point.items() if symbol not in onto}
    if not all(inside(*bound, {**(fixed or {}), **free}) for bound in region.bounds):
        return None
    if not all(exactly_zero(direction - value, {**(fixed or {}), **free}) for direction, value in region.levels):
        return None
    found = on_seam(onto, free, fixed or {})
    return found if found is None or found.keys() >= point.keys() else {**point, **found}


def on_seam(onto: Mapping[sympy.Symbol, sympy.Expr], point: Point, fixed: Point) -> Point | None:
    """The point with the symbols that a seam fixes; None where they are not rational, or have other values already."""
    known = {symbol: rational(number) for symbol, number in {**fixed, **point}.items()}
    values = {symbol: expr.xreplace(known) for symbol, expr in onto.items()}
    if not all(value.is_Rational for value in values.values()):
        return None
    found = {symbol: Fraction(int(value.p), int(value.q)) for symbol, value in values.items()}
    if any(fixed.get(symbol, number) != number for symbol, number in found.items()):
        return None
    return {**point, **{symbol: number for symbol, number in found.items() if symbol not in fixed}}


def exactly_zero(p: sympy.Expr, point: Point) -> bool:
    """Whether p is exactly 0; one with sums, or with other symbols, is passed over."""
    if p.has(BatchSum) or not p.free_symbols <= set(point):
        return True
    number = sympy.expand(p.xreplace({symbol: rational(number) for symbol, number in point.items()}))
    return bool(number.is_zero)


def inside(direction: sympy.Expr, interval: OpenInterval, point: Point) -> bool:
    """Whether a direction certainly keeps its bounds; one with sums, or with other symbols, is passed over."""
    if direction.has(BatchSum) or not direction.free_symbols <= set(point):
        return True  # sums are looked at with their samples
    for bound, sign in ((interval.low, 1), (interval.high, -1)):
        if bound is not None:
            ball = value_at(sign * (direction - bound), point)
            if ball is None or not ball > 0:
                return False
    return True
