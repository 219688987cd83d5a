"""``diffexplore graph``: how a loss is computed, and how its derivatives flow back."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from diffexplore.cli import options as o
from diffexplore.cli.outputs import Outputs
from diffexplore.cli.shown import Shown
from diffexplore.cli.writes import writes
from diffexplore.errors import UsageError

if TYPE_CHECKING:
    from diffexplore.graphs.records import Graph
    from diffexplore.loss import Loss
    from diffexplore.tracing.trace import Traced


@writes("graph")
def graph(
    loss: o.LossArgument,
    at: o.OnePoint = None,
    data: o.Data = None,
    points: o.Points = None,
    wrt: o.Wrt = None,
    shapes: o.Shapes = None,
    reduction: o.Reduction = None,
    sample: o.Sample = "0",
    *,
    outputs: Outputs,
) -> int:
    """Show the computational graph of a loss, forward and backward: formulas, values, adjoints, local derivatives."""
    if len(at or ()) > 1:
        raise UsageError("a graph shows one point: give --at once")
    from diffexplore.cli.progress import listening

    # What a file prints while it is executed is kept out of standard output.
    with listening(quiet=outputs.quiet, loading="loading SymPy"), contextlib.redirect_stdout(sys.stderr):
        found = _graph(
            loss,
            at[0] if at else None,
            data,
            o.whole_number("--points", points),
            o.names_list("--wrt", wrt),
            shapes,
            reduction and o.chosen("reduction", reduction, o.REDUCTIONS),
            o.whole_number("--sample", sample) or 0,
        )
    outputs.write(_shown(found))
    return 0


def _graph(
    text: str, at: str | None, data: Path | None, n_points: int | None, wrt: tuple[str, ...] | None,
    shapes: str | None, reduction: str | None, sample: int,
) -> Graph:  # fmt: skip
    from diffexplore.check.points import parse_at

    point = None if at is None else parse_at(at)
    has_data = data is not None or n_points is not None
    loss, name = _loss(text, point, has_data=has_data, wrt=wrt, shapes=shapes, reduction=reduction, file=data)

    from diffexplore.cli.programs import entries_of
    from diffexplore.graphs import graph_of
    from diffexplore.loss import Loss

    if wrt and not isinstance(loss, Loss):
        wrt = entries_of(wrt, (*loss.parameters, *loss.data))
    return graph_of(loss, point, data, n_points=n_points, wrt=wrt, sample=sample, name=name)


def _loss(
    text: str, point: dict[str, float] | None, *, has_data: bool, wrt: tuple[str, ...] | None, shapes: str | None,
    reduction: str | None, file: Path | None,
) -> tuple[Loss | Traced, str | None]:  # fmt: skip
    """The loss or the traced function. Names in the point are parameters; without any, but with data, all are data."""
    from diffexplore.cli.loss_argument import is_name, loss_to_check, loss_to_derive
    from diffexplore.cli.programs import is_program, trace_program, which_parameters

    valued = point is not None or has_data
    if is_program(text):
        if reduction is not None:
            raise UsageError("--reduction is for formulas: a function in a file reduces its samples itself")
        if not valued and wrt is None:
            raise which_parameters(text, "graph", shapes)
        return trace_program(text, list(point or ()) if valued else wrt or (), shapes)
    if shapes is not None:
        raise UsageError("--shapes is for a torch function in a file")
    if not valued or is_name(text):
        return loss_to_derive(text, wrt, reduction=reduction), None
    every = wrt or ("every symbol",)  # a graph has them all, so that none need be named
    return loss_to_check(text, [point or ()], has_data=has_data, wrt=every, reduction=reduction, file=file), None


def _shown(found: Graph) -> Shown:
    from diffexplore.graphs.dot import to_dot
    from diffexplore.graphs.svg import to_svg
    from diffexplore.pages.records import Subject
    from diffexplore.report.graphs import headline, outline

    return Shown(
        Subject(found),
        headline(found).title,
        found.to_dict,
        lambda: outline(found),
        lambda: headline(found),
        texts={"svg": lambda: to_svg(found), "dot": lambda: to_dot(found)},
    )
