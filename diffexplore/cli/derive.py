"""``diffexplore derive``: only the algebra."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from diffexplore.cli import options as o
from diffexplore.cli.output import STDOUT, emit
from diffexplore.cli.outputs import Outputs
from diffexplore.cli.shown import Shown
from diffexplore.cli.writes import writes
from diffexplore.documents import to_json
from diffexplore.errors import UsageError
from diffexplore.writing.blocks import Block

if TYPE_CHECKING:
    from diffexplore.loss import Loss


@writes("derive")
def derive(
    loss: o.LossArgument,
    wrt: o.Wrt = None,
    shapes: o.Shapes = None,
    hessian: o.DeriveHessian = False,
    steps: o.Steps = False,
    format: o.Format = "text",
    *,
    outputs: Outputs,
) -> int:
    """Derive the simplified partials of a loss, as text, LaTeX, source code or JSON."""
    from diffexplore.cli.loss_argument import loss_to_derive, partials_of
    from diffexplore.cli.progress import listening

    o.chosen("format", format, o.FORMATS)
    if steps and format != "text":
        raise UsageError("--steps is for --format text")
    if format != "text":
        outputs = outputs.beside(**{f"format {format}": STDOUT})
    requested = o.names_list("--wrt", wrt)
    with listening(quiet=outputs.quiet, loading="loading SymPy") as listener, contextlib.redirect_stdout(sys.stderr):
        found = loss_to_derive(loss, requested, shapes)  # a file prints what it likes while it is executed
        names = partials_of(found, requested)
        listener.progress("deriving the gradient", 0, 0)
        exported = "" if format == "text" else _exported(found, names, format, hessian)
        shown = _shown(found, names, format, hessian=hessian, steps=steps)
    outputs.write(shown)
    if exported:
        emit(exported)
    return 0


def _shown(loss: Loss, names: Sequence[str], format: str, *, hessian: bool, steps: bool) -> Shown:
    from diffexplore.pages.records import Subject
    from diffexplore.pages.sections.derivation import Derivation
    from diffexplore.program.export import to_json_dict
    from diffexplore.writing.blocks import FormulaList

    def blocks() -> tuple[Block, ...]:
        return tuple(_text_blocks(loss, names, hessian, steps))[:-1]  # but for the gap that ends the last part

    def document() -> dict[str, Any]:
        return to_json_dict(loss, loss.gradient(names), loss.hessian(names) if hessian else None)

    return Shown(
        Subject(Derivation(loss.summary(), loss.gradient(names).formulas()), loss),
        f"Gradient of {loss.name or loss.formula}",
        document,
        blocks,
        lambda: next(block for block in blocks() if isinstance(block, FormulaList)),
        texts={
            "latex": lambda: _exported(loss, names, "latex", hessian),
            "python": lambda: _exported(loss, names, "torch" if format == "torch" else "python", hessian),
        },
    )


def _text_blocks(loss: Loss, names: Sequence[str], hessian: bool, steps: bool) -> Iterator[Block]:
    from diffexplore.render.algebra import hessian_text, steps_blocks
    from diffexplore.render.outline import formulas

    second = hessian_text(loss, names) if hessian else None
    yield from formulas(loss.summary(), loss.gradient(names).formulas(), second)
    if steps:
        yield from steps_blocks(loss, names)


def _exported(loss: Loss, names: Sequence[str], format: str, hessian: bool) -> str:
    """The gradient, and where requested the Hessian, in another language."""
    from diffexplore.program import export

    gradient = loss.gradient(names)
    second = loss.hessian(names) if hessian else None
    if format == "python":
        return export.to_python(loss, gradient, second).rstrip()
    if format == "torch":
        return export.to_torch(loss, gradient, second).rstrip()
    if format == "javascript":
        return export.to_javascript(loss, gradient, second).rstrip()
    if format == "latex":
        return export.to_latex(loss, gradient, second)
    return to_json(export.to_json_dict(loss, gradient, second), ascii=True)
