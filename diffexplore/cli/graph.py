"""``diffexplore graph``: how a loss is computed, and how its derivatives flow back."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING

from diffexplore.cli import options as o
from diffexplore.cli.data_argument import DataGiven, data_given
from diffexplore.cli.outputs import Outputs
from diffexplore.cli.shown import Shown
from diffexplore.cli.writes import writes
from diffexplore.errors import UsageError

if TYPE_CHECKING:
    from diffexplore.graphing.records import Graph
    from diffexplore.loss import Loss
    from diffexplore.tracing.trace import Traced


@writes("graph")
def graph(
    loss: o.LossArgument,
    at: o.OnePoint = None,
    data: o.Data = None,
    columns: o.Columns = None,
    samples: o.Samples = None,
    wrt: o.Wrt = None,
    shapes: o.Shapes = None,
    reduction: o.Reduction = None,
    sample: o.Sample = "0",
    full: o.FullGraph = False,
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
            data_given(data, samples, columns),
            o.names_list("--wrt", wrt),
            shapes,
            reduction and o.chosen("reduction", reduction, o.REDUCTIONS),
            o.whole_number("--sample", sample) or 0,
        )
    outputs.write(_shown(found, full=full))
    return 0


def _graph(
    text: str, at: str | None, data: DataGiven, wrt: tuple[str, ...] | None,
    shapes: str | None, reduction: str | None, sample: int,
) -> Graph:  # fmt: skip
    from diffexplore.checking.points import parse_at

    point = None if at is None else parse_at(at)
    loss, name = _loss(text, point, data, wrt=wrt, shapes=shapes, reduction=reduction)

    from diffexplore.graphing import graph_of
    from diffexplore.inputs.functions import entries_of
    from diffexplore.loss import Loss

    if wrt and not isinstance(loss, Loss):
        wrt = entries_of(wrt, (*loss.parameters, *loss.data))
    return graph_of(
        loss, point, data.source, names=data.columns, n_points=data.n_points, wrt=wrt, sample=sample, name=name
    )


def _loss(
    text: str, point: dict[str, float] | None, data: DataGiven, *, wrt: tuple[str, ...] | None, shapes: str | None,
    reduction: str | None,
) -> tuple[Loss | Traced, str | None]:  # fmt: skip
    """The loss or the traced function. Names in the point are parameters; without any, but with data, all are data."""
    from diffexplore.cli.loss_argument import is_name, loss_to_check, loss_to_derive
    from diffexplore.cli.programs import trace_program, which_parameters
    from diffexplore.inputs.losses import is_program

    valued = point is not None or data.is_given
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
    loss = loss_to_check(
        text, [point or ()], has_data=data.is_given, wrt=every, reduction=reduction, columns=data.names,
        origin=data.origin,
    )  # fmt: skip
    return loss, None


def _shown(found: Graph, *, full: bool) -> Shown:
    from diffexplore.graphing.dot import to_dot
    from diffexplore.graphing.svg import to_svg
    from diffexplore.pages.records import Subject
    from diffexplore.render.graphs import headline, outline
    from diffexplore.render.terminal import Drawing

    return Shown(
        Subject(found),
        headline(found).title,
        found.to_dict,
        lambda: outline(found),
        lambda: headline(found),
        page=lambda ascii: Drawing(tuple(outline(found, full=full)), ascii),
        texts={"svg": lambda: to_svg(found), "dot": lambda: to_dot(found)},
    )
