"""The work-precision diagram of a bench, and its times against sizes, as figures."""

from __future__ import annotations

from diffexplore.benching.records import Bench, BenchedLoss
from diffexplore.figures.records import Axis, Figure, Series

#: Where an error of 0 is drawn: a logarithmic axis has no 0.
_NO_ERROR = 0.01


def work_precision(bench: Bench, subject: BenchedLoss) -> Figure:
    """Seconds of a later call against the error of its gradient, a mark for each method."""
    n = max(one.n for one in bench.of(subject.name))
    series = []
    for one in bench.of(subject.name, n):
        if one.error_ulp is not None:
            error = max(one.error_ulp, _NO_ERROR)
            series.append(Series(one.method, (one.median * 1e3,), (error,), joined=False, role="measured"))
    return Figure(
        title=f"{subject.name}, {n:,} samples: work and precision",
        caption=(
            f"Median time of a later call against the largest error of a partial, {n:,} samples in {bench.dtype}; "
            f"errors below {_NO_ERROR} ulp are drawn there. Left is faster, low is more exact."
        ),
        x=Axis("time of a gradient", "ms", "log"),
        y=Axis("error", "ulp", "log"),
        layers=tuple(series),
    )


def time_by_size(bench: Bench, subject: BenchedLoss) -> Figure:
    """Seconds of a later call against the number of samples, a line for each method."""
    series = []
    for method in dict.fromkeys(one.method for one in bench.of(subject.name)):
        found = [one for one in bench.of(subject.name) if one.method == method]
        sizes, times = tuple(float(one.n) for one in found), tuple(one.median * 1e3 for one in found)
        series.append(Series(method, sizes, times, role="measured"))
    return Figure(
        title=f"{subject.name}: time by size",
        caption=f"Median time of a later call against the number of samples, in {bench.dtype}.",
        x=Axis("samples", "", "log"),
        y=Axis("time of a gradient", "ms", "log"),
        layers=tuple(series),
    )
