"""Lists of formulas, typeset as MathML; what is no formula in our notation is shown as text."""

from __future__ import annotations

from html import escape

from diffexplore.pages.mathml import mathml
from diffexplore.report.blocks import Formula, FormulaList


def formula_list(block: FormulaList) -> str:
    """Formulas whose equals signs stand under each other. One without a label goes on from the one above it."""
    rows = "".join(map(_row, block.formulas))
    return f'<div class="scroll" tabindex="0"><table class="formulas"><tbody>{rows}</tbody></table></div>'


def _row(formula: Formula) -> str:
    label = typeset(formula.label) if formula.label.strip() else ""
    return (
        f"<tr><td>{label}</td><td>=</td><td>{typeset(formula.expression)}</td>"
        f'<td class="remark">{_remark(formula.remark)}</td></tr>'
    )


def _remark(remark: str) -> str:
    """Words, or ``= formula``."""
    if remark.startswith("= "):
        return f"= {typeset(remark[2:])}"
    return escape(remark)


def typeset(text: str) -> str:
    """``text`` as MathML, or as it is."""
    return mathml(text) or f"<code>{escape(text)}</code>"
