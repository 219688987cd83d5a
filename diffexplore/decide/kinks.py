"""Boundaries that the differentiated symbol crosses: is the rule wrong at them, and are they a null set?"""

from __future__ import annotations

import random
from collections.abc import Iterator, Set
from fractions import Fraction

import sympy
from sympy.logic.boolalg import Boolean

from diffexplore.decide.germs import LinePoint, all_hold, derivative, value_there
from diffexplore.decide.membership import Point, fraction, rationals, roots_of
from diffexplore.decide.question import EqualityQuestion
from diffexplore.decide.refute import Seen
from diffexplore.decide.regions import Region, small
from diffexplore.decide.sums import bound_symbols
from diffexplore.decide.zeros import Zeros
from diffexplore.formula.batch_sums import SAMPLES, BatchSum
from diffexplore.formula.compare import value_at
from diffexplore.formula.step_functions import is_rounded

_VALUES = tuple(Fraction(n, d) for n, d in ((1, 2), (1, 1), (3, 2), (2, 1), (1, 4), (3, 1), (3, 4), (5, 2)))
_TRIES = (None, Fraction(0), None, Fraction(1))  # what the other symbols are: drawn, or all the same special number
_SIZE = 4000  # longer expressions, in nodes, are not looked at


class Written:
    """The question for a few samples, their symbols distinguished, and all sums written out."""

    def __init__(self, question: EqualityQuestion) -> None:
        self._question = question
        self._zeros = Zeros()
        left, right = question.left, question.right
        self._bound = sorted(bound_symbols(left, right) | question.of_each_sample, key=str)
        self._samples = 2 if self._bound else 0
        self._left, self._right = self.plain(left), self.plain(right)
        assert question.symbol is not None
        first = {symbol: _of_sample(symbol, 0) for symbol in self._bound}
        self._variable = first.get(question.symbol, question.symbol)
        self._size = sum(1 for side in (self._left, self._right) for _ in sympy.preorder_traversal(side))

    def wrong_at(self, p: sympy.Expr, region: Region) -> Seen | None:
        """A point at which p is 0 and the function has a derivative, which certainly is not what is claimed there.

        Fixed symbols of the region are those of the sample with which p is met.
        """
        if self._size > _SIZE:
            return None
        generator = random.Random(1)
        for special in _TRIES:
            for whole in self.points(p, region, generator, special):
                found = self.seen(whole)
                if found is not None:
                    return found
        return None

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
        target = self._variable if self._variable in crossing.free_symbols else None
        if target is None:
            return
        others = sorted(symbols - {target}, key=str)
        point = {one: _drawn(one, generator) if special is None or one == SAMPLES else special for one in others}
        along = crossing.xreplace(rationals(point))
        for root in (roots_of(along, target) if small(along) else None) or ():
            whole = {**point, target: root}
            values = [(symbol, value.xreplace(rationals(whole))) for symbol, value in fixed]
            if all(value.is_Rational for _, value in values):
                yield {**whole, **{symbol: fraction(value) for symbol, value in values}}

    def seen(self, whole: Point) -> Seen | None:
        """Both values at a point of the domain, where they are certainly apart."""
        exact = rationals(whole)
        at = exact.pop(self._variable)
        place = LinePoint(self._variable, at, self._zeros)
        question = self._question

        def at_sample(condition: Boolean, k: int) -> Boolean:
            return self.plain(condition, k).xreplace(exact)

        places = range(max(self._samples, 1))
        required = [at_sample(one, k) for one in (*question.domain, *question.needs) for k in places]
        excused = [at_sample(one, k) for one in question.conventions for k in places]
        if not all_hold(required, place) or not all_hold(excused, place, otherwise=True):
            return None
        exactly = derivative(self._left.xreplace(exact), place)
        claimed = None if exactly is None else value_there(self._right.xreplace(exact), place)
        if exactly is None or claimed is None:
            return None
        left, right = value_at(exactly, {}), value_at(claimed, {})
        if left is None or right is None or left.overlaps(right):
            return None
        samples = tuple({symbol: whole[self.plain(symbol, k)] for symbol in self._bound} for k in range(self._samples))
        named = {self.plain(symbol, k) for symbol in self._bound for k in range(self._samples)}
        point = {symbol: number for symbol, number in whole.items() if symbol not in named}
        outside = self._question.of_each_sample & (question.left.free_symbols | question.right.free_symbols)
        point |= {symbol: samples[0][symbol] for symbol in outside if samples}
        return Seen(point, samples, left, right)


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
