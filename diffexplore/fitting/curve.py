"""The loss curve of a fit, as a figure."""

from __future__ import annotations

from diffexplore.figures.records import Axis, Figure, Series
from diffexplore.fitting.records import Fit, Run


def loss_curve(fit: Fit) -> Figure:
    """The loss against the steps, a series a run; on a logarithmic axis where all losses are positive."""
    series = [_series(run) for run in fit.runs]
    series = [one for one in series if one.x]
    positive = all(y > 0 for one in series for y in one.y)
    optimum = fit.optimum
    lowest = "" if optimum is None else f"; the minimum is {optimum.value:.6g}"
    return Figure(
        title=f"Loss curve of {fit.loss.name or fit.loss.formula}",
        caption=f"The loss after each step of {fit.optimizer}, as each run computed it{lowest}.",
        x=Axis("step"),
        y=Axis("loss", scale="log" if positive else "linear"),
        series=tuple(series),
    )


def _series(run: Run) -> Series:
    known = [(place.step, place.loss) for place in run.path if place.loss is not None]
    return Series(f"{run.method}, {run.dtype}", tuple(float(step) for step, _ in known), tuple(loss for _, loss in known))
