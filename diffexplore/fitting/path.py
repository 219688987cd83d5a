"""The path of a descent: every step is counted, and at most two thousand of them are kept."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

#: A path with more points is thinned to every second one.
_MOST = 2_001

#: So many steps at the end are looked at for their changes.
LAST = 100

#: So many upward steps are kept with their points, to be looked at in exact arithmetic.
_RISES = 100


@dataclass(frozen=True)
class PathPoint:
    """A point of a path: how many steps led to it, and the loss there as it was computed."""

    step: int
    loss: float
    point: tuple[float, ...]


@dataclass(frozen=True)
class Rise:
    """A step up: from ``before`` to ``after``."""

    before: PathPoint
    after: PathPoint


class Path:
    """What is kept of a path while it is walked, in bounded memory."""

    def __init__(self) -> None:
        self.kept: list[PathPoint] = []
        self.first: PathPoint | None = None
        self.best: PathPoint | None = None
        self.last: PathPoint | None = None
        self.rises = 0
        self.rises_kept: list[Rise] = []
        self.changes: deque[float] = deque(maxlen=LAST)
        self._stride = 1

    def add(self, step: int, loss: float, point: Sequence[float]) -> None:
        """The next point."""
        place = PathPoint(step, loss, tuple(point))
        before, self.last = self.last, place
        if before is None:
            self.first = place
        else:
            self._compare(before, place)
        if math.isfinite(loss) and (self.best is None or loss < self.best.loss):
            self.best = place
        if step % self._stride == 0:
            self.kept.append(place)
            if len(self.kept) > _MOST:
                self._stride *= 2
                self.kept = [kept for kept in self.kept if kept.step % self._stride == 0]

    def _compare(self, before: PathPoint, after: PathPoint) -> None:
        self.changes.append(abs(after.loss - before.loss))
        if after.loss > before.loss:
            self.rises += 1
            if len(self.rises_kept) < _RISES:
                self.rises_kept.append(Rise(before, after))

    def places(self) -> tuple[PathPoint, ...]:
        """The points that are kept, with the first, the best and the last, in their order."""
        every = {place.step: place for place in self.kept}
        every |= {place.step: place for place in (self.first, self.best, self.last) if place is not None}
        return tuple(every[step] for step in sorted(every))
