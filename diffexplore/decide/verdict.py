"""The verdict of a decision, from what the algebra and the search for points have found."""

from __future__ import annotations

from dataclasses import dataclass, field

from diffexplore.decide.boundaries import all_of
from diffexplore.decide.case import RegionCase
from diffexplore.decide.found import Edges
from diffexplore.decide.question import EqualityQuestion
from diffexplore.decide.records import Decision
from diffexplore.decide.refute import Seen
from diffexplore.decide.worded import Conditions, conditions_of


@dataclass
class Work:
    """What has been found so far; kept where a budget runs out."""

    question: EqualityQuestion | None = None
    cases: list[RegionCase] = field(default_factory=list)
    complete: bool = False
    apart: Seen | None = None
    largest: Seen | None = None
    witness: Seen | None = None
    edges: Edges | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def settled(self) -> bool:
        return self.complete and all(case.settled for case in self.cases)


def verdict(work: Work) -> Decision:
    how = tuple(dict.fromkeys(case.note for case in work.cases if case.note))
    if work.complete and not work.cases:
        work.notes.append("no region with inner points meets the domain")
    count = f"{len(work.cases)} case" + ("s" if len(work.cases) != 1 else "")
    tried = (*how, count, *work.notes)
    if work.apart is not None:
        place = work.edges.place if work.edges is not None and work.apart is work.edges.apart else ""
        return Decision("refuted", (), work.apart.counterexample(), tried, place=place)
    proved = work.settled and any(case.proved for case in work.cases)
    if proved and work.witness is not None:
        found = _conditions(work)
        unvalued = tuple(dict.fromkeys(one for case in work.cases for one in case.unvalued))
        return Decision(
            "proved", found.texts, None, tried, None, work.witness.counterexample(), found.exclusions, unvalued
        )
    if proved:
        inside = " in the domain" if work.question is not None and work.question.domain else ""
        tried += (f"no point was found{inside} at which both sides have a value",)
    largest = None if work.largest is None else work.largest.difference.mid().str(5, radius=False)
    return Decision("unknown", (), None, tried, largest)


def _conditions(work: Work) -> Conditions:
    assert work.question is not None
    edges = work.edges
    if edges is None:  # the budget ran out: nothing is known of any boundary
        edges = Edges(exclusions=list(all_of(work.cases)))
    return conditions_of(work.question, work.cases, edges)
