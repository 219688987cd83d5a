"""The side conditions of a proof in words: each once, in its shortest form, and none that follows from others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import sympy

from diffexplore.decide.domain_conditions import DomainCondition
from diffexplore.decide.records import Unsupported
from diffexplore.decide.regions import Region, line_of
from diffexplore.formula.batch_sums import BatchSum
from diffexplore.formula.order import is_reciprocal
from diffexplore.formula.signs import certainly
from diffexplore.formula.singularities import nonzero_in
from diffexplore.formula.text import to_text


@dataclass(frozen=True)
class SideCondition:
    """A condition; the symbols among ``data`` are those of every sample, not of one.

    ``where``: the seam on which alone it must hold; without one for everywhere.
    """

    need: DomainCondition
    data: frozenset[sympy.Basic] = field(default=frozenset())
    where: Region = field(default_factory=Region)

    @property
    def every_sample(self) -> bool:
        return bool(self.need.expr.free_symbols & self.data)

    @property
    def text(self) -> str:
        where = f" where {self.where}" if self.where.seam else ""
        return self.need.text() + where + (" for every sample" if self.every_sample else "")

    def renamed(self, names: Mapping[sympy.Basic, sympy.Basic]) -> SideCondition:
        """The same of other symbols, all exchanged at once."""
        need = DomainCondition(self.need.expr.xreplace(names), self.need.kind)
        data = frozenset(names.get(symbol, symbol) for symbol in self.data)
        fixed, levels = (
            tuple((one.xreplace(names), value.xreplace(names)) for one, value in pairs)
            for pairs in (self.where.fixed, self.where.levels)
        )
        return SideCondition(need, data, Region((), fixed, levels))

    def simpler(self) -> SideCondition:
        """The same, of what stands under a root, or beside 0 in a maximum."""
        expr, kind = self.need.expr, self.need.kind
        if kind in ("nonzero", "positive") and isinstance(expr, sympy.Max) and len(expr.args) == 2 and 0 in expr.args:
            return SideCondition(DomainCondition(sympy.Add(*expr.args), "positive"), self.data, self.where)
        if self.need.kind != "nonzero":
            return self
        return SideCondition(DomainCondition(_simpler(self.need.expr), "nonzero"), self.data, self.where)


def shortest(conditions: Iterable[SideCondition]) -> list[SideCondition]:
    """The conditions, each once and in its shortest form."""
    found: dict[object, SideCondition] = {}
    for one in (condition.simpler() for condition in conditions):
        line, kind = line_of(one.need.expr), one.need.kind
        side = 0 if kind == "nonzero" else line.factor
        key = (kind, line.direction, line.threshold, side, one.every_sample, one.where)
        known = found.setdefault(key, one)
        if len(one.text) < len(known.text):
            found[key] = one
    kept = list(found.values())
    for one in list(kept):
        if _follows(one, [other for other in kept if other is not one]):
            kept.remove(one)
    return kept


def _follows(one: SideCondition, others: Sequence[SideCondition]) -> bool:
    """Whether a condition is certain where the others hold; what holds of one sample says nothing of every one.

    Nor does what must hold on a seam alone say anything elsewhere.
    """
    region = Region()
    try:
        for other in others:
            if other.where.seam and other.where != one.where:
                continue
            if one.every_sample and not other.every_sample and other.need.expr.free_symbols & one.data:
                continue
            if other.need == one.need:
                return True
            if other.need.kind == "positive":
                region = region.split(other.need.expr)[0]
        return one.need.kind != "no pole" and one.need.holds(region)
    except Unsupported:  # the sign of a constant cannot be decided
        return False


def _simpler(expr: sympy.Expr) -> sympy.Expr:
    """What is 0 where ``expr`` is, without roots, powers and factors that are never 0."""
    if expr.is_Pow and expr.exp.is_Rational and expr.exp.is_positive:
        return _simpler(expr.base)
    if expr.is_Mul:
        kept = (factor for factor in expr.args if not (certainly(factor, "nonzero") or is_reciprocal(factor)))
        return sympy.Mul(*dict.fromkeys(map(_simpler, kept)))
    if expr.has(BatchSum) or expr.as_coeff_Add()[0]:
        return expr
    factors = nonzero_in([sympy.Ne(expr, 0)])
    return min([expr, *factors], key=lambda one: len(to_text(one))) if len(factors) == 1 else expr
