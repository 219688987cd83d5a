"""What is known of the loss around a descent: its curvature and its stationary points, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from diffexplore.checking.records import Truth

Point = Mapping[str, float]


@dataclass(frozen=True)
class Step:
    """A point of a path: the steps that led to it, and the loss there, as the run computed it (None: not finite)."""

    step: int
    loss: float | None
    point: Point

    def to_dict(self) -> dict[str, Any]:
        return {"step": self.step, "loss": self.loss, "point": dict(self.point)}


@dataclass(frozen=True)
class Direction:
    """An eigenvalue of a Hessian, enclosed, with its unit eigenvector (None where it is not unique).

    ``steps_per_e`` is how many steps of gradient descent at the rate of the fit shrink the distance along it by a
    factor e, or let it grow by one where ``grows``; None where there is no such rate, or the distance does not change.
    """

    eigenvalue: Truth
    value: float
    along: Point | None
    steps_per_e: float | None
    grows: bool

    def to_dict(self) -> dict[str, Any]:
        return {
            "eigenvalue": self.eigenvalue.to_dict(),
            "value": self.value,
            "along": None if self.along is None else dict(self.along),
            "steps_per_e": self.steps_per_e,
            "grows": self.grows,
        }


@dataclass(frozen=True)
class Curvature:
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

    def to_dict(self) -> dict[str, Any]:
        return {
            "point": dict(self.point),
            "directions": [direction.to_dict() for direction in self.directions],
            "definite": self.definite,
            "condition": self.condition,
            "stability_limit": self.stability_limit,
            "best_rate": self.best_rate,
        }


@dataclass(frozen=True)
class PathCurvature:
    """The largest eigenvalue of the Hessian over ``points`` points of a path, and the step at which it was seen.

    ``times_rate`` is its product with the learning rate; ``unstable`` the first of these steps at which that is above
    2, or None.
    """

    largest: float
    step: int
    points: int
    times_rate: float | None
    unstable: int | None

    def to_dict(self) -> dict[str, Any]:
        return {
            "largest": self.largest,
            "step": self.step,
            "points": self.points,
            "times_rate": self.times_rate,
            "unstable": self.unstable,
        }


@dataclass(frozen=True)
class StationaryPoint:
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

    def to_dict(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "box": {name: truth.to_dict() for name, truth in self.box.items()},
            "loss": self.loss.to_dict(),
            "formulas": None if self.formulas is None else dict(self.formulas),
        }


@dataclass(frozen=True)
class Terrain:
    """What is known of where a descent should end: the statuses are those of :mod:`diffexplore.fitting.landscape`.

    ``complete`` says whether ``stationary`` are all stationary points. ``motion`` is how the parameters may move
    without a change of the loss; ``direction`` where the loss falls without an end that was found, up to ``radius``.
    ``orders`` are of a flat minimum: the loss grows from it as a distance along a parameter to the power of its order.
    """

    status: str
    stationary: tuple[StationaryPoint, ...] = ()
    complete: bool = False
    optimum: StationaryPoint | None = None
    lowest: Step | None = None
    motion: str | None = None
    scales: bool = False
    direction: Point | None = None
    radius: float | None = None
    operations: int | None = None
    orders: Mapping[str, int] | None = None

    def to_dict(self) -> dict[str, Any]:
        return {
            "status": self.status,
            "stationary": [point.to_dict() for point in self.stationary],
            "complete": self.complete,
            "optimum": None if self.optimum is None else self.optimum.to_dict(),
            "lowest": None if self.lowest is None else self.lowest.to_dict(),
            "motion": self.motion,
            "scales": self.scales,
            "direction": None if self.direction is None else dict(self.direction),
            "radius": self.radius,
            "operations": self.operations,
            "orders": None if self.orders is None else dict(self.orders),
        }


@dataclass(frozen=True)
class Centred:
    """The condition number at the optimum if the means of ``columns`` were taken away, which only moves parameters."""

    columns: tuple[str, ...]
    condition: float
    best_rate: float

    def to_dict(self) -> dict[str, Any]:
        return {"columns": list(self.columns), "condition": self.condition, "best_rate": self.best_rate}
