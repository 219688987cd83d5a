"""From walks to the records of a fit."""

from __future__ import annotations

import math
from collections.abc import Sequence

from diffexplore.arithmetic.balls import precision
from diffexplore.checking.records import Truth
from diffexplore.fitting.descend import Walk
from diffexplore.fitting.drift import Apart
from diffexplore.fitting.path import Path, PathPoint
from diffexplore.fitting.records import Drift, Rises, Run
from diffexplore.fitting.reduced import BITS, ReducedLoss, point
from diffexplore.fitting.terrain import PathStep
from diffexplore.writing.numbers import ulp_at

#: Exact losses are compared at upward steps with no more operations than this.
_RISE_OPERATIONS = 500_000


def run_record(one: Walk, loss: ReducedLoss, dtype: str) -> Run:
    """What is kept of one descent; ``loss`` is the exact loss of the data as its dtype holds them."""
    path, names = one.path, loss.parameters
    assert path.first is not None and path.last is not None, "every walk looks at its start"
    changes, last = [change for change in path.changes if math.isfinite(change)], path.last.loss
    return Run(
        method=one.method, dtype=dtype, steps=one.steps, ended=one.ended, first=_place(path.first, names),
        best=None if path.best is None else _place(path.best, names), last=_place(path.last, names),
        rises=_rises(path, loss), mean_change=sum(changes) / len(changes) if changes else None, changes=len(changes),
        ulp=ulp_at(Truth(repr(last), "0"), dtype) if math.isfinite(last) and last != 0 else None,
        path=tuple(_place(place, names) for place in path.places()),
    )  # fmt: skip


def _place(place: PathPoint, names: Sequence[str]) -> PathStep:
    loss = place.loss if math.isfinite(place.loss) else None
    return PathStep(place.step, loss, dict(zip(names, place.point, strict=True)))


def _rises(path: Path, loss: ReducedLoss) -> Rises:
    """The upward steps, and at how many of them the exact loss certainly falls, or rises."""
    most = _RISE_OPERATIONS // max(1, 2 * loss.operations)
    checked = [rise for rise in path.rises_kept if math.isfinite(rise.after.loss)][:most]
    falls = climbs = 0
    with precision(BITS):
        for rise in checked:
            change = loss.value(point(rise.after.point)) - loss.value(point(rise.before.point))
            falls += bool(change < 0)
            climbs += bool(change > 0)
    first = path.rises_kept[0].before.step if path.rises_kept else None
    return Rises(path.rises, first, len(checked), falls, climbs)


def drift_records(apart: Apart, walks: Sequence[Walk], dtype: str, names: Sequence[str]) -> list[Drift]:
    """How far each run came from the first one; only the second may have a bound."""
    drifts = []
    for place in range(1, len(walks)):
        last, largest = apart.last[place], apart.largest[place]
        if last is None or largest is None:
            continue
        bound = apart.bound if place == 1 else None
        numbers = None if bound is None else bound.numbers
        drifts.append(Drift(
            dtype, (walks[0].method, walks[place].method), dict(zip(names, last, strict=True)),
            dict(zip(names, largest, strict=True)), None if numbers is None else dict(zip(names, numbers, strict=True)),
            "it is derived for gradient descent by the first two methods" if bound is None else bound.reason,
            None if bound is None or numbers is None else bound.largest_error,
        ))  # fmt: skip
    return drifts
