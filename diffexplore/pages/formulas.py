"""Lists of formulas, typeset as MathML; what is no formula in our notation is shown as text."""

from __future__ import annotations

from html import escape

from diffexplore.pages.mathml import mathml
from diffexplore.pages.notation import NotReadError, read
from diffexplore.writing.blocks import Formula, FormulaList


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
    """Words, or formulas: ``= formula``, ``let u = a·x, v = a² + 1``."""
    if remark.startswith("= "):
        return f"= {typeset(remark[2:])}"
    let, rest = ("let ", remark[4:]) if remark.startswith("let ") else ("", remark)
    parts = rest.split(", ")
    if all(map(_is_equation, parts)):
        return let + ", ".join(map(typeset, parts))
    return escape(remark)


def _is_equation(text: str) -> bool:
    try:
        return read(text).kind == "relation"
    except NotReadError:
        return False


def typeset(text: str) -> str:
    """``text`` as MathML, or as it is."""
    return mathml(text) or f"<code>{escape(text)}</code>"
