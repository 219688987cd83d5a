"""What happens between the regions of a proof: seams are decided like cases of their own, kinks are left out.

A boundary that the differentiated symbol does not cross is no kink: on it there is a function and a derivative as
anywhere else. At a boundary that it crosses the rule is wrong, or the function has a kink, or that cannot be decided.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import sympy

from diffexplore.decide.algebra import cases, settle
from diffexplore.decide.boundaries import between_cases
from diffexplore.decide.case import RegionCase
from diffexplore.decide.domain_conditions import DomainCondition
from diffexplore.decide.found import FAILS, MOST_SEAMS, Edges
from diffexplore.decide.kinks import degenerate
from diffexplore.decide.question import EqualityQuestion
from diffexplore.decide.regions import Region
from diffexplore.decide.samples import Samples
from diffexplore.decide.seams import degenerate_regions, seam_regions
from diffexplore.decide.side_conditions import SideCondition


def look_at_edges(question: EqualityQuestion, every: Sequence[RegionCase], *, on_seams: bool) -> Edges:
    """What happens between all cases, and between the regions of their samples.

    Without ``on_seams`` all boundaries at which something may happen are conditions.
    """
    known = tuple(one.need for case in every for one in case.needs)
    stated_texts = frozenset(text for case in every for text in case.conditions)
    given = frozenset(question.on_equations(Region()).seam)
    edges = Edges(known, stated_texts, given)
    _Outer(question, edges, on_seams).look(every)
    return edges


@dataclass
class _Outer:
    """Between the cases of a question."""

    question: EqualityQuestion
    edges: Edges
    on_seams: bool
    waiting: list[tuple[list[RegionCase], Region]] = field(default_factory=list)

    def look(self, group: Sequence[RegionCase], start: Region | None = None) -> None:
        """``group``: the cases of the seam ``start``, or of all that the domain leaves."""
        question = self.question
        start = question.on_equations(Region(), question.bound_only) if start is None else start
        kept = between_cases(question, group)
        where = self.edges.seam(start)
        self.edges.kinks += [SideCondition(DomainCondition(p, "nonzero"), where=where) for p in kept.unclaimed]
        for p in kept.open:
            if not (where.seam and self.edges.is_stated(p, start)):
                self._boundary(p, start)
            if self.edges.apart is not None:
                return
        for case in group:
            if self.edges.apart is None and case.proved and case.pieces:
                Samples(question, case, self.edges, self.on_seams).look()
        while self.waiting and self.edges.apart is None:  # what is stated for everywhere is stated first
            self.look(*self.waiting.pop(0))

    def _boundary(self, p: sympy.Expr, start: Region) -> None:
        question, edges = self.question, self.edges
        avoid, bound = question.differentiated, question.of_each_sample
        stated = SideCondition(DomainCondition(p, "nonzero"), where=edges.seam(start))
        if not self.on_seams:
            edges.kinks.append(stated)
        elif p.free_symbols & avoid:
            edges.apart = edges.apart or edges.wrong_at(question, p, start)
            self._left_out(stated, start)
        else:
            seam = seam_regions(start, p, avoid, bound)
            if seam is None:
                edges.apart = edges.apart or edges.wrong_at(question, p, start)
            if seam is None or not self._decided(seam):
                self._left_out(stated, start)

    def _left_out(self, stated: SideCondition, start: Region) -> None:
        """State a boundary: a null set, if all is decided where it is none."""
        question = self.question
        rest = degenerate(stated.need.expr, question.varied)
        seam = degenerate_regions(start, rest, question.differentiated, question.of_each_sample)
        whole = seam is not None and self._decided(seam)
        (self.edges.kinks if whole else self.edges.exclusions).append(stated)

    def _decided(self, seam: Iterable[Region]) -> bool:
        """Whether the question is decided on all of a seam, but for what is stated."""
        found = [self._on(region) for region in seam]  # all of them, for what they state
        return all(found)

    def _on(self, region: Region) -> bool:
        question, edges = self.question, self.edges
        key = frozenset(region.seam)
        if not edges.is_new(key):
            return edges.decided[key]
        edges.decided[key] = False
        edges.seams += 1
        if edges.seams > MOST_SEAMS:
            return False
        try:
            found = list(cases(question, region))
            for case in found:
                settle(question, case)
        except FAILS:
            return False
        for case in found:
            if not case.settled:
                edges.look_in(question, case, [region])
        if not all(case.settled for case in found) or any(_lacks_value(case) for case in found):
            return False
        for case in found:
            edges.note(case.needs, case.conditions, region)
        self.waiting.append((found, region))
        edges.decided[key] = True
        return True


def _lacks_value(case: RegionCase) -> bool:
    """Whether one side alone has no value there."""
    return case.excepted and bool(case.needs or any(text.startswith("not where") for text in case.conditions))
