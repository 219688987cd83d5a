"""What surrounds a descent: the optimum below it, the curvatures at its ends and on its way, and how far it came."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from flint import arb

from diffexplore.arithmetic.balls import precision
from diffexplore.checking.truth import decimal
from diffexplore.fitting.certify import newton_step
from diffexplore.fitting.curvature import centred, curvature_at, path_curvature
from diffexplore.fitting.landscape import MOST_OPERATIONS, Landscape, Stationary, landscape_of, stationary_at
from diffexplore.fitting.records import PlainNewton, Run
from diffexplore.fitting.reduced import BITS, ReducedLoss, point
from diffexplore.fitting.settings import Settings
from diffexplore.fitting.terrain import Centred, Curvature, PathCurvature, PathStep, StationaryPoint, Terrain
from diffexplore.formula.text import to_text

#: How near Newton's iterate has to come to its limit to count as arrived, relative to the limit: double precision.
_ARRIVED = 2.0**-52

_MOST_NEWTON = 60

#: It is not followed where an evaluation takes more operations.
_MOST_NEWTON_OPERATIONS = 200_000


@dataclass(frozen=True)
class Surroundings:
    """The parts of a :class:`~diffexplore.fitting.records.Fit` that the runs themselves do not give."""

    terrain: Terrain
    start: Curvature | None = None
    optimum: Curvature | None = None
    path: PathCurvature | None = None
    centred: Centred | None = None
    newton: PlainNewton | None = None
    excess: float | None = None
    remaining: Mapping[str, float | None] = field(default_factory=dict)


def surroundings_of(loss: ReducedLoss, start: Mapping[str, float], run: Run, settings: Settings) -> Surroundings:
    """What is known around ``run``, of the exact loss; nothing where an evaluation takes too many operations."""
    first = list(start.values())
    best = list((run.best or run.first).point.values())
    landscape = landscape_of(loss, best)
    terrain = _terrain(loss, landscape)
    if loss.operations > MOST_OPERATIONS:
        return Surroundings(terrain)
    rate = settings.rate if settings.optimizer.name == "gd" else None
    at_start = curvature_at(loss, point(first), rate)
    path = path_curvature(loss, run.path, rate)
    newton = _plain_newton(loss, first)
    if landscape.optimum is None:
        return Surroundings(terrain, at_start, None, path, None, newton)
    middle = [ball.mid() for ball in landscape.optimum.box]
    return Surroundings(
        terrain, at_start, curvature_at(loss, middle, rate), path, centred(loss, middle), newton,
        _excess(loss, run, landscape.optimum), _remaining(loss, start, run, landscape.optimum),
    )  # fmt: skip


def _terrain(loss: ReducedLoss, found: Landscape) -> Terrain:
    names = loss.parameters
    records = [_stationary(names, point) for point in found.stationary]
    optimum = None if found.optimum is None else records[found.stationary.index(found.optimum)]
    return Terrain(
        status=found.status, stationary=tuple(records), complete=found.complete, optimum=optimum,
        lowest=None if found.end is None else _lowest(loss, found.end),
        motion=None if found.motion is None else found.motion.text(names),
        scales=found.motion is not None and found.motion.scales,
        direction=None if found.direction is None else dict(zip(names, found.direction, strict=True)),
        radius=found.radius, operations=found.operations or None,
        orders=None if found.orders is None else dict(zip(names, found.orders, strict=True)),
    )  # fmt: skip


def _lowest(loss: ReducedLoss, end: Sequence[float]) -> PathStep:
    """Where the search ended; its steps were SciPy's and are not counted."""
    value = float(loss.value(point(end)).mid())
    return PathStep(0, value if math.isfinite(value) else None, dict(zip(loss.parameters, end, strict=True)))


def _stationary(names: Sequence[str], found: Stationary) -> StationaryPoint:
    box = {}
    for name, ball in zip(names, found.box, strict=True):
        enclosure = decimal(ball)
        assert enclosure is not None, "a box is finite"
        box[name] = enclosure
    value = decimal(found.derivatives.value)
    assert value is not None, "the loss is finite over a box"
    formulas = None if found.closed is None else {name: to_text(expr) for name, expr in found.closed.formulas.items()}
    return StationaryPoint(found.kind, box, value, formulas)


def _plain_newton(loss: ReducedLoss, start: Sequence[float]) -> PlainNewton | None:
    """Where Newton's iteration leads from the start; None where it does not come to a certified point, or is costly."""
    if loss.operations > _MOST_NEWTON_OPERATIONS:
        return None
    with precision(BITS):
        at = point(start)
        end = stationary_at(loss, at)
        if end is None:
            return None
        size = max(max(abs(float(ball.mid())) for ball in end.box), 1e-300)
        for steps in range(_MOST_NEWTON):
            if all(abs(float((x - ball).mid())) <= _ARRIVED * size for x, ball in zip(at, end.box, strict=True)):
                return PlainNewton(steps, _stationary(loss.parameters, end))
            move = newton_step(loss, at)
            if move is None:
                return None
            at = [(x - shift).mid() for x, shift in zip(at, move, strict=True)]
    return None


def _excess(loss: ReducedLoss, run: Run, optimum: Stationary) -> float | None:
    """The exact loss at the end of the run, minus the lowest one."""
    values = list(run.last.point.values())
    if not all(map(math.isfinite, values)):
        return None
    with precision(BITS):
        excess = float((loss.value(point(values)) - optimum.derivatives.value).mid())
    return excess if math.isfinite(excess) else None


def _remaining(loss: ReducedLoss, start: Mapping[str, float], run: Run, optimum: Stationary) -> dict[str, float | None]:
    shares: dict[str, float | None] = {}
    with precision(BITS):
        for name, ball in zip(loss.parameters, optimum.box, strict=True):
            way, left = abs(arb(start[name]) - ball.mid()), abs(arb(run.last.point[name]) - ball.mid())
            share = float(left / way) if way > 0 else math.nan
            shares[name] = share if math.isfinite(share) else None
    return shares
