"""The loss curve of a fit, as a figure."""

from __future__ import annotations

from collections.abc import Sequence

from diffexplore.figures.records import Axis, Figure, Series
from diffexplore.fitting.records import Fit, Run

#: Two curves are one where they are within this part of each other everywhere.
_APART = 1e-3


def loss_curve(fit: Fit) -> Figure:
    """The loss against the steps, a series for runs that are alike; the axis is logarithmic over a decade and more."""
    series = [one for one in map(_series, _alike(fit.runs)) if one.x]
    losses = [y for one in series for y in one.y]
    decades = bool(losses) and 0 < 10 * min(losses) <= max(losses)
    optimum = fit.optimum
    lowest = "" if optimum is None else f"; the minimum is {optimum.value:.6g}"
    return Figure(
        title=f"Loss curve of {fit.loss.name or fit.loss.formula}",
        caption=f"The loss after each step of {fit.optimizer}, as each run computed it{lowest}.",
        x=Axis("step"),
        y=Axis("loss", scale="log" if decades else "linear"),
        layers=tuple(series),
    )


def _alike(runs: Sequence[Run]) -> list[list[Run]]:
    """Runs that no plot could tell apart, together."""
    groups: list[list[Run]] = []
    for run in runs:
        alike = next((group for group in groups if _near(group[0], run)), None)
        if alike is None:
            groups.append(alike := [])
        alike.append(run)
    return groups


def _near(one: Run, other: Run) -> bool:
    if [place.step for place in one.path] != [place.step for place in other.path]:
        return False
    losses = [place.loss for place in one.path if place.loss is not None]
    reach = max(losses, default=0.0) - min(losses, default=0.0)
    return all(_close(first.loss, second.loss, reach) for first, second in zip(one.path, other.path, strict=True))


def _close(first: float | None, second: float | None, reach: float) -> bool:
    if first is None or second is None:
        return first is second
    return abs(first - second) <= _APART * max(reach * _APART, abs(first))


def _series(group: Sequence[Run]) -> Series:
    known = [(place.step, place.loss) for place in group[0].path if place.loss is not None]
    names = " = ".join(f"{run.method} {run.dtype}" for run in group)
    return Series(names, tuple(float(step) for step, _ in known), tuple(loss for _, loss in known))
