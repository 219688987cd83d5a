"""From derivatives as SymPy holds them to the plain records and blocks that are shown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from diffexplore.writing.blocks import Block, Formula, FormulaList, Gap, Heading

if TYPE_CHECKING:
    from diffexplore.formula.steps import DerivationStep
    from diffexplore.loss import Loss
    from diffexplore.render.outline import HessianText


def hessian_text(loss: Loss, wrt: Sequence[str] | None) -> HessianText:
    """The second partials on and above the diagonal."""
    from diffexplore.formula.derive import partial_formula

    hessian = loss.hessian(wrt)
    shown = {}
    for row, column in hessian:
        if (column, row) not in shown or row == column:
            shown[row, column] = partial_formula(f"{row},{column}", hessian[row, column], hessian.cost[row, column])
    return shown


def steps_blocks(loss: Loss, names: Sequence[str]) -> Iterator[Block]:
    """The derivation of each partial, line below line, with the rule that leads to each."""
    from diffexplore.formula.steps import derivation
    from diffexplore.formula.text import to_text

    for name in names:
        steps = derivation(loss, name)
        label = f"∂ℓ/∂{name}"
        yield Heading(label, f"step by step; {_how_checked(steps)}")
        first = [Formula(label, to_text(step.before)) for step in steps[:1]]
        yield FormulaList((*first, *(Formula("", to_text(step.after), _rule(step)) for step in steps)))
        yield Gap()


def _how_checked(steps: Sequence[DerivationStep]) -> str:
    """What vouches for the lines: only what was really done."""
    ways = " or ".join(dict.fromkeys(step.how for step in steps if step.checked))
    if not all(step.checked for step in steps):
        ways = f"{ways}, where it does not say otherwise" if ways else "not checked"
    return f"each line checked against the one before it: {ways}"


def _rule(step: DerivationStep) -> str:
    return step.rule if step.checked else f"{step.rule} (not checked)"
