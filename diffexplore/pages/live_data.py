"""What the script of a live section computes with: the data, the start, the rate, the windows, the marks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from diffexplore.documents import plain
from diffexplore.exploring.records import Explorer, Live
from diffexplore.fitting.explanation.ending import PERCENT
from diffexplore.fitting.optimizers import BETAS, EPS, MOMENTUM

#: The optimizers that the script has, as it calls them, and as people do.
OPTIMIZERS = {"gd": "gradient descent", "momentum": "momentum", "adam": "Adam"}

#: Most operations that a slider at its end may cause.
_MOST_OPERATIONS = 200_000_000
_MOST_STEPS = 100_000


def live_data(explorer: Explorer, live: Live) -> dict[str, Any]:
    """The object that the script is started with; null for a number that is not finite."""
    names = list(explorer.start)
    return plain(
        {
            "parameters": names,
            "data": list(explorer.loss.data),
            "columns": explorer.columns,
            "n": explorer.n,
            "reduction": explorer.loss.reduction,
            "axes": explorer.axes,
            "held": _values(names, explorer.held),
            "start": _values(names, explorer.start),
            "rate": live.rate,
            "optimizer": followed(explorer),
            "constants": {"momentum": MOMENTUM, "beta1": BETAS[0], "beta2": BETAS[1], "eps": EPS},
            "steps": max(1, min(explorer.steps, most_steps(explorer, live))),
            "most_steps": most_steps(explorer, live),
            "operations": live.operations,
            "percent": PERCENT,
            "bounded": live.bounded,
            "windows": [window.to_dict() for window in explorer.windows],
            "reach": {name: list(limits) for name, limits in live.reach.items()},
            "marks": [
                {"kind": mark.kind, "point": _values(names, mark.point), "loss": mark.loss} for mark in explorer.marks
            ],
            "fitted": None if explorer.fitted is None else {"x": explorer.fitted.x, "y": explorer.fitted.y},
        }
    )


def _values(names: Sequence[str], point: Any) -> list[float]:
    return [float(point[name]) for name in names]


def most_steps(explorer: Explorer, live: Live) -> int:
    """The end of the slider of steps: as many as a page computes at once, and at least 20."""
    return max(20, min(_MOST_STEPS, _MOST_OPERATIONS // max(1, live.operations)))


def followed(explorer: Explorer) -> str:
    """The optimizer that the page takes steps of: another one than these has no steps that a rate decides."""
    return explorer.optimizer if explorer.optimizer in OPTIMIZERS else "gd"
