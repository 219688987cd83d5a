"""What happens to a sample between the regions in which it may lie: seams become regions of their own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from diffexplore.decide.algebra import EQUAL_SUMMANDS, bound_in, equal, pieces_of
from diffexplore.decide.boundaries import between_samples
from diffexplore.decide.case import Piece, RegionCase
from diffexplore.decide.domain_conditions import DomainCondition
from diffexplore.decide.found import FAILS, MOST_SEAMS, Edges
from diffexplore.decide.kinks import degenerate
from diffexplore.decide.question import EqualityQuestion
from diffexplore.decide.regions import Region
from diffexplore.decide.seams import degenerate_regions, seam_regions
from diffexplore.decide.side_conditions import SideCondition


@dataclass
class Samples:
    """Between the pieces in which the samples of a case may lie; ``pieces``: with those on seams that are decided."""

    question: EqualityQuestion
    case: RegionCase
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
        kept = between_samples(question, case, pieces, partial=partial)
        where = edges.seam(start)
        edges.kinks += [SideCondition(DomainCondition(p, "nonzero"), case.data, where) for p in kept.unclaimed]
        for p in kept.open:
            if where.seam and edges.is_stated(p, start):
                continue
            stated = SideCondition(DomainCondition(p, "nonzero"), case.data, where)
            if not self.on_seams:
                edges.kinks.append(stated)
            elif p.free_symbols & avoid:
                edges.apart = edges.apart or edges.wrong_at(question, p, start)
                waiting.append(self._stated(stated, start))
            else:
                seam = seam_regions(start, p, avoid, self.bound)
                if seam is None:
                    edges.apart = edges.apart or edges.wrong_at(question, p, start)
                parts = self._on(seam)
                waiting.append(self._stated(stated, start) if parts is None else _Seam(stated, parts, kink=False))
            if edges.apart is not None:
                return
        self._decide(waiting)

    def _stated(self, stated: SideCondition, start: Region) -> _Seam:
        """A boundary that is left out, with what is to be decided for it to be a null set."""
        question = self.question
        rest = degenerate(stated.need.expr, question.varied)
        return _Seam(stated, self._on(degenerate_regions(start, rest, question.differentiated, self.bound)), kink=True)

    def _decide(self, waiting: Sequence[_Seam]) -> None:
        """Prove the case with samples on the seams as well; else state which seams are left out."""
        every = [piece for seam in waiting for piece in seam.pieces]
        decided: list[tuple[Region, list[Piece], RegionCase]] = []
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

    def _on(self, seam: Iterable[Region] | None) -> list[tuple[Region, list[Piece], RegionCase]] | None:
        """The pieces on each part of a seam that is new; None where those of a part cannot be decided, or could not."""
        if seam is None:
            return None
        keys = {(self.case.resolver.region, frozenset(region.seam)): region for region in seam}
        if not keys.keys().isdisjoint(self.edges.unresolved_seams):
            return None
        found = self._resolved([region for key, region in keys.items() if self.edges.is_new(key)])
        if found is None:
            self.edges.unresolved_seams.update(keys)
        return found

    def _resolved(self, seam: Iterable[Region]) -> list[tuple[Region, list[Piece], RegionCase]] | None:
        found = []
        for region in seam:
            self.edges.seams += 1
            shadow = replace(self.case, pieces=[], partial=False, needs=[], conditions=[])
            try:
                on_it = [] if self.edges.seams > MOST_SEAMS else list(pieces_of(self.question, shadow, region))
            except FAILS:
                return None
            lacking = shadow.partial and (shadow.needs or shadow.conditions)
            if lacking and on_it and self.case.proved:  # a counterexample elsewhere on the seam is one all the same
                whole = replace(self.case, pieces=[*self.pieces, *on_it], needs=[], conditions=[])
                self.edges.look_in(self.question, whole, [region])
            if self.edges.seams > MOST_SEAMS or lacking:
                return None  # a side has no value there: that is stated as the boundary itself
            for piece in on_it:
                stated = piece.requirements.stated((*piece.left, *piece.right), piece.resolver.region)
                shadow.needs += [SideCondition(need, self.case.data) for need in stated]
            found.append((region, on_it, shadow))
        return found

    def _proved(self, pieces: Sequence[Piece]) -> bool:
        """Whether the case is proved with these pieces, too; then they stay. A counterexample is noted."""
        if not pieces:
            return True
        whole = replace(self.case, pieces=[*self.pieces, *pieces], needs=[], conditions=[])
        try:
            shown = self._summands_vanish(pieces) or equal(self.question, whole)
        except FAILS:
            return False
        if shown:
            self.pieces += pieces
            self.edges.texts += [text for text in whole.conditions if text not in self.edges.stated_texts]
        else:
            self.edges.look_in(self.question, whole, [piece.resolver.region for piece in pieces])
        return shown

    def _summands_vanish(self, pieces: Sequence[Piece]) -> bool:
        """Whether the summands of these pieces vanish like those of the others: then no others need be looked at."""
        if self.case.note != EQUAL_SUMMANDS:
            return False
        alone = replace(self.case, pieces=list(pieces), needs=[], conditions=[], note="")
        shown = equal(self.question, alone) and alone.note == EQUAL_SUMMANDS
        self.edges.texts += [text for text in alone.conditions if shown and text not in self.edges.stated_texts]
        return shown


@dataclass
class _Seam:
    """A boundary between samples, with the parts of what is decided in its place; None where they cannot be decided."""

    stated: SideCondition
    parts: list[tuple[Region, list[Piece], RegionCase]] | None
    kink: bool

    @property
    def pieces(self) -> list[Piece]:
        return [piece for part in self.parts or () for piece in part[1]]
