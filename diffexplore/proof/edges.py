"""What happens between the regions of a proof: seams are decided like cases of their own, kinks are left out.

A boundary that the differentiated symbol does not cross is no kink: on it there is a function and a derivative as
anywhere else. At a boundary that it crosses the rule is wrong, or the function has a kink, or that cannot be told.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import sympy

from diffexplore.proof.algebra import EQUAL_SUMMANDS, bound_in, cases, equal, pieces_of, settle
from diffexplore.proof.boundaries import between_cases, between_samples
from diffexplore.proof.case import Case, Piece
from diffexplore.proof.definedness import Need
from diffexplore.proof.kinks import Written, degenerate
from diffexplore.proof.question import Question
from diffexplore.proof.records import Unsupported
from diffexplore.proof.refute import Seen, find
from diffexplore.proof.regions import Region, line_of
from diffexplore.proof.seams import degenerate_regions, seam_regions, zero_sets
from diffexplore.proof.stated import Stated

_MOST_SEAMS = 60
"""So many seams are decided; those beyond are stated as conditions."""

_POINTS = 40
_FAILS = (TypeError, Unsupported)
"""SymPy's, of a comparison with what has no value, and what the algebra has no rule for."""


@dataclass
class Edges:
    """What was found between the regions.

    ``kinks`` leave out a null set of the differentiated symbols, ``exclusions`` and ``texts`` may leave out more.
    ``apart``: a counterexample. ``known``: what the proof needs everywhere; ``given``: what the domain fixes.
    """

    known: tuple[Need, ...] = ()
    said: frozenset[str] = frozenset()
    given: frozenset[tuple[sympy.Symbol, sympy.Expr]] = frozenset()
    kinks: list[Stated] = field(default_factory=list)
    exclusions: list[Stated] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    apart: Seen | None = None
    seams: int = 0
    _looked_at: set[object] = field(default_factory=set)
    _written: Written | None = None

    def is_new(self, key: object) -> bool:
        """Whether a seam is looked at for the first time."""
        new = key not in self._looked_at
        self._looked_at.add(key)
        return new

    def wrong_at(self, question: Question, p: sympy.Expr, region: Region) -> Seen | None:
        """A point on a kink at which the rule is wrong, if one is found."""
        if self._written is None:
            self._written = Written(question)
        return self._written.wrong_at(p, region)

    def is_stated(self, p: sympy.Expr, region: Region) -> bool:
        """Whether what is stated for everywhere leaves out all of p = 0 on the seam of the region."""
        said = (*self.known, *(one.need for one in (*self.kinks, *self.exclusions) if not one.where))
        stated = [need.expr for need in said if need.kind == "nonzero"]
        without = [set(part) for expr in stated for part in zero_sets(region.restricted(expr))]
        return bool(without) and all(any(out <= set(part) for out in without) for part in zero_sets(p))

    def where(self, region: Region) -> str:
        """The seam of a region in words; empty where the domain leaves nothing else."""
        fixed = tuple(pair for pair in region.fixed if pair not in self.given)
        return str(Region((), fixed)) if fixed else ""

    def note(self, needs: Iterable[Stated], texts: Iterable[str], region: Region) -> None:
        """State what the proof on a seam needs, but for what it needs everywhere."""
        where = self.where(region)
        everywhere = {(need.kind, _direction(region.restricted(need.expr))) for need in self.known}
        for one in needs:
            repeated = one.need.kind == "nonzero" and self.is_stated(one.need.expr, region)
            if not repeated and (one.need.kind, _direction(one.need.expr)) not in everywhere:
                self.exclusions.append(replace(one, where=one.where or where))
        self.texts += [f"{text}, where {where}" for text in texts if text not in self.said]


def _direction(expr: sympy.Expr) -> tuple[object, ...]:
    if not expr.free_symbols:
        return (expr,)
    line = line_of(expr)
    return line.direction, line.threshold, line.factor


def look_at_edges(question: Question, every: Sequence[Case], *, on_seams: bool) -> Edges:
    """What happens between all cases, and between the regions of their samples.

    Without ``on_seams`` all boundaries at which something may happen are conditions.
    """
    known = tuple(one.need for case in every for one in case.needs)
    said = frozenset(text for case in every for text in case.conditions)
    given = frozenset(question.on_equations(Region()).fixed)
    edges = Edges(known, said, given)
    _Outer(question, edges, on_seams).look(every)
    return edges


