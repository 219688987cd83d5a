"""What the error of a finite difference is likely to be at a step: the V-shaped curve below its bound.

A bound adds up the worst case of every rounding. Roundings are more like independent random numbers, each uniform
within its bound b and so of standard deviation b/√3, which add up in squares. Source: N. J. Higham, "Accuracy and
Stability of Numerical Algorithms", 2nd ed., 2002, §2.8.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from diffexplore.bounds.claims import UNIT_ROUNDOFF
from diffexplore.bounds.watch import watched
from diffexplore.check.problem import Problem
from diffexplore.methods._difference import Along, Difference, rounded_sum
from diffexplore.methods.base import Values

Tensor = torch.Tensor

#: The last levels of a pairwise sum carry nearly all of its rounding: 1 + 1/2 + 1/4 + … = 2 variances.
_SUM_VARIANCES = 2.0


@dataclass(frozen=True)
class ErrorModel:
    """Parts of a difference's error at a step: bounds on truncation and roundoff, and the likely error."""

    truncation: Tensor
    roundoff: Tensor
    predicted: Tensor


class ReducedLoss:
    """The reduced loss as a function of one symbol near a point, and the error of its differences there."""

    def __init__(self, problem: Problem, values: Values, name: str, n: int) -> None:
        self._along = Along(problem, values, name, n, problem.reduce)
        self._deviation = _deviation(problem, values, n)
        self._unit = UNIT_ROUNDOFF[problem.dtype]
        self._dtype = problem.dtype

    def evaluate(self, method: Difference, step: Tensor) -> Tensor:
        """The difference at a step (float64, shape ())."""
        return method.evaluate(self._along, step)[0]

    def model(self, method: Difference, step: Tensor) -> ErrorModel:
        """Bounds on both parts of the error at a step, and the likely error (float64, shape ())."""
        value, roundoff, _ = method.evaluate(self._along, step)
        truncation = method.truncation(self._along, step, roundoff)
        stencil = method.stencil
        leading = stencil.leading * step ** (stencil.order - 1) * self._along.derivative(stencil.order).abs()
        random = self._random(method, step).hypot(value.abs() * self._unit)
        return ErrorModel(truncation, roundoff, leading + self._misplaced(method, step) + random)

    def _random(self, method: Difference, step: Tensor) -> Tensor:
        """The standard deviation of the difference, whose weights of the values are read off by unit vectors."""
        count = len(method.stencil.nodes)
        units = torch.eye(count, dtype=torch.float64)
        weights = torch.stack([method.stencil.combine(list(unit), step) for unit in units])
        return weights.norm() * self._deviation

    def _misplaced(self, method: Difference, step: Tensor) -> Tensor:
        """What it costs that a node x + kh is not a floating point number: known, not random."""
        slope = self._along.derivative(1)
        errors = [rounded_sum(self._along.x, node * step, self._dtype)[1] for node in method.stencil.nodes]
        return method.stencil.combine([slope * error for error in errors], step).abs()


def _deviation(problem: Problem, values: Values, n: int) -> float:
    """The standard deviation of one evaluation of the reduced loss: rounding of the summands, and of their sum."""
    summands, reduced = watched(lambda: _summands_and_loss(problem, values, n))
    weight = 1 / n if problem.loss.reduction == "mean" else 1.0
    operations = max(1, len(problem.loss_program.steps))
    own = weight * float(summands.rad.expand(n).norm()) / math.sqrt(3 * operations)
    total = UNIT_ROUNDOFF[problem.dtype] * abs(float(reduced.mid)) * math.sqrt(_SUM_VARIANCES / 3)
    return math.hypot(own, total)


def _summands_and_loss(problem: Problem, values: Values, n: int) -> tuple[Tensor, Tensor]:
    summands = problem.summands(values, n)
    return summands, problem.reduce(summands)
