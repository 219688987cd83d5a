"""``diffexplore fit``: run the descent, and say why it went as it did."""

from __future__ import annotations

import contextlib
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from diffexplore.cli import options as o
from diffexplore.cli.outputs import Outputs
from diffexplore.cli.shown import Shown
from diffexplore.cli.writes import writes
from diffexplore.errors import UsageError

if TYPE_CHECKING:
    from diffexplore.fitting.records import Fit
    from diffexplore.pages.records import Subject


@writes("fit")
def fit(
    loss: o.LossOrDefault = "perpendicular",
    at: o.Start = None,
    data: o.Data = None,
    points: o.Points = None,
    lr: o.Rate = "1e-5",
    steps: o.StepCount = "1000",
    optimizer: o.Optimizer = "gd",
    methods: o.Descending = "symbolic,reverse",
    shapes: o.Shapes = None,
    reduction: o.Reduction = None,
    dtype: o.Dtypes = "float32,float64",
    seed: o.Seed = "0",
    *,
    outputs: Outputs,
) -> int:
    """Minimise a loss by symbolic and automatic gradients side by side, and explain the curve.

    Shows the loss curve, the fitted values beside the certified optimum, and why the descent ended where it did.
    """
    if len(at or ()) > 1:
        raise UsageError("a fit has one start: give --at once")
    with contextlib.redirect_stdout(sys.stderr):  # what a file prints while it is executed
        subject = _fitted(
            loss, at[0] if at else None, data, o.whole_number("--points", points), o.whole_number("--seed", seed) or 0,
            shapes, reduction and o.chosen("reduction", reduction, o.REDUCTIONS), _rate(lr),
            o.whole_number("--steps", steps) or 0, optimizer, methods, dtype, outputs.quiet,
        )  # fmt: skip
    outputs.write(_shown(subject))
    return 0


def _fitted(
    text: str, at: str | None, data: Path | None, n_points: int | None, seed: int, shapes: str | None,
    reduction: str | None, lr: float, steps: int, optimizer: str, methods: str, dtype: str, quiet: bool,
) -> Subject:  # fmt: skip
    from diffexplore.check.points import make_points, parse_at
    from diffexplore.cli.loss_argument import loss_to_check

    o.chosen("optimizer", optimizer, o.OPTIMIZERS)
    start = [] if at is None else [parse_at(at)]
    has_data = data is not None or n_points is not None
    loss = loss_to_check(text, start, has_data=has_data, wrt=None, reduction=reduction, shapes=shapes, file=data)
    points = make_points(loss, start or None)

    from diffexplore.check.batch import make_batch
    from diffexplore.cli.progress import listening
    from diffexplore.fitting.fit import run_fit
    from diffexplore.fitting.settings import settings_of
    from diffexplore.pages.subjects import of_fit

    settings = settings_of(lr, steps, optimizer, methods, dtype)
    batch = make_batch(loss, data, n_points=n_points, seed=seed, points=points[:1])
    with listening(quiet=quiet, rows_to=None) as listener:
        result = run_fit(loss, batch, points[0], settings, listener)
    return replace(of_fit(result), loss=loss, batch=batch)


def _rate(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise UsageError(f"--lr takes a positive number such as 1e-5, not {text!r}") from None


def _shown(subject: Subject) -> Shown:
    from diffexplore.report.fits import FitPage, gradient_notes, headline, outline

    result: Fit = subject.result
    return Shown(
        subject,
        f"Fit: {result.loss.name or 'a formula'}",
        result.to_dict,
        lambda: (*outline(result), *gradient_notes(result)),
        lambda: headline(result),
        page=lambda ascii: FitPage(result, ascii),
        figures=lambda: (result.figure(),),
    )
