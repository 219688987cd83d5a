"""``diffexplore fit``: run the descent, and say why it went as it did."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING

from diffexplore.cli import options as o
from diffexplore.cli.data_argument import DataGiven, data_given
from diffexplore.cli.output import check_places, console_on, deliver, deliver_json
from diffexplore.errors import UsageError

if TYPE_CHECKING:
    from diffexplore.fitting.records import Fit


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
    json: o.FitJson = None,
    markdown: o.FitMarkdown = None,
    quiet: o.FirstLine = False,
    no_color: o.NoColor = False,
    ascii: o.Ascii = False,
    debug: o.Debug = False,
) -> int:
    """Minimise a loss by symbolic and automatic gradients side by side, and explain the curve.

    Shows the loss curve, the fitted values beside the certified optimum, and why the descent ended where it did.
    """
    if len(at or ()) > 1:
        raise UsageError("a fit has one start: give --at once")
    for_a_program = check_places(json=json, markdown=markdown)
    with contextlib.redirect_stdout(sys.stderr):  # what a file prints while it is executed
        result = _fitted(
            loss, at[0] if at else None, data_given(data, samples, columns), o.whole_number("--seed", seed) or 0,
            shapes, reduction and o.chosen("reduction", reduction, o.REDUCTIONS), _rate(lr),
            o.whole_number("--steps", steps) or 0, optimizer, methods, dtype, quiet,
        )  # fmt: skip
    _write(result, json, markdown)
    if not for_a_program:
        _print(result, quiet=quiet, no_color=no_color, ascii=ascii)
    return 0


def _fitted(
    text: str, at: str | None, data: DataGiven, seed: int, shapes: str | None,
    reduction: str | None, lr: float, steps: int, optimizer: str, methods: str, dtype: str, quiet: bool,
) -> Fit:  # fmt: skip
    from diffexplore.check.points import make_points, parse_at
    from diffexplore.cli.loss_argument import loss_to_check

    o.chosen("optimizer", optimizer, o.OPTIMIZERS)
    start = [] if at is None else [parse_at(at)]
    loss = loss_to_check(
        text, start, has_data=data.is_given, wrt=None, reduction=reduction, shapes=shapes, columns=data.names,
        origin=data.origin,
    )  # fmt: skip
    points = make_points(loss, start or None)

    from diffexplore.cli.progress import listening
    from diffexplore.fitting.fit import run_fit
    from diffexplore.fitting.settings import settings_of

    settings = settings_of(lr, steps, optimizer, methods, dtype)
    batch = data.batch(loss, seed=seed, points=points[:1])
    with listening(quiet=quiet, rows_to=None) as listener:
        return run_fit(loss, batch, points[0], settings, listener)


def _rate(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise UsageError(f"--lr takes a positive number such as 1e-5, not {text!r}") from None


def _write(result: Fit, json: str | None, markdown: str | None) -> None:
    if json is not None:
        deliver_json(result, json)
    if markdown is not None:
        from diffexplore.report.fits import to_markdown

        deliver(to_markdown(result), markdown)


def _print(result: Fit, *, quiet: bool, no_color: bool, ascii: bool) -> None:
    from diffexplore.report.fits import FitPage, headline
    from diffexplore.report.terminal import Drawing

    console = console_on(sys.stdout, no_color=no_color)
    console.print(Drawing((headline(result),), ascii or None) if quiet else FitPage(result, ascii or None))
