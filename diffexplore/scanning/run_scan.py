"""Running a scan: all methods at all places, each comparison judged as in every check."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from os import PathLike
from typing import Any

import numpy as np
import torch

from diffexplore.checking.batch import Batch, make_batch
from diffexplore.checking.digits import correct_digits
from diffexplore.checking.enclosures import Enclosures, statuses_in
from diffexplore.checking.evaluate import Evaluator
from diffexplore.checking.judge import Judged, judge
from diffexplore.checking.ledger import finite, make_row
from diffexplore.checking.records import Row
from diffexplore.checking.tallies import Skipped
from diffexplore.errors import UsageError
from diffexplore.inputs.losses import loss_given
from diffexplore.inputs.points import make_points
from diffexplore.loss import Loss
from diffexplore.methods.base import Numbers
from diffexplore.scanning.places import Places
from diffexplore.scanning.records import Scan, ScanCurve
from diffexplore.scanning.setting import Setting, setting_of
from diffexplore.scanning.span import ScanSpan, check_name, parse_span
from diffexplore.scanning.step_curve import error_curve


def scan(
    loss: Any,
    along: str,
    data: Mapping[str, Any] | str | PathLike[str] | None = None,
    at: Mapping[str, float] | None = None,
    *,
    methods: Sequence[str] | str | None = None,
    wrt: Sequence[str] | str | None = None,
    dtype: str | torch.dtype = "float64",
) -> Scan:
    """Correct digits along a step or a parameter.

    Args:
        loss, data, wrt, dtype: as for :func:`diffexplore.check`.
        along: ``"h=1e-12:1e-1"`` for the steps of the differences, or ``"a=-3:3"`` for values of a parameter; a third
            number is how many places.
        at: one point, a value for each parameter; by default the first that the loss suggests.
        methods: names of methods; by default one of each kind.

    Raises:
        UsageError: for what cannot be scanned.
    """
    known, span = loss_given(loss, at, data, wrt), parse_span(along)
    check_name(span, known.parameters, known.data)
    batch, point = make_batch(known, data).drawn(), make_points(known, at)[0]
    return run_scan(known, batch, point, span, methods=methods, wrt=wrt, dtype=dtype)


def run_scan(
    loss: Loss, batch: Batch, point: Mapping[str, float], span: ScanSpan, *, methods: Sequence[str] | str | None = None,
    wrt: Sequence[str] | str | None = None, dtype: str | torch.dtype = "float64",
) -> Scan:  # fmt: skip
    """The same on a batch and at a point that are at hand."""
    setting = setting_of(loss, batch, methods=methods, wrt=wrt, dtype=dtype)
    steps = check_name(span, loss.parameters, loss.data)
    places = _held(span, setting)
    if not setting.problem.parameters:
        raise UsageError("a scan compares partials by parameters, and none is differentiated here")
    refused: list[Skipped] = []
    curves = tuple(
        _along_step(setting, point, places) if steps else _along_parameter(setting, point, span.name, places, refused)
    )
    return Scan(
        kind="step" if steps else "parameter", along=span.name,
        point={name: value for name, value in point.items() if steps or name != span.name}, values=tuple(places),
        curves=curves, loss=loss.name or loss.formula, dtype=setting.dtype, n=setting.n, of=setting.of,
        skipped=(*setting.skipped, *refused),
    )  # fmt: skip


#: Causes that say that there is no truth to compare with.
_NO_TRUTH = frozenset({"kink", "undefined", "outside_domain", "unresolved", "overflow"})


def _held(span: ScanSpan, setting: Setting) -> list[float]:
    """The places as the dtype holds them, each once."""
    held = torch.tensor(span.places(), dtype=torch.float64, device="cpu").to(setting.problem.dtype).to(torch.float64)
    if not bool(held.isfinite().all()):
        raise UsageError(f"the scan of {span.name!r} goes beyond the range of {setting.dtype}")
    places = held.unique().tolist()
    if len(places) < 2 or (span.low > 0 and places[0] == 0):
        raise UsageError(f"{setting.dtype} cannot tell the places of the scan from {span.low:g} to {span.high:g} apart")
    return places


def _along_parameter(
    setting: Setting, point: Mapping[str, float], name: str, places: Sequence[float], refused: list[Skipped]
) -> Iterator[ScanCurve]:
    moved = Places(setting, point, {name: np.array(places)})
    truths = moved.truths()
    for running in setting.running:
        estimates = moved.estimates(running)
        if isinstance(estimates, str):
            refused.append(Skipped(running.name, estimates))
            continue
        for parameter, judged in moved.judged(running, estimates, truths).items():
            yield _curve(setting, parameter, running.name, judged)


def _along_step(setting: Setting, point: Mapping[str, float], places: Sequence[float]) -> Iterator[ScanCurve]:
    evaluator = Evaluator(setting.problem, point, setting.columns, setting.n)
    values = evaluator.values()
    truths, sums = evaluator.truths(values, setting.n, {})
    steps, found = torch.tensor(places, dtype=torch.float64, device="cpu"), 0
    for name in setting.problem.parameters:
        truth, _ = evaluator.reduced_truth(sums[name], statuses_in(truths[name]), setting.n)
        fields = (truth.high, truth.low, truth.radius, truth.status)
        everywhere = Enclosures(*(np.repeat(field, len(places)) for field in fields))
        sizes = np.abs(truths[name].high)
        largest = float(np.max(sizes[np.isfinite(sizes)], initial=0.0))
        curves = ((running.name, error_curve(running.method, setting, values, name)) for running in setting.running)
        for method, curve in curves:
            if curve is None:
                continue
            found += 1
            numbers = Numbers.of(curve.at(steps), exact=False)
            judged = judge(
                numbers.value, numbers.bound, everywhere, largest, setting.problem.dtype, numbers.reason,
                stepped=numbers.stepped,
            )  # fmt: skip
            yield _curve(setting, name, method, judged, finite(curve.chosen))
    if not found:
        reasons = "; ".join(f"{skip.method}: {skip.reason}" for skip in setting.skipped)
        why = f": {reasons}" if reasons else ", so that h cannot be scanned"
        raise UsageError(f"no method that takes a step runs here{why}")


def _curve(setting: Setting, name: str, method: str, judged: Judged, chosen: float | None = None) -> ScanCurve:
    rows = [make_row(judged, i, name, method, {}, sample=None) for i in range(len(judged.value))]
    return ScanCurve(
        parameter=name, method=method,
        digits=tuple(correct_digits(row, setting.dtype) if _has_truth(row) else None for row in rows),
        error_ulp=tuple(row.error_ulp if _has_truth(row) else None for row in rows),
        causes=tuple(row.cause.key if row.cause is not None else None for row in rows), chosen=chosen,
    )  # fmt: skip


def _has_truth(row: Row) -> bool:
    """Whether a gradient exists and is known: at a kink there are only the slopes of its sides."""
    return row.cause is None or row.cause.key not in _NO_TRUTH
