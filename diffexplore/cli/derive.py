"""``diffexplore derive``: only the algebra."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from diffexplore.cli import options as o
from diffexplore.cli.output import STDOUT, emit
from diffexplore.cli.outputs import Outputs
from diffexplore.cli.progress import listening
from diffexplore.cli.shown import Shown
from diffexplore.cli.writes import writes
from diffexplore.documents import to_json
from diffexplore.errors import UsageError
from diffexplore.writing.blocks import Block, FormulaList

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

    o.chosen("format", format, o.FORMATS)
    if steps and format != "text":
        raise UsageError("--steps is for --format text")
    if format != "text":
        outputs = outputs.beside(**{f"format {format}": STDOUT})
    requested = o.names_list("--wrt", wrt)
    with listening(quiet=outputs.quiet, loading="loading SymPy") as listener:
        found = loss_to_derive(loss, requested, shapes)
        names = partials_of(found, requested)
        listener.progress("deriving the gradient", 0, 0)
        exported = "" if format == "text" else _exported(found, names, format, hessian)
        shown = _shown(found, names, format, hessian=hessian, steps=steps)
    outputs.write(shown)
    if exported:
        emit(exported)
    return 0


def _shown(loss: Loss, names: Sequence[str], format: str, *, hessian: bool, steps: bool) -> Shown:
    from diffexplore.pages.records import Derivation, Subject
    from diffexplore.program.export import to_json_dict

    return Shown(
        Subject(Derivation(loss.summary(), loss.gradient(names).formulas()), loss),
        f"Gradient of {loss.name or loss.formula}",
        lambda: to_json_dict(loss, loss.gradient(names), loss.hessian(names) if hessian else None),
        lambda: tuple(_blocks(loss, names, hessian, steps))[:-1],  # but for the gap that ends the last part
        texts={
            "latex": lambda: _exported(loss, names, "latex", hessian),
            "python": lambda: _exported(loss, names, "torch" if format == "torch" else "python", hessian),
        },
        answer=FormulaList,
    )


def _blocks(loss: Loss, names: Sequence[str], hessian: bool, steps: bool) -> Iterator[Block]:
    from diffexplore.render.algebra import hessian_text, steps_blocks
    from diffexplore.render.outline import formulas

    second = hessian_text(loss, names) if hessian else None
    yield from formulas(loss.summary(), loss.gradient(names).formulas(), second)
    if steps:
        yield from steps_blocks(loss, names)


def _exported(loss: Loss, names: Sequence[str], format: str, hessian: bool) -> str:
    """The gradient, and where requested the Hessian, in another language."""
    from diffexplore.program import export

    given = loss, loss.gradient(names), loss.hessian(names) if hessian else None
    if format == "json":
        return to_json(export.to_json_dict(*given), ascii=True)
    writers = {"python": export.to_python, "torch": export.to_torch, "javascript": export.to_javascript}
    return writers[format](*given).rstrip() if format in writers else export.to_latex(*given)
