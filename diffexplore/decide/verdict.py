"""The verdict of a decision, and its side conditions: which of them leave out more than a null set."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass, field

import sympy

from diffexplore.decide.boundaries import all_of
from diffexplore.decide.case import RegionCase
from diffexplore.decide.domain_conditions import DomainCondition
from diffexplore.decide.found import Edges
from diffexplore.decide.kinks import degenerate
from diffexplore.decide.question import EqualityQuestion
from diffexplore.decide.records import Decision
from diffexplore.decide.refute import Seen
from diffexplore.decide.regions import Region
from diffexplore.decide.side_conditions import SideCondition, shortest
from diffexplore.formula.batch_sums import BatchSum
from diffexplore.formula.signs import sign_of
from diffexplore.formula.step_functions import StepFunction
from diffexplore.formula.text import to_text
from diffexplore.functions.facts import CUT, JUMP, RESOLVED
from diffexplore.functions.tables import by_class

#: Those that choose between branches are resolved before.
_JUMPING = tuple(
    kind for kind, function in by_class().items()
    if function.facts.smooth in (JUMP, CUT) and function.facts.normal_form is not RESOLVED
)  # fmt: skip


@dataclass(frozen=True)
class Conditions:
    """All side conditions as texts, and those of them that may leave out more than a null set.

    ``needs``: all of them as expressions; None where some are in words alone. ``expressed``: those that are not.
    """

    texts: tuple[str, ...]
    exclusions: tuple[str, ...]
    needs: tuple[SideCondition, ...] | None
    expressed: tuple[SideCondition, ...]


def conditions_of(question: EqualityQuestion, cases: Sequence[RegionCase], edges: Edges) -> Conditions:
    """What a proof by these cases, and by what was found between them, leaves out."""
    null = frozenset(edges.kinks)
    needed = [need for case in cases for need in case.needs]
    every = shortest([*edges.kinks, *edges.exclusions, *needed])
    kinks = {one.text for one in map(SideCondition.simpler, null)}
    kinks -= {one.text for one in map(SideCondition.simpler, edges.exclusions)}
    jumps = list(dict.fromkeys(_jumps(question, cases)))
    stated = {one.text for one in every}
    texts = [text for case in cases for text in case.conditions if stated.isdisjoint(case.choices.get(text, ()))]
    texts += edges.texts
    excluded = [one.text for one in every if one.text not in kinks and not _is_null(one.need, question.varied)]
    excluded += [text for text, is_null in jumps if not is_null] + texts
    whole = [*(one.text for one in every), *(text for text, _ in jumps), *texts]
    needs = None if jumps or texts else tuple(every)
    return Conditions(tuple(dict.fromkeys(whole)), tuple(dict.fromkeys(excluded)), needs, tuple(every))


def _is_null(need: DomainCondition, varied: Set[sympy.Basic]) -> bool:
    """Whether a need certainly fails on a null set of the varied symbols alone, whatever the others are."""
    if need.kind == "no pole":
        return bool(need.expr.free_symbols) and need.expr.free_symbols <= varied
    if need.kind != "nonzero" and -1 in sign_of(need.expr):
        return False
    return degenerate(need.expr, varied) == ()


def _jumps(question: EqualityQuestion, cases: Iterable[RegionCase]) -> Iterator[tuple[str, bool]]:
    """Where functions jump as the symbol moves. Each with whether that is a null set of the varied symbols."""
    if question.symbol is None:
        return
    for case in (case for case in cases if case.proved):
        inner = [(part, piece.resolver.region) for piece in case.pieces for part in piece.given]
        for expr, region in [(case.given, case.resolver.region), *inner]:
            for node in _outside_sums(expr):
                moving = node.args[0]
                if not (moving.has(BatchSum) or question.symbol in moving.free_symbols):
                    continue
                ending = " for every sample" if node.free_symbols & case.data else ""
                found = _of_atan2 if isinstance(node, sympy.atan2) else _of_step
                yield from ((text + ending, null) for text, null in found(question, node, region))


def _of_atan2(question: EqualityQuestion, node: sympy.Expr, region: Region) -> Iterator[tuple[str, bool]]:
    """It jumps at y = 0, x < 0."""
    y, x = node.args
    off = DomainCondition(y, "nonzero"), DomainCondition(x, "positive")
    if not any(condition.holds(region) for condition in off):
        yield " or ".join(condition.text() for condition in off), degenerate(y, question.varied) == ()


def _of_step(question: EqualityQuestion, node: sympy.Expr, region: Region) -> Iterator[tuple[str, bool]]:
    """It jumps where its argument is a whole number, or one and a half.

    Where the argument does not move with the symbol there is no jump, so that only a null set of it is left out.
    """
    assert isinstance(node, StepFunction)
    yield f"{to_text(node.args[0] + node.offset)} is no whole number", True


def _outside_sums(expr: sympy.Expr) -> list[sympy.Expr]:
    if isinstance(expr, BatchSum):
        return []
    found = [node for argument in expr.args for node in _outside_sums(argument)]
    return [expr, *found] if isinstance(expr, _JUMPING) else found


@dataclass
class Work:
    """What has been found so far; kept where a budget runs out."""

    question: EqualityQuestion | None = None
    cases: list[RegionCase] = field(default_factory=list)
    complete: bool = False
    apart: Seen | None = None
    largest: Seen | None = None
    witness: Seen | None = None
    seen: dict[int, Seen] = field(default_factory=dict)  # of cases, by their numbers, points looked at before algebra
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
    ended = tuple(work.notes)
    tried = (*how, count, *ended)
    if work.apart is not None:
        place = work.edges.place if work.edges is not None and work.apart is work.edges.apart else ""
        return Decision("refuted", (), work.apart.counterexample(), tried, place=place)
    proved = work.settled and any(case.proved for case in work.cases)
    if proved and work.witness is not None and work.question is not None:
        # without edges the budget ran out: nothing is known of any boundary
        edges = work.edges or Edges(exclusions=list(all_of(work.cases)))
        found = conditions_of(work.question, work.cases, edges)
        unvalued = tuple(dict.fromkeys(one for case in work.cases for one in case.unvalued))
        return Decision(
            "proved", found.texts, None, tried, None, work.witness.counterexample(), found.exclusions, unvalued,
            needs=found.needs, expressed=found.expressed,
        )  # fmt: skip
    if proved:
        inside = " in the domain" if work.question is not None and work.question.domain else ""
        ended += (f"no point was found{inside} at which both sides have a value",)
    largest = None if work.largest is None else work.largest.difference.mid().str(5, radius=False)
    return Decision("unknown", (), None, (*how, count, *ended), largest, ended=ended)
