"""``diffexplore derive``: only the algebra."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from diffexplore.cli import options as o
from diffexplore.cli.output import console_on, emit
from diffexplore.documents import to_json
from diffexplore.errors import UsageError
from diffexplore.report.blocks import Block

if TYPE_CHECKING:
    from diffexplore.loss import Loss


def derive(
    loss: o.LossArgument,
    wrt: o.Wrt = None,
    shapes: o.Shapes = None,
    hessian: o.DeriveHessian = False,
    steps: o.Steps = False,
    format: o.Format = "text",
    no_color: o.NoColor = False,
    ascii: o.Ascii = False,
    debug: o.Debug = False,
) -> int:
    """Derive the simplified partials of a loss, as text, LaTeX, source code or JSON."""
    from diffexplore.cli.loss_argument import loss_to_derive, partials_of

    o.chosen("format", format, o.FORMATS)
    if steps and format != "text":
        raise UsageError("--steps is for --format text")
    asked = o.names_list("--wrt", wrt)
    with contextlib.redirect_stdout(sys.stderr):  # what a file prints while it is executed
        found = loss_to_derive(loss, asked, shapes)
    names = partials_of(found, asked)
    if format == "text":
        from diffexplore.report.terminal import Drawing

        blocks = tuple(_text_blocks(found, names, hessian, steps))[:-1]  # but for the gap that ends the last part
        console_on(sys.stdout, no_color=no_color).print(Drawing(blocks, ascii=ascii or None))
    else:
        emit(_exported(found, names, format, hessian))
    return 0


def _text_blocks(loss: Loss, names: Sequence[str], hessian: bool, steps: bool) -> Iterator[Block]:
    from diffexplore.cli.algebra import hessian_text, steps_blocks
    from diffexplore.report.outline import formulas

    second = hessian_text(loss, names) if hessian else None
    yield from formulas(loss.summary(), loss.gradient(names).formulas(), second)
    if steps:
        yield from steps_blocks(loss, names)


def _exported(loss: Loss, names: Sequence[str], format: str, hessian: bool) -> str:
    """The gradient, and where asked for the Hessian, in another language."""
    from diffexplore.symbolic import export

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
