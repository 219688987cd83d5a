"""How far rounding alone can drive two runs of gradient descent apart.

Let d be the difference of two runs by the same rule. One step makes of it, exactly,

    d' = (I − lr H) d + lr (e₂ − e₁) + (r₁ − r₂)

with the errors e of the two computed gradients, the roundings r of the two updates, and a Hessian H between the two
points (the mean value theorem). All of these are enclosed at each step, so that the absolute values add up to a bound
on d that is proved. What is bounded is nothing but rounding: in exact arithmetic both gradients are the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flint import arb

from diffexplore.arithmetic.balls import precision
from diffexplore.fitting.reduced import BITS, ReducedLoss, point

#: A bound is not derived where it takes more operations in Arb than this.
_MOST_OPERATIONS = 400_000


@dataclass
class DriftBound:
    """The bound while two runs go on; ``bound`` has a number for each parameter, None once nothing is known."""

    loss: ReducedLoss
    rate: float
    bound: list[arb] | None
    #: The largest error of a gradient seen so far, of any parameter and either run.
    largest_error: float = 0.0
    reason: str | None = None

    @classmethod
    def start(cls, loss: ReducedLoss, rate: float, steps: int) -> DriftBound:
        """Two runs from one point; no bound where it would take too many operations."""
        needed = 3 * loss.operations * steps
        if needed > _MOST_OPERATIONS:
            return cls(loss, rate, None, reason=f"it takes {needed:.2g} operations in ball arithmetic")
        return cls(loss, rate, [arb(0) for _ in loss.parameters])

    def step(
        self, before: Sequence[Sequence[float]], slopes: Sequence[Sequence[float]], after: Sequence[Sequence[float]]
    ) -> None:
        """One step of the first two runs: points, computed gradients, points."""
        if self.bound is None:
            return
        with precision(BITS):
            between = [arb(x).union(arb(y)) for x, y in zip(before[0], before[1], strict=True)]
            over = self.loss.derivatives(between)
            if not over.finite:
                self.bound, self.reason = None, "the loss is not proved to be smooth between the two runs"
                return
            size, rate = len(between), arb(self.rate)
            grown = [
                sum((abs((int(i == j)) - rate * over.hessian[i, j]) * self.bound[j] for j in range(size)), arb(0))
                for i in range(size)
            ]
            for run in range(2):
                for i, error in enumerate(self._errors(before[run], slopes[run], after[run])):
                    grown[i] += error
            self.bound = [arb(x.upper()) for x in grown]
            if not all(x.is_finite() for x in self.bound):
                self.bound, self.reason = None, "it grew beyond all numbers"

    @property
    def numbers(self) -> list[float] | None:
        """The bound as doubles, rounded up."""
        return None if self.bound is None else [float(x.upper()) * (1 + 2.0**-52) for x in self.bound]

    def _errors(self, before: Sequence[float], slopes: Sequence[float], after: Sequence[float]) -> list[arb]:
        """lr |e| + |r| of each parameter."""
        rate = arb(self.rate)
        exact = self.loss.gradient(point(before))
        errors = []
        for old, new, slope, truth in zip(point(before), point(after), point(slopes), exact, strict=True):
            error = abs(slope - truth)
            self.largest_error = max(self.largest_error, float(error.upper()))
            errors.append(rate * error + abs(new - (old - rate * slope)))
        return errors


class Apart:
    """How far each run is from the first one: at most, and at the last step that both took."""

    def __init__(self, runs: int, bound: DriftBound | None) -> None:
        self.bound = bound
        self.largest: list[list[float] | None] = [None] * runs
        self.last: list[list[float] | None] = [None] * runs

    def step(
        self, before: Sequence[Sequence[float]], slopes: Sequence[Sequence[float]], after: Sequence[Sequence[float]]
    ) -> None:
        """One step of all runs; a run that has ended stays where it is."""
        if self.bound is not None:
            self.bound.step(before, slopes, after)
        self.look(after)

    def look(self, points: Sequence[Sequence[float]]) -> None:
        """The points at which the runs are."""
        for place, at in enumerate(points[1:], 1):
            apart = [abs(x - y) for x, y in zip(points[0], at, strict=True)]
            self.last[place] = apart
            self.largest[place] = [max(pair) for pair in zip(apart, self.largest[place] or apart, strict=True)]
