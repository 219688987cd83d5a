"""Whether conditions and bounds hold at a point, for each of the samples: certified."""

from __future__ import annotations

import sympy
from sympy.core.relational import Relational
from sympy.logic.boolalg import Boolean

from diffexplore.decide.domain_conditions import difference
from diffexplore.decide.membership import Point
from diffexplore.decide.points import value
from diffexplore.decide.regions import Region
from diffexplore.formula.batch_sums import SAMPLES, BatchSum


def keeps_bounds(region: Region, point: Point, samples: tuple[Point, ...]) -> bool:
    """Whether the bounds and levels that involve the samples, or their number, are kept with these."""
    for direction, level in region.levels:
        if direction.has(BatchSum, SAMPLES):
            ball = value(direction - level, point, samples)
            if ball is None or not ball.is_zero():
                return False
    for direction, interval in region.bounds:
        if not direction.has(BatchSum, SAMPLES):
            continue
        for limit, sign in ((interval.low, 1), (interval.high, -1)):
            if limit is not None:
                ball = value(sign * (direction - limit), point, samples)
                if ball is None or not ball > 0:
                    return False
    return True


def holds(condition: Boolean, point: Point, samples: tuple[Point, ...]) -> bool:
    """Whether a condition certainly holds at a point, and for each of the samples."""
    if isinstance(condition, sympy.And):
        return all(holds(part, point, samples) for part in condition.args)
    return all(holds_for_first(condition, point, order) for order in turned(samples))


def turned(samples: tuple[Point, ...]) -> list[tuple[Point, ...]]:
    """The samples with each of them first."""
    return [samples[place:] + samples[:place] for place in range(len(samples))] or [()]


def holds_for_first(condition: Boolean, point: Point, samples: tuple[Point, ...]) -> bool:
    """Whether a condition certainly holds at a point, and for the first of the samples."""
    if isinstance(condition, (sympy.And, sympy.Or)):
        every = all if isinstance(condition, sympy.And) else any
        return every(holds_for_first(part, point, samples) for part in condition.args)
    if not isinstance(condition, Relational):
        return bool(condition == True)  # noqa: E712 (SymPy's true)
    ball = value(difference(condition), point, samples)
    if ball is None:
        return False
    if isinstance(condition, sympy.Ne):
        return not ball.contains(0)
    if isinstance(condition, sympy.Eq):
        return bool(ball == 0)
    return bool(ball > 0 or (ball >= 0 and isinstance(condition, (sympy.Ge, sympy.Le))))
