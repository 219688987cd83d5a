"""Boundaries of which no proof speaks: is the rule wrong at them, and are they a null set?"""

from __future__ import annotations

import random
from collections.abc import Iterator, Set
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import sympy
from flint import arb
from sympy.logic.boolalg import Boolean

from diffexplore.decide.branches import Resolver
from diffexplore.decide.germs import LinePoint, all_hold, derivative, value_there
from diffexplore.decide.membership import Point, fraction, rationals, roots
from diffexplore.decide.points import points_in
from diffexplore.decide.question import EqualityQuestion
from diffexplore.decide.refute import Seen
from diffexplore.decide.regions import Region, small
from diffexplore.decide.screening import Screen
from diffexplore.decide.strata import seams_on, strata
from diffexplore.decide.sums import bound_symbols
from diffexplore.decide.zeros import Zeros
from diffexplore.formula.batch_sums import SAMPLES, BatchSum
from diffexplore.formula.compare import value_at
from diffexplore.formula.step_functions import is_rounded

_VALUES = tuple(Fraction(n, d) for n, d in ((1, 2), (1, 1), (3, 2), (2, 1), (1, 4), (3, 1), (3, 4), (5, 2)))
_TRIES = (None, Fraction(0), None, Fraction(1))  # what the other symbols are: drawn, or all the same special number
_SIZE = 4000  # longer expressions, in nodes, are not looked at
_PARTS = 60_000  # nodes times parts of boundaries that are looked at for one question
_MOST_PARTS = 40  # parts of one boundary
_EACH = 2  # points of a part


@dataclass(frozen=True)
class Wrong:
    """A point at which a rule is wrong; ``part``: what is equal to what there, where that is more than the boundary."""

    seen: Seen
    part: Region | None = None


class Written:
    """The question for a few samples, their symbols distinguished, and all sums written out."""

    def __init__(self, question: EqualityQuestion) -> None:
        self._question = question
        self._zeros = Zeros()
        left, right = question.left, question.right
        self._bound = sorted(bound_symbols(left, right) | question.of_each_sample, key=str)
        self._samples = 2 if self._bound else 0
        self._left, self._right = self.plain(left), self.plain(right)
        own = question.symbol or min(self._left.free_symbols | self._right.free_symbols, key=str)
        self._variable: sympy.Symbol = {symbol: _of_sample(symbol, 0) for symbol in self._bound}.get(own, own)
        self._size = sum(1 for side in (self._left, self._right) for _ in sympy.preorder_traversal(side))
        self._parts = _PARTS // self._size
        sides = self._left.free_symbols | self._right.free_symbols
        every = sides | {self.plain(symbol, k) for symbol in self._bound for k in range(self._samples)}
        self._symbols = sorted((every | {self._variable}) - {SAMPLES}, key=str)
        self._screen = None if question.symbol is None else Screen(self._left, self._right, self._variable)

    def wrong_at(self, p: sympy.Expr, region: Region) -> Wrong | None:
        """A point at which p is 0 and the function has a derivative, which certainly is not what is claimed there.

        Fixed symbols of the region are those of the sample with which p is met. First the other symbols are drawn;
        then each part of the boundary on which all conditions have one answer is looked at, down to its corners.
        """
        if self._size > _SIZE:
            return None
        generator = random.Random(1)
        for special in _TRIES:
            for whole in self.points(p, region, generator, special):
                found = self.seen(whole)
                if found is not None:
                    return Wrong(found)
        return self._wrong_on_part(self._plain_region(region), self.plain(p))

    def _wrong_on_part(self, start: Region | None, p: sympy.Expr) -> Wrong | None:
        most = min(_MOST_PARTS, self._parts)
        if start is None or most <= 0:
            return None
        counted = {SAMPLES: Fraction(3)} if SAMPLES in self._left.free_symbols | self._right.free_symbols else {}
        for part in strata(self._is_inside, self._zeros, seams_on(start, p), most):
            self._parts -= 1
            for drawn in points_in(part, self._symbols, count=_EACH):
                found = self.seen({**counted, **drawn})
                if found is not None:
                    return Wrong(found, self._of_first(part))
        return None

    def _of_first(self, part: Region) -> Region | None:
        """What is equal to what on a part, by the symbols of a sample; None where other samples stand in it."""
        names: dict[sympy.Basic, sympy.Basic] = {self.plain(symbol): symbol for symbol in self._bound}

        def renamed(pairs: tuple[tuple[Any, sympy.Expr], ...]) -> tuple[tuple[Any, sympy.Expr], ...]:
            return tuple((one.xreplace(names), value.xreplace(names)) for one, value in pairs)

        found = Region((), renamed(part.fixed), renamed(part.levels))
        others = {self.plain(symbol, k) for symbol in self._bound for k in range(1, self._samples)}
        return None if any(expr.free_symbols & others for pair in found.seam for expr in pair) else found

    def _is_inside(self, resolver: Resolver) -> bool:
        """Resolve both sides, where the domain is met."""
        places = range(max(self._samples, 1))
        inside = all(resolver.is_true(self.plain(one, k)) for one in self._question.domain for k in places)
        resolver.boundaries.clear()  # those of the domain are none of the two sides
        return inside and all(resolver(side) is not None for side in (self._left, self._right))

    def _plain_region(self, region: Region) -> Region | None:
        """What is known on the seam of a region, of the sample that is first here."""
        found: Region | None = Region()
        for symbol, value in region.fixed:
            found = None if found is None else found.on(self.plain(symbol), self.plain(value))
        for direction, value in region.levels:
            found = None if found is None else found.at_level(self.plain(direction - value))
        return found

    def plain(self, expr: sympy.Basic, place: int = 0) -> sympy.Basic:
        """``expr`` without sums; data outside them are those of the sample at a place."""
        names: dict[sympy.Basic, sympy.Basic] = {symbol: _of_sample(symbol, place) for symbol in self._bound}
        if self._samples:
            names[SAMPLES] = sympy.Integer(self._samples)
        return _written_out(expr, self._samples).xreplace(names)

    def points(
        self, p: sympy.Expr, region: Region, generator: random.Random, special: Fraction | None
    ) -> Iterator[Point]:
        """Values of all symbols for which p is 0 at the first sample, where the others are drawn, or ``special``."""
        crossing = self.plain(p)
        fixed = [(self.plain(symbol), self.plain(value)) for symbol, value in region.fixed]
        every = (self._left, self._right, crossing, *(value for _, value in fixed))
        symbols = {symbol for expr in every for symbol in expr.free_symbols} | {self._variable}
        symbols |= {self.plain(symbol, k) for symbol in self._bound for k in range(self._samples)}
        symbols -= {symbol for symbol, _ in fixed}
        solvable = sorted(
            crossing.free_symbols & symbols - {SAMPLES}, key=lambda one: (one != self._variable, str(one))
        )
        if not solvable:
            return
        target = solvable[0]
        others = sorted(symbols - {target}, key=str)
        point = {one: _drawn(one, generator) if special is None or one == SAMPLES else special for one in others}
        known = rationals(point)
        along = crossing.xreplace(known)
        for root in roots(along, target, list(known.values())) if small(along) else ():
            whole = {**point, target: root}
            values = [(symbol, value.xreplace(rationals(whole))) for symbol, value in fixed]
            if all(value.is_Rational for _, value in values):
                yield {**whole, **{symbol: fraction(value) for symbol, value in values}}

    def seen(self, whole: Point) -> Seen | None:
        """Both values at a point of the domain, where they are certainly apart, and shown to be."""
        if self._screen is not None and self._screen.passes(whole):
            return None
        exact = rationals(whole)
        at = exact.pop(self._variable)
        place = LinePoint(self._variable, at, self._zeros)
        question = self._question

        def at_sample(condition: Boolean, k: int) -> Boolean:
            return self.plain(condition, k).xreplace(exact)

        places = range(max(self._samples, 1))
        every = (*question.domain, *question.needs, *question.defined)
        required = [at_sample(one, k) for one in every for k in places]
        excused = [at_sample(one, k) for one in question.conventions for k in places]
        if not all_hold(required, place) or not all_hold(excused, place, otherwise=True):
            return None
        claimed = value_there(self._right.xreplace(exact), place)
        right = None if claimed is None else value_at(claimed, {})
        left = None if right is None else self._left_there(exact, place)
        if left is None or right is None or left.overlaps(right):
            return None
        samples = tuple({symbol: whole[self.plain(symbol, k)] for symbol in self._bound} for k in range(self._samples))
        named = {self.plain(symbol, k) for symbol in self._bound for k in range(self._samples)}
        point = {symbol: number for symbol, number in whole.items() if symbol not in named}
        outside = self._question.of_each_sample & (question.left.free_symbols | question.right.free_symbols)
        point |= {symbol: samples[0][symbol] for symbol in outside if samples}
        found = Seen(point, samples, left, right)
        return found if question.shows(found.counterexample()) else None

    def _left_there(self, exact: dict[sympy.Basic, sympy.Rational], place: LinePoint) -> arb | None:
        """What should be claimed at the place: the derivative, or the left side itself."""
        function = self._left.xreplace(exact)
        if self._question.symbol is not None:
            return derivative(function, place)
        found = value_there(function, place)
        return None if found is None else value_at(found, {})


