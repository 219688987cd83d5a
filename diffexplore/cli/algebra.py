"""From derivatives as SymPy holds them to the plain records and blocks that are shown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from diffexplore.check.records import PartialFormula
from diffexplore.report.blocks import Block, Formula, FormulaList, Gap, Heading

if TYPE_CHECKING:
    from diffexplore.loss import Loss
    from diffexplore.report.outline import HessianText


def hessian_text(loss: Loss, wrt: Sequence[str] | None) -> HessianText:
    """The second partials on and above the diagonal."""
    from diffexplore.symbolic.text import to_latex, to_text

    hessian = loss.hessian(wrt)
    shown = {}
    for row, column in hessian:
        if (column, row) not in shown or row == column:
            expr, cost = hessian[row, column], hessian.cost[row, column]
            shown[row, column] = PartialFormula(
                f"{row},{column}", to_text(expr), to_latex(expr), cost.ops_raw, cost.ops_simplified, cost.note
            )
    return shown


def steps_blocks(loss: Loss, names: Sequence[str]) -> Iterator[Block]:
    """The derivation of each partial, line below line, with the rule that leads to each."""
    from diffexplore.symbolic.steps import derivation
    from diffexplore.symbolic.text import to_text

    for name in names:
        steps = derivation(loss, name)
        yield Heading(f"∂ℓ/∂{name}", "step by step; each line was checked to equal the one before it")
        lines = [Formula(f"∂ℓ/∂{name}", to_text(steps[0].before))] if steps else []
        lines += [Formula("", to_text(step.after), step.rule) for step in steps]
        yield FormulaList(tuple(lines))
        yield Gap()
