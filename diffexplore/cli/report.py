"""``diffexplore report``: check a loss, and say how exactly its gradients agree."""

from __future__ import annotations

import contextlib
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from diffexplore import methods as known_methods
from diffexplore.check.records import Report
from diffexplore.cli import options as o
from diffexplore.cli.exit_codes import OF_VERDICT
from diffexplore.cli.next_steps import after_report
from diffexplore.cli.outputs import Outputs, check_outputs, write_outputs
from diffexplore.errors import UsageError

if TYPE_CHECKING:
    from diffexplore.check.listener import Listener
    from diffexplore.loss import Loss
    from diffexplore.report.outline import HessianText


@dataclass(frozen=True)
class Request:
    """What to check, and how."""

    loss: str
    at: tuple[str, ...] = ()
    data: Path | None = None
    n_points: int | None = None
    wrt: tuple[str, ...] | None = None
    shapes: str | None = None
    reduction: str | None = None
    dtype: str = "float64"
    device: str = "auto"
    methods: tuple[str, ...] | None = None
    step: float | None = None
    seed: int = 0


def report(
    loss: o.LossOrDefault = "perpendicular",
    at: o.At = None,
    data: o.Data = None,
    points: o.Points = None,
    wrt: o.Wrt = None,
    shapes: o.Shapes = None,
    reduction: o.Reduction = None,
    dtype: o.Dtype = "float64",
    device: o.Device = "auto",
    methods: o.Methods = None,
    step: o.Step = None,
    seed: o.Seed = "0",
    rows: o.Rows = "worst",
    json: o.Json = None,
    markdown: o.Markdown = None,
    hessian: o.HessianFlag = False,
    full: o.Full = False,
    only_failing: o.OnlyFailing = False,
    quiet: o.Quiet = False,
    no_color: o.NoColor = False,
    ascii: o.Ascii = False,
    debug: o.Debug = False,
) -> int:
    """Check every way to differentiate a loss against the certified truth.

    Exits with 0 if the gradients agree, 1 if one is wrong, 3 if that could not be decided.
    """
    request = Request(
        loss=loss,
        at=tuple(at or ()),
        data=data,
        n_points=o.whole_number("--points", points),
        wrt=o.names_list("--wrt", wrt),
        shapes=shapes,
        reduction=reduction and o.chosen("reduction", reduction, o.REDUCTIONS),
        dtype=o.chosen("dtype", dtype, o.DTYPES),
        device=o.chosen("device", device, o.DEVICES),
        methods=_methods(methods),
        step=_step(step),
        seed=o.whole_number("--seed", seed) or 0,
    )
    all_rows = o.chosen("choice of rows", rows, o.ROWS) == "all"
    outputs = Outputs(all_rows, json, markdown, quiet, no_color, ascii, full=full, only_failing=only_failing)
    check_outputs(outputs)
    return _run(request, outputs, hessian)


def _methods(text: str | None) -> tuple[str, ...] | None:
    names = o.names_list("--methods", text)
    return None if names is None else tuple(entry.name for entry in known_methods.select(names))


def _step(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        step = float(text)
    except ValueError:
        step = 0.0
    if not 0 < step < float("inf"):
        raise UsageError(f"--step takes a positive number such as 1e-5, not {text!r}")
    return step


def _run(request: Request, outputs: Outputs, with_hessian: bool) -> int:
    rows_to = sys.stdout if outputs.all_rows else None
    with contextlib.redirect_stdout(sys.stderr):  # what a file prints while it is executed
        loss, result = _checked(request, outputs, rows_to)
    hessian = _hessian(loss, result) if with_hessian else None
    write_outputs(result, outputs, hessian, after_report(request))
    return OF_VERDICT[result.verdict]


def _checked(request: Request, outputs: Outputs, rows_to: TextIO | None) -> tuple[Loss, Report]:
    """Resolve the loss, its points and its data, and run the check on them."""
    from diffexplore.cli.progress import listening

    with listening(quiet=outputs.quiet, rows_to=rows_to) as listener:
        return _heard(request, listener)


def _heard(request: Request, listener: Listener) -> tuple[Loss, Report]:
    from diffexplore.check.points import make_points, parse_at
    from diffexplore.cli.loss_argument import loss_to_check, partials_of

    at = [parse_at(text) for text in request.at]
    has_data = request.data is not None or request.n_points is not None
    loss = loss_to_check(
        request.loss, at, has_data=has_data, wrt=request.wrt, reduction=request.reduction, shapes=request.shapes,
        file=request.data,
    )  # fmt: skip
    points = make_points(loss, at or None)

    from diffexplore.check.batch import make_batch
    from diffexplore.check.run import run_check

    batch = make_batch(loss, request.data, n_points=request.n_points, seed=request.seed, points=points)
    result = run_check(
        loss,
        batch,
        points,
        methods=request.methods,
        wrt=partials_of(loss, request.wrt),
        dtype=request.dtype,
        device=request.device,
        seed=request.seed,
        step=request.step,
        listener=listener,
    )
    return loss, result


def _hessian(loss: Loss, result: Report) -> HessianText:
    """The second partials by what the report differentiates by."""
    from diffexplore.cli.algebra import hessian_text

    return hessian_text(loss, tuple(result.gradient))