def _written_out(expr: sympy.Expr, samples: int) -> sympy.Expr:
    """``expr`` with each sum as a plain sum over the samples."""
    if isinstance(expr, BatchSum):
        summand = _written_out(expr.summand, samples)
        each = ({symbol: _of_sample(symbol, place) for symbol in expr.symbols} for place in range(samples))
        return sympy.Add(*(summand.xreplace(names) for names in each))
    if not expr.has(BatchSum):
        return expr
    return expr.func(*[_written_out(argument, samples) for argument in expr.args])


def _of_sample(symbol: sympy.Basic, place: int) -> sympy.Symbol:
    """The symbol of the sample at a place."""
    return sympy.Symbol(f"{symbol}@{place + 1}", real=True)


def _drawn(symbol: sympy.Basic, generator: random.Random) -> Fraction:
    if symbol == SAMPLES:
        return Fraction(3)
    return generator.choice(_VALUES) * generator.choice((1, 1, -1))


def degenerate(p: sympy.Expr, differentiated: Set[sympy.Basic]) -> tuple[sympy.Expr, ...] | None:
    """What is 0 for the values of the other symbols at which p is 0 whatever the differentiated ones are.

    Such as (x, y) for a·x − y by a alone, and for a·x − y·b. () where there is none: p is 0 on a null set then, for
    it is analytic. None where that cannot be decided.
    """
    inner = p.free_symbols & differentiated
    if not inner:
        return (p,)
    if any(is_rounded(symbol, p) for symbol in inner):
        return None
    if p.free_symbols <= differentiated and not p.has(BatchSum):
        return ()
    if p.has(BatchSum) or not small(p):
        return None
    try:
        coefficients = sympy.Poly(p, *sorted(inner, key=str)).coeffs()
    except sympy.PolynomialError:
        return None
    if any(number.is_number and number.is_nonzero for number in coefficients):
        return ()
    return tuple(coefficients)
