"""What is found between the regions of a proof, and what of it is to be stated."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import sympy

from diffexplore.decide.case import RegionCase
from diffexplore.decide.choose import find
from diffexplore.decide.domain_conditions import DomainCondition
from diffexplore.decide.kinks import Written
from diffexplore.decide.question import EqualityQuestion
from diffexplore.decide.records import Unsupported
from diffexplore.decide.refute import Seen, contradicts
from diffexplore.decide.regions import Region, line_of
from diffexplore.decide.seams import zero_sets
from diffexplore.decide.side_conditions import SideCondition

MOST_SEAMS = 60
"""So many seams are decided; those beyond are stated as conditions."""

POINTS = 40
"""So many points of a seam that is not proved are looked at."""

FAILS = (TypeError, Unsupported)
"""SymPy's, of a comparison with what has no value, and what the algebra has no rule for."""


@dataclass
class Edges:
    """What was found between the regions.

    ``kinks`` leave out a null set of the differentiated symbols, ``exclusions`` and ``texts`` may leave out more.
    ``apart``: a counterexample; ``place``: the boundary on which it lies, in words. ``known``: what the proof needs
    everywhere; ``stated_texts``: what it states as texts; ``given``: what the domain fixes. ``decided``: of each seam
    between cases that was looked at, whether all of it is decided; ``unresolved_seams``: those between samples that
    could not be decided.
    """

    known: tuple[DomainCondition, ...] = ()
    stated_texts: frozenset[str] = frozenset()
    given: frozenset[tuple[sympy.Expr, sympy.Expr]] = frozenset()
    kinks: list[SideCondition] = field(default_factory=list)
    exclusions: list[SideCondition] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    apart: Seen | None = None
    place: str = ""
    seams: int = 0
    decided: dict[object, bool] = field(default_factory=dict)
    unresolved_seams: set[object] = field(default_factory=set)
    _looked_at: set[object] = field(default_factory=set)
    _written: Written | None = None

    def is_new(self, key: object) -> bool:
        """Whether a seam is looked at for the first time."""
        new = key not in self._looked_at
        self._looked_at.add(key)
        return new

    def wrong_at(self, question: EqualityQuestion, p: sympy.Expr, region: Region) -> Seen | None:
        """A point on a boundary at which the rule is wrong, if one is found."""
        if self._written is None:
            self._written = Written(question)
        found = self._written.wrong_at(p, region)
        if found is None:
            return None
        if self.apart is None:
            seam = self.where(region)
            boundary = DomainCondition(p, "nonzero").text().replace("≠", "=")
            part = "" if found.part is None else self.where(found.part)
            self.place = part or boundary + (f" and {seam}" if seam else "")
        return found.seen

    def look_in(self, question: EqualityQuestion, case: RegionCase, seams: Iterable[Region]) -> None:
        """Look for a counterexample in a case on a seam, or with samples on seams."""
        pieces = [piece for piece in case.pieces if not question.departures(piece.resolver)]
        if self.apart is None and not question.departures(case.resolver):
            found = find(replace(case, pieces=pieces), POINTS, shows=question.shows)[0]
            if found is not None and not contradicts(found, question.unresolved):
                self.apart = found
                self.place = " or ".join(dict.fromkeys(filter(None, map(self.where, seams))))

    def is_stated(self, p: sympy.Expr, region: Region) -> bool:
        """Whether what is stated for everywhere leaves out all of p = 0 on the seam of the region."""
        stated_texts = (*self.known, *(one.need for one in (*self.kinks, *self.exclusions) if not one.where.seam))
        stated = [need.expr for need in stated_texts if need.kind == "nonzero"]
        without = [set(part) for expr in stated for part in zero_sets(region.restricted(expr))]
        return bool(without) and all(any(out <= set(part) for out in without) for part in zero_sets(p))

    def seam(self, region: Region) -> Region:
        """The seam of a region, but for what the domain gives."""
        fixed = tuple(pair for pair in region.fixed if pair not in self.given)
        return Region((), fixed, tuple(pair for pair in region.levels if pair not in self.given))

    def where(self, region: Region) -> str:
        """The seam of a region in words; empty where the domain leaves nothing else."""
        seam = self.seam(region)
        return str(seam) if seam.seam else ""

    def note(self, needs: Iterable[SideCondition], texts: Iterable[str], region: Region) -> None:
        """State what the proof on a seam needs, but for what it needs everywhere."""
        where = self.where(region)
        everywhere = {(need.kind, _direction(region.restricted(need.expr))) for need in self.known}
        for one in needs:
            repeated = one.need.kind == "nonzero" and self.is_stated(one.need.expr, region)
            if not repeated and (one.need.kind, _direction(one.need.expr)) not in everywhere:
                self.exclusions.append(one if one.where.seam else replace(one, where=self.seam(region)))
        self.texts += [f"{text}, where {where}" for text in texts if text not in self.stated_texts]


def _direction(expr: sympy.Expr) -> tuple[object, ...]:
    if not expr.free_symbols:
        return (expr,)
    line = line_of(expr)
    return line.direction, line.threshold, line.factor
