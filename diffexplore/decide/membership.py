"""Whether points are certainly in a region, and points moved onto its seam and levels: y² + t² = 1 at (3/5, 4/5)."""

from __future__ import annotations

import random
from collections.abc import Mapping
from fractions import Fraction
from typing import cast

import sympy
from flint import acb, arb, fmpq, fmpz_poly

from diffexplore.arithmetic.balls import BALLS, precision
from diffexplore.decide.regions import OpenInterval, Region
from diffexplore.formula.batch_sums import BatchSum
from diffexplore.formula.budget import spend
from diffexplore.formula.compare import value_at
from diffexplore.formula.dependence import symbols_in
from diffexplore.program.program import lower

Point = dict[sympy.Basic, Fraction]

_SPECIAL = tuple(Fraction(n, d) for n, d in ((0, 1), (1, 1), (3, 5), (3, 4), (2, 1), (4, 3), (1, 2), (5, 12), (-1, 1)))
"""What the other symbols are at two of three tries: with these, sums of squares and products have rational roots."""

_TRIES = 12  # in turn with special values, with special values of which all but one are 0, and with those drawn

_MOST_CONSTANTS = 6

_HIGHEST_DEGREE = 60
_ROOT_BITS = 512


def rational(number: Fraction) -> sympy.Rational:
    """An exact number as SymPy has it."""
    return sympy.Rational(number.numerator, number.denominator)


def rationals(point: Mapping[sympy.Basic, Fraction]) -> dict[sympy.Basic, sympy.Rational]:
    """The values of a point as SymPy has them."""
    return {symbol: rational(number) for symbol, number in point.items()}


def fraction(number: sympy.Rational) -> Fraction:
    """A number of SymPy as Python has it."""
    return Fraction(int(number.p), int(number.q))


def rounded(point: Mapping[sympy.Basic, Fraction], digits: int) -> Point:
    """The values of a point with so many decimals."""
    return {symbol: Fraction(round(number * 10**digits), 10**digits) for symbol, number in point.items()}


def roots_of(p: sympy.Expr, symbol: sympy.Basic) -> list[Fraction] | None:
    """The rational roots of a polynomial in one symbol, in order; None for another expression."""
    try:
        found = sympy.Poly(p, symbol).ground_roots()  # not all rational where a coefficient is none, as sin(1)
        return sorted(fraction(root) for root in found if root.is_Rational)
    except sympy.PolynomialError:
        return None


def real_roots(p: sympy.Expr, symbol: sympy.Basic) -> list[Fraction]:
    """All real roots of a polynomial in one symbol, each to 60 bits at least; none of another expression."""
    poly = sympy.Poly(p, symbol) if p.is_polynomial(symbol) else None
    if poly is None or not (poly.domain.is_ZZ or poly.domain.is_QQ) or not 0 < poly.degree() <= _HIGHEST_DEGREE:
        return []
    spend(poly.degree() ** 2)
    whole = poly.clear_denoms(convert=True)[1]
    with precision(_ROOT_BITS):
        found = fmpz_poly(list(map(int, reversed(whole.all_coeffs())))).complex_roots()
    places = [cast(tuple[acb, int], one)[0] for one in found]  # flint's own types leave the multiplicity out
    return sorted(_middle_of(place.real) for place in places if place.imag.is_zero())


def _middle_of(ball: arb) -> Fraction:
    mantissa, exponent = ball.mid().man_exp()
    return Fraction(int(mantissa)) * Fraction(2) ** int(exponent)


def moved_onto(region: Region, point: Point, fixed: Point | None = None) -> Point | None:
    """The point with the symbols that the seam of a region fixes; None where it is not certainly in the region.

    ``fixed`` are the values of other symbols.
    """
    onto = dict(region.fixed)
    free = {symbol: number for symbol, number in point.items() if symbol not in onto}
    if not _keeps(region, free, fixed or {}):
        return None
    found = on_seam(onto, free, fixed or {})
    return found if found is None or found.keys() >= point.keys() else {**point, **found}


def on_seam(onto: Mapping[sympy.Symbol, sympy.Expr], point: Point, fixed: Point) -> Point | None:
    """The point with the symbols that a seam fixes; None where they are not rational, or have other values already."""
    known = rationals({**fixed, **point})
    values = {symbol: expr.xreplace(known) for symbol, expr in onto.items()}
    if not all(value.is_Rational for value in values.values()):
        return None
    found = {symbol: fraction(value) for symbol, value in values.items()}
    if any(fixed.get(symbol, number) != number for symbol, number in found.items()):
        return None
    return {**point, **{symbol: number for symbol, number in found.items() if symbol not in fixed}}


