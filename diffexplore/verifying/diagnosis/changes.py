"""One part of a formula taken for another: the candidate computes the loss, or the gradient, with that part changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import sympy

from diffexplore.checking.records import VALUE
from diffexplore.formula.derive import differentiate
from diffexplore.verifying.diagnosis.hypothesis import Hypothesis, exactly, explains
from diffexplore.verifying.diagnosis.scene import Scene, exact_partial
from diffexplore.verifying.diagnosis.terms import text_of


@dataclass(frozen=True)
class FormulaChange:
    """A part ``right`` of a formula, the ``wrong`` one in its place, and the whole ``formula`` with that.

    ``rank`` is that of the hypothesis; ``before`` and ``after`` are the words around "wrong in the place of right".
    """

    rank: float
    right: sympy.Expr
    wrong: sympy.Expr
    formula: sympy.Expr
    before: str = "it has"
    after: str = ""


def of_the_loss(
    name: str, scene: Scene, rank: float, right: sympy.Expr, wrong: sympy.Expr, loss: sympy.Expr
) -> FormulaChange:
    """A change of the loss: the candidate computes that, or its gradient."""
    if name == VALUE:
        return FormulaChange(rank, right, wrong, loss, "the loss has")
    partial = differentiate(loss, scene.problem.loss.symbols[name])
    return FormulaChange(rank, right, wrong, partial, "it is the gradient of a loss that has")


def explained_changes(
    key: str, part: str, name: str, scenes: Sequence[Scene], changes: Iterable[FormulaChange]
) -> Iterator[Hypothesis]:
    """The changes that explain every number, each formula once; ``part`` names the right part among the fields."""
    known = {sympy.S.Zero, exact_partial(scenes[0].problem, name)}
    for change in changes:
        if change.formula in known:
            continue
        known.add(change.formula)
        if not explains(exactly(name, change.formula), scenes, name):  # before a text is made of it
            continue
        right, wrong = text_of(change.right), text_of(change.wrong)
        message = f"{change.before} {wrong} in the place of {right}{change.after}"
        yield Hypothesis(key, message, change.rank, exactly(name, change.formula), {part: right, "found": wrong})
