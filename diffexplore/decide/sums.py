"""Sums over the samples: one sum where they enter linearly, else in a canonical form, term by term.

Nothing is used but that Σ is linear and that constants move through it, so what is shown holds for every number of
samples. Where summands have branches, the samples are sorted by the region in which they lie: Σ = Σ over regions of
the sum over the samples there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

import sympy

from diffexplore.decide import unified
from diffexplore.decide.branches import Resolver
from diffexplore.decide.domain_conditions import domain_conditions, nonnegative_by
from diffexplore.decide.generators import Converter
from diffexplore.decide.rational import Poly, Quotient, factored, key_of, single
from diffexplore.formula.batch_sums import SAMPLES, BatchSum, outermost


def sums_in(expr: sympy.Basic) -> list[BatchSum]:
    """All sums in ``expr``, those within sums as well."""
    return list(_sums_in(expr))


@lru_cache(1024)  # a decision comes back to its sides many times
def _sums_in(expr: sympy.Basic) -> tuple[BatchSum, ...]:
    return tuple(node for node in sympy.preorder_traversal(expr) if isinstance(node, BatchSum))


def bound_symbols(*expressions: sympy.Basic) -> set[sympy.Basic]:
    """The symbols that sums in expressions bind."""
    return {symbol for expr in expressions for one in sums_in(expr) for symbol in one.symbols}


def as_one_summand(expr: sympy.Expr) -> sympy.Expr | None:
    """g with expr = Σ g, where the sums of ``expr`` enter linearly; None where they do not.

    c₀ + Σ c·Σf = Σ (c₀/N + c·f), for what stands outside the sums is the same for every sample. A data symbol that
    stands outside is that of one sample, and gets a name of its own.
    """
    sums = outermost(expr)
    names = {one: sympy.Dummy(real=True) for one in sums}
    outer = expr.xreplace(names)
    outside = {symbol: sympy.Symbol(f"{symbol}ⱼ", real=True) for one in sums for symbol in one.symbols}
    outer = outer.xreplace(outside)
    slopes = {one: sympy.diff(outer, name) for one, name in names.items()}
    if any(slope.free_symbols & set(names.values()) for slope in slopes.values()):
        return None
    constant = outer.xreplace(dict.fromkeys(names.values(), sympy.S.Zero))
    if constant.has(sympy.nan, sympy.zoo, sympy.oo, -sympy.oo):
        return None  # log(Σ …), whose slopes cancel
    return constant / SAMPLES + sympy.Add(*(slope * one.summand for one, slope in slopes.items()))


class SumRule:
    """How a converter turns sums: Σ (c·m)/d over terms with data m, and c free of data, is the sum of c·Σ m/d."""

    def __init__(self, bound: set[sympy.Basic], resolvers: Sequence[Resolver]) -> None:
        self._bound = bound
        self._resolvers = resolvers

    def __call__(self, converter: Converter, one: BatchSum) -> Quotient:
        ring, total = converter.ring, converter.ring.zero
        for place, resolver in enumerate(self._resolvers):
            summand = resolver(one.summand)
            facts = [*resolver.region.nonnegative(), *nonnegative_by(domain_conditions((summand,)))]
            if converter.learning:  # the facts about a sum may have this sum in them: that would not end
                facts = [fact for fact in facts if not fact.has(BatchSum)]
            with converter.assuming((place, summand, converter.learning), facts):
                value = converter.reduced(converter.convert(summand))
            for coefficient, powers, below in self._split(converter, value):
                total = ring.add(total, ring.mul(coefficient, self._over(converter, place, powers, below)))
        return total

    def vanishes(self, converter: Converter, expr: sympy.Expr) -> bool:
        """Whether ``expr`` is 0 wherever it is defined (False: not shown to be)."""
        value = converter.convert(expr)
        if converter.ring.is_zero(value):
            return True
        return unified.vanishes(converter, value, converter.sums, converter.convert(SAMPLES), self._has_data(converter))

    def _has_data(self, converter: Converter) -> Callable[[int], bool]:
        return lambda number: bool(converter.depends_on(converter.ring.generator(number)) & self._bound)

    def _split(self, converter: Converter, value: Quotient) -> list[tuple[Quotient, unified.Powers, Poly]]:
        """value as terms: a coefficient free of data, powers of the generators with data, a denominator with data."""
        ring = converter.ring
        content, factors = factored(value.bottom)
        constant, with_data = content * ring.one.top, ring.one.top
        for factor, power in factors:
            if converter.depends_on(Quotient(factor, ring.one.top)) & self._bound:
                with_data = with_data * factor**power
            else:
                constant = constant * factor**power
        parts = unified.by_data(value.top, ring, self._has_data(converter))
        return [(ring.over(part, constant), powers, with_data) for powers, part in parts.items()]

    def _over(self, converter: Converter, place: int, powers: unified.Powers, below: Poly) -> Quotient:
        """Σ of one term over the samples in a region; over those in the last, it is what the others leave."""
        ring = converter.ring
        last = len(self._resolvers) - 1
        if place < last:
            return self._atom(converter, place, powers, below)
        with_data = any(powers) or not below.is_one()
        total = self._atom(converter, None, powers, below) if with_data else converter.convert(SAMPLES)
        for other in range(last):
            total = ring.add(total, ring.negative(self._atom(converter, other, powers, below)))
        return total

    def _atom(self, converter: Converter, place: int | None, powers: unified.Powers, below: Poly) -> Quotient:
        atom = converter.atom(("sum", place, powers, key_of(below)))
        number = single(atom.top)
        assert number is not None
        converter.sums[number] = unified.Term(place, powers, below)
        return atom