def exactly_zero(p: sympy.Expr, point: Point) -> bool:
    """Whether p is exactly 0; one with sums, or with other symbols, is passed over."""
    if not symbols_in(p) <= point.keys() or p.has(BatchSum):
        return True
    return bool(sympy.expand(p.xreplace(rationals(point))).is_zero)


def inside(direction: sympy.Expr, interval: OpenInterval, point: Point) -> bool:
    """Whether a direction certainly keeps its bounds; one with sums, or with other symbols, is passed over."""
    if not symbols_in(direction) <= point.keys() or direction.has(BatchSum):
        return True  # sums are looked at with their samples
    return all(_is_positive(positive, point) for positive in interval.positive(direction))


def _is_positive(expr: sympy.Expr, point: Point) -> bool:
    """Whether it certainly is at a point; exactly where a ball of 50 digits holds 0, as in a disc of radius 10⁻⁴⁰."""
    ball = value_at(expr, point)
    if ball is None or ball > 0 or ball < 0 or ball == 0:
        return ball is not None and bool(ball > 0)
    number = expr.xreplace(rationals(point))
    return bool(number.is_Rational and number > 0)


def onto_levels(region: Region, point: Point, fixed: Point, generator: random.Random) -> Point | None:
    """The point moved onto all levels of a region, within its bounds; None where no such point is found.

    ``fixed`` are the values of other symbols, which stay.
    """
    if not region.levels:
        return point
    for number in range(_TRIES):
        moved: Point | None = dict(point)
        for direction, value in region.levels:
            moved = None if moved is None else _onto(direction - value, moved, fixed, generator, kind=number % 3)
        if moved is not None and _keeps(region, moved, fixed):
            return moved
    return None


def _onto(p: sympy.Expr, point: Point, fixed: Point, generator: random.Random, *, kind: int) -> Point | None:
    """The point with one symbol, at which p is exactly 0; ``kind`` is what the others are, as for ``_TRIES``."""
    mine = [symbol for symbol in sorted(p.free_symbols, key=str) if symbol in point]
    if not mine or p.has(BatchSum):
        return point
    generator.shuffle(mine)
    target, *others = mine
    found = dict(point)
    if kind < 2:
        found |= {
            symbol: Fraction(0) if kind and place else generator.choice(_SPECIAL) for place, symbol in enumerate(others)
        }
    known = rationals({symbol: number for symbol, number in {**fixed, **found}.items() if symbol != target})
    along = p.xreplace(known)
    there = roots(along, target, list(known.values())) if along.free_symbols == {target} else []
    return {**found, target: generator.choice(there)} if there else None


def roots(p: sympy.Expr, symbol: sympy.Basic, nearby: list[sympy.Rational]) -> list[Fraction]:
    """Rational numbers at which p, in one symbol, is exactly 0: of a polynomial all, of others what is tried."""
    found = roots_of(p, symbol)
    if found is None:
        near = _near_zero(p, symbol, _tried(p, nearby))
        found = sorted(fraction(number) for number in near if p.xreplace({symbol: number}).is_zero)
    return found


def _near_zero(p: sympy.Expr, symbol: sympy.Basic, numbers: list[sympy.Rational]) -> list[sympy.Rational]:
    """The numbers at which a ball around p holds 0, or none is found: SymPy takes long to say that a root is not 0."""
    spend(len(numbers))
    try:
        program = lower([p], [str(symbol)])
        with precision(_ROOT_BITS):
            balls = [program.run(BALLS, {str(symbol): arb(fmpq(int(one.p), int(one.q)))})[0] for one in numbers]
    except TypeError:  # what no operation computes
        return numbers
    return [number for number, ball in zip(numbers, balls, strict=True) if not ball.is_finite() or ball.contains(0)]


def _tried(p: sympy.Expr, nearby: list[sympy.Rational]) -> list[sympy.Rational]:
    """Small whole numbers and halves, and numbers that are made of those in p and of the values ``nearby``."""
    constants = sorted(p.atoms(sympy.Rational), key=lambda number: (abs(number), number))[-_MOST_CONSTANTS:]
    made = [
        made
        for number in (*constants, *nearby)
        for made in (number, -number, number**2, number + sympy.S.Half, number + 1, number - 1)
    ]
    small = [sympy.Rational(k, 2) for k in range(-10, 11)]
    return list(dict.fromkeys((*small, *made)))


def _keeps(region: Region, point: Point, fixed: Point) -> bool:
    """Whether a point lies exactly on the levels, and within the bounds; what has other symbols is passed over."""
    whole = {**fixed, **point}
    on_all = all(exactly_zero(direction - value, whole) for direction, value in region.levels)
    return on_all and all(inside(*bound, whole) for bound in region.bounds)
