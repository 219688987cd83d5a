"""The side conditions of a proof, and which of them leave out more than a null set of what can be differentiated by."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass

import sympy

from diffexplore.decide.case import RegionCase
from diffexplore.decide.domain_conditions import DomainCondition
from diffexplore.decide.found import Edges
from diffexplore.decide.kinks import degenerate
from diffexplore.decide.question import EqualityQuestion
from diffexplore.decide.regions import Region
from diffexplore.decide.side_conditions import SideCondition, shortest
from diffexplore.decide.signs import sign_of
from diffexplore.formula.batch_sums import BatchSum
from diffexplore.formula.step_functions import StepFunction
from diffexplore.formula.text import to_text


@dataclass(frozen=True)
class Conditions:
    """All side conditions as texts, and those of them that may leave out more than a null set."""

    texts: tuple[str, ...]
    exclusions: tuple[str, ...]


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
    return Conditions(tuple(dict.fromkeys(whole)), tuple(dict.fromkeys(excluded)))


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
    if not _off_the_jump(y, x, region):
        off = " or ".join((DomainCondition(y, "nonzero").text(), DomainCondition(x, "positive").text()))
        yield off, degenerate(y, question.varied) == ()


def _of_step(question: EqualityQuestion, node: sympy.Expr, region: Region) -> Iterator[tuple[str, bool]]:
    """It jumps where its argument is a whole number, or one and a half.

    Where the argument does not move with the symbol there is no jump, so that only a null set of it is left out.
    """
    assert isinstance(node, StepFunction)
    yield f"{to_text(node.args[0] + node.offset)} is no whole number", True


def _off_the_jump(y: sympy.Expr, x: sympy.Expr, region: Region) -> bool:
    return DomainCondition(y, "nonzero").holds(region) or DomainCondition(x, "positive").holds(region)


def _outside_sums(expr: sympy.Expr) -> list[sympy.Expr]:
    if isinstance(expr, BatchSum):
        return []
    found = [node for argument in expr.args for node in _outside_sums(argument)]
    return [expr, *found] if isinstance(expr, _JUMPING) else found


_JUMPING = (sympy.atan2, StepFunction)