@dataclass
class _Outer:
    """Between the cases of a question."""

    question: Question
    edges: Edges
    on_seams: bool
    waiting: list[tuple[list[Case], Region]] = field(default_factory=list)

    def look(self, group: Sequence[Case], start: Region | None = None) -> None:
        """``group``: the cases of the seam ``start``, or of all that the domain leaves."""
        question = self.question
        start = question.on_equations(Region(), question.bound_only) if start is None else start
        for p in between_cases(question, group):
            if not (self.edges.where(start) and self.edges.is_stated(p, start)):
                self._boundary(p, start)
            if self.edges.apart is not None:
                return
        for case in group:
            if self.edges.apart is None and case.proved and case.pieces:
                _Inner(question, case, self.edges, self.on_seams).look()
        while self.waiting and self.edges.apart is None:  # what is stated for everywhere is stated first
            self.look(*self.waiting.pop(0))

    def _boundary(self, p: sympy.Expr, start: Region) -> None:
        question, edges = self.question, self.edges
        avoid, bound = question.differentiated, question.of_each_sample
        stated = Stated(Need(p, "nonzero"), where=edges.where(start))
        if not self.on_seams:
            edges.kinks.append(stated)
        elif p.free_symbols & avoid:
            edges.apart = edges.apart or edges.wrong_at(question, p, start)
            self._left_out(stated, start)
        else:
            seam = seam_regions(start, p, avoid, bound)
            if seam is None or not self._decided(seam):
                self._left_out(stated, start)

    def _left_out(self, stated: Stated, start: Region) -> None:
        """State a boundary: a null set, if all is decided where it is none."""
        question = self.question
        rest = degenerate(stated.need.expr, question.varied)
        seam = degenerate_regions(start, rest, question.differentiated, question.of_each_sample)
        whole = seam is not None and self._decided(seam)
        (self.edges.kinks if whole else self.edges.exclusions).append(stated)

    def _decided(self, seam: Iterable[Region]) -> bool:
        """Whether the question is decided on all of a seam, but for what is stated."""
        return all([self._on(region) for region in seam])

    def _on(self, region: Region) -> bool:
        question, edges = self.question, self.edges
        if not edges.is_new(frozenset(region.fixed)):
            return True
        edges.seams += 1
        if edges.seams > _MOST_SEAMS:
            return False
        try:
            found = list(cases(question, region))
            for case in found:
                settle(question, case)
        except _FAILS:
            return False
        for case in found:
            if not case.settled and not question.departures(case.resolver):
                edges.apart = edges.apart or find(case, _POINTS)[0]
        if not all(case.settled for case in found) or any(_lacks_value(case) for case in found):
            return False
        for case in found:
            edges.note(case.needs, case.conditions, region)
        self.waiting.append((found, region))
        return True


def _lacks_value(case: Case) -> bool:
    """Whether one side alone has no value there."""
    return case.excepted and bool(case.needs or any(text.startswith("not where") for text in case.conditions))


