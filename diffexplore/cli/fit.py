"""``diffexplore fit``: run the descent, and say why it went as it did."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

from diffexplore.cli import options as o
from diffexplore.cli.given import Given, given
from diffexplore.cli.outputs import Outputs
from diffexplore.cli.progress import listening
from diffexplore.cli.shown import Shown
from diffexplore.cli.writes import writes
from diffexplore.errors import UsageError
from diffexplore.fitting import optimizers

if TYPE_CHECKING:
    from diffexplore.checking.listener import Listener
    from diffexplore.fitting.records import Fit
    from diffexplore.pages.records import Subject


@dataclass(frozen=True)
class FitRequest(Given):
    """What to minimise, and how."""

    lr: float = 1e-5
    steps: int = 1000
    optimizer: str = "gd"
    methods: str = "symbolic,reverse"
    dtypes: str = "float32,float64"
    axes: tuple[str, ...] | None = None


@writes("fit")
def fit(
    loss: o.LossOrDefault = "perpendicular",
    at: o.Start = None,
    data: o.Data = None,
    columns: o.Columns = None,
    samples: o.Samples = None,
    lr: o.Rate = "1e-5",
    steps: o.StepCount = "1000",
    optimizer: o.Optimizer = "gd",
    methods: o.Descending = "symbolic,reverse",
    shapes: o.Shapes = None,
    reduction: o.Reduction = None,
    dtype: o.Dtypes = "float32,float64",
    seed: o.Seed = "0",
    axes: o.Axes = None,
    *,
    outputs: Outputs,
) -> int:
    """Minimise a loss by symbolic and automatic gradients side by side, and explain the curve.

    Shows the loss curve, the fitted values beside the certified optimum, and why the descent ended where it did.
    """
    if len(at or ()) > 1:
        raise UsageError("a fit has one start: give --at once")
    request = FitRequest(
        **given(loss, at, data, columns, samples, None, shapes, reduction, seed=seed),
        lr=o.decimal("--lr", lr),
        steps=o.whole_number("--steps", steps) or 0,
        optimizer=o.chosen("optimizer", optimizer, optimizers.names()),
        methods=methods, dtypes=dtype, axes=None if axes is None else tuple(name.strip() for name in axes.split(",")),
    )  # fmt: skip
    with listening(quiet=outputs.quiet) as listener:
        subject = _fitted(request, listener)
    outputs.write(_shown(subject))
    return 0


def _fitted(request: FitRequest, listener: Listener) -> Subject:
    """Resolve the loss, its start and its data, and run the descents."""
    from diffexplore.exploring.window import chosen_axes

    loss = request.to_check()
    points = request.points_of(loss)
    if request.axes is not None:
        chosen_axes(loss, request.axes)  # refused before the descent

    from diffexplore.fitting.fit import run_fit
    from diffexplore.fitting.settings import settings_of
    from diffexplore.pages.subjects import of_fit

    settings = settings_of(request.lr, request.steps, request.optimizer, request.methods, request.dtypes)
    batch = request.batch(loss, points[:1])
    return of_fit(run_fit(loss, batch, points[0], settings, listener), request.axes)


def _shown(subject: Subject) -> Shown:
    from diffexplore.render.fits import gradient_notes, outline
    from diffexplore.render.terminal import Drawing

    result: Fit = subject.result
    return Shown(
        subject,
        f"Fit: {result.loss.name or 'a formula'}",
        result.to_dict,
        lambda: chain(outline(result), gradient_notes(result)),
        page=lambda ascii: Drawing(tuple(outline(result)), ascii),
        figures=lambda: (result.figure(), *result.explore(subject.axes).figures()),
    )
