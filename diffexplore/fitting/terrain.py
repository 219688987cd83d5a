"""What is known of the loss around a descent: its curvature and its stationary points, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from diffexplore.checking.records import Truth
from diffexplore.documents import Plain

Point = Mapping[str, float]


@dataclass(frozen=True)
class PathStep(Plain):
    """A point of a path: the steps that led to it, and the loss there, as the run computed it (None: not finite)."""

    step: int
    loss: float | None
    point: Point


@dataclass(frozen=True)
class Direction(Plain):
    """An eigenvalue of a Hessian, enclosed, with its unit eigenvector (None where it is not unique).

    ``steps_per_e`` is how many steps of gradient descent at the rate of the fit shrink the distance along it by a
    factor e, or let it grow by one where ``grows``; None where there is no such rate, or the distance does not change.
    """

    eigenvalue: Truth
    value: float
    along: Point | None
    steps_per_e: float | None
    grows: bool


@dataclass(frozen=True)
class Curvature(Plain):
    """The Hessian at one point: its directions, the smallest eigenvalue first.

    ``definite`` is "positive", "negative", "indefinite" or "open" (the sign of an eigenvalue is not known). The others
    are None unless it is positive: ``condition`` λ_max/λ_min, ``stability_limit`` 2/λ_max, the rate beyond which
    gradient descent runs away from such a point, and ``best_rate`` 2/(λ_min + λ_max), at which it comes nearest.
    """

    point: Point
    directions: tuple[Direction, ...]
    definite: str
    condition: float | None
    stability_limit: float | None
    best_rate: float | None


@dataclass(frozen=True)
class PathCurvature(Plain):
    """The largest eigenvalue of the Hessian over ``points`` points of a path, and the step at which it was seen.

    ``times_rate`` is its product with the learning rate; ``unstable`` the first of these steps at which that is above
    2, or None.
    """

    largest: float
    step: int
    points: int
    times_rate: float | None
    unstable: int | None


@dataclass(frozen=True)
class StationaryPoint(Plain):
    """A point with the gradient 0, in a box that is proved to hold exactly one.

    ``kind`` is "minimum", "flat minimum", "maximum", "saddle" or "degenerate". ``formulas`` are None, or say how each
    parameter follows from sums over the data and from the parameters after it.
    """

    kind: str
    box: Mapping[str, Truth]
    loss: Truth
    formulas: Mapping[str, str] | None

    @property
    def point(self) -> Point:
        """The middle of the box, to double precision."""
        return {name: float(truth.mid) for name, truth in self.box.items()}

    @property
    def value(self) -> float:
        """The loss there, to double precision."""
        return float(self.loss.mid)


@dataclass(frozen=True)
class Terrain(Plain):
    """What is known of where a descent should end: the statuses are those of :mod:`diffexplore.fitting.landscape`.

    ``complete`` says whether ``stationary`` are all stationary points. ``motion`` is how the parameters may move
    without a change of the loss; ``direction`` where the loss falls without an end that was found, up to ``radius``.
    ``orders`` are of a flat minimum: along a parameter, the loss grows as the distance to the power of its order.
    """

    status: str
    stationary: tuple[StationaryPoint, ...] = ()
    complete: bool = False
    optimum: StationaryPoint | None = None
    lowest: PathStep | None = None
    motion: str | None = None
    scales: bool = False
    direction: Point | None = None
    radius: float | None = None
    operations: int | None = None
    orders: Mapping[str, int] | None = None


@dataclass(frozen=True)
class Centred(Plain):
    """The condition number at the optimum if the means of ``columns`` were taken away, which only moves parameters."""

    columns: tuple[str, ...]
    condition: float
    best_rate: float