@dataclass
class _Inner:
    """Between the pieces in which the samples of a case may lie; ``pieces``: with those on seams that are decided."""

    question: Question
    case: Case
    edges: Edges
    on_seams: bool

    def look(self) -> None:
        """What happens at the boundaries of pieces; the seams among them become pieces of their own."""
        self.bound = bound_in(self.case)
        self.pieces = list(self.case.pieces)
        start = self.question.on_equations(self.case.resolver.region.without(self.bound))
        self._group(self.case.pieces, start, self.case.partial)

    def _group(self, pieces: Sequence[Piece], start: Region, partial: bool) -> None:
        """The boundaries of the pieces of one seam, or of none."""
        question, case, edges = self.question, self.case, self.edges
        avoid = question.differentiated
        waiting: list[_Seam] = []
        for p in between_samples(question, case, pieces, partial=partial):
            if edges.where(start) and edges.is_stated(p, start):
                continue
            stated = Stated(Need(p, "nonzero"), case.data, edges.where(start))
            if not self.on_seams:
                edges.kinks.append(stated)
            elif p.free_symbols & avoid:
                edges.apart = edges.apart or edges.wrong_at(question, p, start)
                waiting.append(self._stated(stated, start))
            else:
                parts = self._on(seam_regions(start, p, avoid, self.bound))
                waiting.append(self._stated(stated, start) if parts is None else _Seam(stated, parts, kink=False))
            if edges.apart is not None:
                return
        self._decide(waiting)

    def _stated(self, stated: Stated, start: Region) -> _Seam:
        """A boundary that is left out, with what is to be decided for it to be a null set."""
        question = self.question
        rest = degenerate(stated.need.expr, question.varied)
        return _Seam(stated, self._on(degenerate_regions(start, rest, question.differentiated, self.bound)), kink=True)

    def _decide(self, waiting: Sequence[_Seam]) -> None:
        """Prove the case with samples on the seams as well; else state which seams are left out."""
        every = [piece for seam in waiting for piece in seam.pieces]
        decided: list[tuple[Region, list[Piece], Case]] = []
        together = all(seam.parts is not None for seam in waiting) and self._proved(every)
        for seam in waiting:
            if self.edges.apart is not None:
                return
            if seam.parts is None or not (together or self._proved(seam.pieces)):
                self.edges.exclusions.append(seam.stated)
                continue
            if seam.kink:
                self.edges.kinks.append(seam.stated)
            decided += seam.parts
        for region, on_it, shadow in decided:  # what is stated for everywhere is stated first
            self.edges.note(shadow.needs, shadow.conditions, region)
            if on_it and self.edges.apart is None:
                self._group(on_it, region, shadow.partial)

    def _on(self, seam: Iterable[Region] | None) -> list[tuple[Region, list[Piece], Case]] | None:
        """The pieces on each part of a seam that is new; None where they cannot be told."""
        found = []
        for region in seam or ():
            if not self.edges.is_new((self.case.resolver.region, frozenset(region.fixed))):
                continue
            self.edges.seams += 1
            shadow = replace(self.case, pieces=[], partial=False, needs=[], conditions=[])
            try:
                on_it = [] if self.edges.seams > _MOST_SEAMS else list(pieces_of(self.question, shadow, region))
            except _FAILS:
                return None
            lacking = shadow.partial and (shadow.needs or shadow.conditions)
            if self.edges.seams > _MOST_SEAMS or lacking:
                return None  # a side has no value there: that is stated as the boundary itself
            for piece in on_it:
                stated = piece.asked.stated((*piece.left, *piece.right), piece.resolver.region)
                shadow.needs += [Stated(need, self.case.data) for need in stated]
            found.append((region, on_it, shadow))
        return None if seam is None else found

    def _proved(self, pieces: Sequence[Piece]) -> bool:
        """Whether the case is proved with these pieces, too; then they stay. A counterexample is noted."""
        if not pieces:
            return True
        whole = replace(self.case, pieces=[*self.pieces, *pieces], needs=[], conditions=[])
        try:
            shown = self._summands_vanish(pieces) or equal(self.question, whole)
        except _FAILS:
            return False
        if shown:
            self.pieces += pieces
            self.edges.texts += [text for text in whole.conditions if text not in self.edges.said]
        elif not self.question.departures(self.case.resolver):
            inside = [piece for piece in whole.pieces if not self.question.departures(piece.resolver)]
            self.edges.apart = self.edges.apart or find(replace(whole, pieces=inside), _POINTS)[0]
        return shown


    def _summands_vanish(self, pieces: Sequence[Piece]) -> bool:
        """Whether the summands of these pieces vanish like those of the others: then no others need be looked at."""
        if self.case.note != EQUAL_SUMMANDS:
            return False
        alone = replace(self.case, pieces=list(pieces), needs=[], conditions=[], note="")
        shown = equal(self.question, alone) and alone.note == EQUAL_SUMMANDS
        self.edges.texts += [text for text in alone.conditions if shown and text not in self.edges.said]
        return shown


@dataclass
class _Seam:
    """A boundary between samples, with the parts of what is decided in its place; None where they cannot be told."""

    stated: Stated
    parts: list[tuple[Region, list[Piece], Case]] | None
    kink: bool

    @property
    def pieces(self) -> list[Piece]:
        return [piece for part in self.parts or () for piece in part[1]]
