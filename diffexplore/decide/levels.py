"""Points at which an expression has exactly one value that no symbol can be solved for: y² + t² = 1 at (3/5, 4/5)."""

from __future__ import annotations

import random
from collections.abc import Iterator
from fractions import Fraction

import sympy

from diffexplore.decide.membership import Point, exactly_zero, inside, rational
from diffexplore.decide.regions import Region
from diffexplore.formula.batch_sums import BatchSum

_SPECIAL = tuple(Fraction(n, d) for n, d in ((0, 1), (1, 1), (3, 5), (3, 4), (2, 1), (4, 3), (1, 2), (5, 12), (-1, 1)))
"""What the other symbols are at every other try: with these, sums of squares and products have rational roots."""

_TRIES = 8
_MOST_CONSTANTS = 6


def onto_levels(region: Region, point: Point, fixed: Point, generator: random.Random) -> Point | None:
    """The point moved onto all levels of a region, within its bounds; None where no such point is found.

    ``fixed`` are the values of other symbols, which stay.
    """
    if not region.levels:
        return point
    for number in range(_TRIES):
        moved: Point | None = dict(point)
        for direction, value in region.levels:
            moved = (
                None if moved is None else _onto(direction - value, moved, fixed, generator, special=number % 2 == 0)
            )
        if moved is not None and _keeps(region, moved, fixed):
            return moved
    return None


def _onto(p: sympy.Expr, point: Point, fixed: Point, generator: random.Random, *, special: bool) -> Point | None:
    """The point with one symbol, at which p is exactly 0, and with special values of the others if requested."""
    mine = [symbol for symbol in sorted(p.free_symbols, key=str) if symbol in point]
    if not mine or p.has(BatchSum):
        return point
    generator.shuffle(mine)
    target, *others = mine
    found = dict(point)
    if special:
        found |= {symbol: generator.choice(_SPECIAL) for symbol in others}
    known = {symbol: rational(number) for symbol, number in {**fixed, **found}.items() if symbol != target}
    along = p.xreplace(known)
    roots = list(_roots(along, target, list(known.values()))) if along.free_symbols == {target} else []
    return None if not roots else {**found, target: generator.choice(roots)}


def _roots(p: sympy.Expr, symbol: sympy.Basic, nearby: list[sympy.Rational]) -> Iterator[Fraction]:
    """Rational numbers at which p, in one symbol, is exactly 0: of a polynomial all, of others what is tried."""
    try:
        roots = list(sympy.Poly(p, symbol).ground_roots())
    except sympy.PolynomialError:
        roots = [number for number in _tried(p, nearby) if p.xreplace({symbol: number}).is_zero]
    yield from (Fraction(int(root.p), int(root.q)) for root in sorted(roots))


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
