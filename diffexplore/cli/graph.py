"""``diffexplore graph``: how a loss is computed, and how its derivatives flow back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from diffexplore.cli import options as o
from diffexplore.cli.given import Given, given
from diffexplore.cli.outputs import Outputs
from diffexplore.cli.progress import listening
from diffexplore.cli.shown import Shown
from diffexplore.cli.writes import writes
from diffexplore.errors import UsageError

if TYPE_CHECKING:
    from diffexplore.graphing.records import Graph
    from diffexplore.loss import Loss
    from diffexplore.tracing.traced import Traced


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
    with listening(quiet=outputs.quiet, loading="loading SymPy"):
        request = Given(**given(loss, at, data, columns, samples, wrt, shapes, reduction))
        found = _graph(request, o.whole_number("--sample", sample) or 0)
    outputs.write(_shown(found, full=full))
    return 0


def _graph(request: Given, sample: int) -> Graph:
    loss, name = _loss(request)

    from diffexplore.graphing import graph_of
    from diffexplore.inputs.functions import entries_of
    from diffexplore.loss import Loss

    wrt, data = request.wrt, request.data
    if wrt and not isinstance(loss, Loss):
        wrt = entries_of(wrt, (*loss.parameters, *loss.data))
    point = request.points[0] if request.points else None
    return graph_of(
        loss, point, data.source, names=data.columns, n_points=data.n_points, wrt=wrt, sample=sample, name=name
    )


def _loss(request: Given) -> tuple[Loss | Traced, str | None]:
    """The loss or the traced function. Names in the point are parameters; without any, but with data, all are data."""
    from diffexplore.cli.loss_argument import loss_to_derive
    from diffexplore.cli.programs import trace_program, which_parameters
    from diffexplore.inputs.losses import is_name, is_program

    text, wrt, shapes = str(request.loss), request.wrt, request.shapes
    valued = bool(request.points) or request.data.is_given
    if is_program(text):
        if request.reduction is not None:
            raise UsageError("--reduction is for formulas: a function in a file reduces its samples itself")
        if not valued and wrt is None:
            raise which_parameters(text, "graph", shapes)
        return trace_program(text, request.names if valued else wrt or (), shapes)
    if shapes is not None:
        raise UsageError("--shapes is for a torch function in a file")
    if not valued or is_name(text):
        return loss_to_derive(text, wrt, reduction=request.reduction), None
    return request.to_check(wrt or ("every symbol",)), None  # a graph has them all, so that none need be named


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
        page=lambda ascii: Drawing(tuple(outline(found, full=full)), ascii),
        texts={"svg": lambda: to_svg(found), "dot": lambda: to_dot(found)},
    )
