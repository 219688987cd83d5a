"""The V-curve: the error of each difference against its step, measured and predicted, and the step that it takes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from flint import arb
from torch import Tensor

from diffexplore.arithmetic.balls import precision
from diffexplore.bounds.claims import QUANTUM, UNIT_ROUNDOFF
from diffexplore.checking.enclosures import SUM_PRECISION, Status
from diffexplore.checking.evaluate import Evaluator
from diffexplore.methods._complex_curve import ComplexCurve
from diffexplore.methods._difference import Difference
from diffexplore.methods._error_curve import DifferenceCurve, ErrorCurve
from diffexplore.methods.complex_step import ComplexStep
from diffexplore.scanning.setting import Setting

Numbers = tuple[float | None, ...]

#: The largest step, in units of max(1, |x|).
_LARGEST = 0.125

#: Below so many units in the last place of x, a difference has no step to take.
_LEAST_ULPS = 32

PER_DECADE = 10


@dataclass(frozen=True)
class StepCurve:
    """The error of a method at each step, in the units of the partial.

    ``truth`` lies within ``radius`` of the exact partial. ``predicted`` is the likely error, made of ``truncation`` and
    ``roundoff``; ``error`` the measured one, ``bound`` what is proved of it. None stands where there is none.
    """

    parameter: str
    method: str
    point: Mapping[str, float]
    truth: float
    radius: float
    steps: tuple[float, ...]
    error: Numbers
    bound: Numbers
    predicted: Numbers
    truncation: Numbers
    roundoff: Numbers
    chosen: float
    chosen_error: float | None


def step_curves(
    setting: Setting, point: Mapping[str, float], steps: Sequence[float] | None = None, per_decade: int = PER_DECADE
) -> tuple[StepCurve, ...]:
    """A curve for each partial and each method that takes steps; none of a partial that has no truth at the point.

    ``steps`` None takes ``per_decade`` to each decade of those that mean something at the point.
    """
    problem = setting.problem
    evaluator = Evaluator(problem, point, setting.columns, setting.n)
    values, truths, found = evaluator.values(), evaluator.reduced_truths(), []
    for name in problem.parameters:
        enclosure, ball = truths[name]
        if enclosure.status[0] != Status.RESOLVED:
            continue
        for running in setting.running:
            curve = error_curve(running.method, setting, values, name)
            if curve is not None:
                chosen = steps or _range(setting, values[name], curve, per_decade)
                found.append(_measured(curve, ball, name, running.name, point, chosen))
    return tuple(found)


def error_curve(method: object, setting: Setting, values: Mapping[str, Tensor], name: str) -> ErrorCurve | None:
    """The curve of a method for one partial; None for one that takes no step."""
    if isinstance(method, Difference):
        return DifferenceCurve(method, setting.problem, values, name, setting.n)
    if isinstance(method, ComplexStep):
        return ComplexCurve(method, setting.problem, values, name, setting.n)
    return None


def _range(setting: Setting, x: Tensor, curve: ErrorCurve, per_decade: int) -> list[float]:
    """Even in logarithm, down to a step that is hardly one beside x, or to the one that the method takes."""
    size = max(1.0, abs(float(x)))
    highest = _LARGEST * size
    lowest = min(_LEAST_ULPS * UNIT_ROUNDOFF[setting.problem.dtype] * size, curve.chosen / 10)
    lowest = max(lowest, 4 * QUANTUM[setting.problem.dtype])
    count = max(2, math.ceil(per_decade * math.log10(highest / lowest)) + 1)
    return np.geomspace(lowest, highest, count).tolist()


def _measured(
    curve: ErrorCurve, truth: arb, name: str, method: str, point: Mapping[str, float], steps: Sequence[float]
) -> StepCurve:
    tensor = torch.tensor([*steps, curve.chosen], dtype=torch.float64, device="cpu")
    estimate, model = curve.at(tensor), curve.model(tensor)
    errors = [_distance(value, truth) for value in estimate.value.tolist()]
    with precision(SUM_PRECISION):
        middle, radius = float(truth.mid()), float(truth.rad())
    return StepCurve(
        parameter=name, method=method, point=dict(point), truth=middle, radius=radius, steps=tuple(steps),
        error=tuple(errors[:-1]), bound=_numbers(estimate.bound[:-1]), predicted=_numbers(model.predicted[:-1]),
        truncation=_numbers(model.truncation[:-1]), roundoff=_numbers(model.roundoff[:-1]), chosen=curve.chosen,
        chosen_error=errors[-1],
    )  # fmt: skip


def _distance(value: float, truth: arb) -> float | None:
    """|value − truth|, or 0 where the enclosure holds the value."""
    if not math.isfinite(value):
        return None
    with precision(SUM_PRECISION):
        return max(0.0, float(abs(arb(value) - truth).lower()))


def _numbers(tensor: Tensor) -> Numbers:
    return tuple(value if math.isfinite(value) else None for value in tensor.tolist())
