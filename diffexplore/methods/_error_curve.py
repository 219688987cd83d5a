"""What the error of a difference is likely to be at a step: the V-shaped curve below its bound.

Truncation is known: it is what the stencil makes of the remainders of Taylor's theorem,
R(s) = sᵖ/(p−1)! ∫₀¹ (1−t)ᵖ⁻¹ f⁽ᵖ⁾(x + ts) dt, with the symbolic derivative f⁽ᵖ⁾ under the integral. So is what it costs
that a node x + kh is rounded. Roundoff is not known, but its size is: a bound adds up the worst case of every rounding,
while roundings are more like independent random numbers, each uniform within its bound b and so of standard deviation
b/√3, which add up in squares. Source: N. J. Higham, "Accuracy and Stability of Numerical Algorithms", 2nd ed., 2002,
§2.8.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from diffexplore.arithmetic.torch_real import TORCH
from diffexplore.bounds.claims import UNIT_ROUNDOFF
from diffexplore.bounds.watch import Watch, watched
from diffexplore.formula.budget import Ending
from diffexplore.methods._along import Along
from diffexplore.methods._difference import Difference
from diffexplore.methods._nodes import rounded_sum
from diffexplore.methods.base import Estimate, Values
from diffexplore.methods.problem import Problem, spread_over
from diffexplore.program.program import Program

#: The last levels of a pairwise sum carry nearly all of its rounding: 1 + 1/2 + 1/4 + … = 2 variances.
_SUM_VARIANCES = 2.0

#: Nodes of the rule of Gauss and Legendre for the integral, which is exact for polynomials of degree 15.
_NODES = 8

#: Parts of the interval of a step that are searched for kinks one by one: smaller balls tell more.
_PIECES = 4


@dataclass(frozen=True)
class ErrorModel:
    """The likely error at each step, and its two parts: float64 tensors of shape (s,), NaN where nothing is known.

    ``predicted`` also holds the rounding of the nodes, which belongs to neither part.
    """

    truncation: Tensor
    roundoff: Tensor
    predicted: Tensor


class ErrorCurve(Protocol):
    """The error of one method that takes steps, for one partial of the reduced loss at one point."""

    @property
    def chosen(self) -> float:
        """The step that the method takes by itself."""

    def at(self, steps: Tensor) -> Estimate:
        """What the method gives at each step (float64, shape (s,)), with its bound."""

    def model(self, steps: Tensor) -> ErrorModel:
        """How large its error is likely to be there."""


class DifferenceCurve:
    """That of a finite difference."""

    def __init__(self, method: Difference, problem: Problem, values: Values, name: str, n: int) -> None:
        self._method = method
        self._problem = problem
        self._values = values
        self._name = name
        self._n = n
        self._here = Along(problem, values, name, n, problem.reduce)
        self._deviation = deviation(problem, values, n)

    @cached_property
    def chosen(self) -> float:
        return float(self._method.step(self._here))

    def at(self, steps: Tensor) -> Estimate:
        if self._problem.loss.program is not None:  # a user's function takes one point at a time
            return concatenated([flattened(self._method.at_step(self._here, step)) for step in steps])
        return flattened(self._method.at_step(self._along(steps), steps[:, None]))

    def model(self, steps: Tensor) -> ErrorModel:
        stencil, column = self._method.stencil, steps[:, None]
        remainders = [self._remainder(node * column) for node in stencil.nodes]
        reach = max(map(abs, stencil.nodes)) * column
        smooth = self._smooth(reach)
        truncation = torch.where(smooth, stencil.combine(remainders, column), math.nan)[:, 0]
        known = truncation + self._misplaced(steps)
        slope = self._here.derivative(1).abs()
        roundoff = (self._weights(steps) * self._deviation).hypot(slope * UNIT_ROUNDOFF[self._problem.dtype])
        return ErrorModel(truncation.abs(), roundoff, known.hypot(roundoff))

    def _along(self, steps: Tensor) -> Along:
        """The loss with a copy of the symbol for each step."""
        x = self._values[self._name].expand(len(steps), 1).clone()
        return Along(self._problem, {**self._values, self._name: x}, self._name, self._n, self._problem.reduce)

    def _remainder(self, offset: Tensor) -> Tensor:
        """f(x + s) less its Taylor polynomial of degree p − 1, for offsets s of shape (s, 1)."""
        order = self._method.stencil.order
        nodes, weights = unit_interval()
        integral = torch.zeros_like(offset)
        for node, weight in zip(nodes, weights, strict=True):
            integral += weight * (1 - node) ** (order - 1) * self._derivative(order, node * offset)
        return offset**order / math.factorial(order - 1) * integral

    def _derivative(self, order: int, offset: Tensor) -> Tensor:
        """f⁽ᵖ⁾ at x + offset, in double precision."""
        program = self._problem.derivative_program(self._name, order)
        assert not isinstance(program, Ending), "the method's obstacle is requested first"
        return self._reduced(program, self._wide[self._name] + offset).expand(offset.shape)

    @cached_property
    def _wide(self) -> Values:
        return {key: value.detach().to(torch.float64) for key, value in self._values.items()}

    def _reduced(self, program: Program, x: Tensor) -> Tensor:
        values = {**self._wide, self._name: x}
        return self._problem.reduce(spread_over(program.run(TORCH, values)[0], self._n, values))

    def _smooth(self, reach: Tensor) -> Tensor:
        """Where the loss is proved smooth within ``reach`` of x, a piece of the interval at a time (bool)."""
        smooth = torch.ones_like(reach, dtype=torch.bool)
        for piece in range(_PIECES):
            x = self._wide[self._name] + reach * ((2 * piece + 1 - _PIECES) / _PIECES)
            with Watch(smooth=True) as watch:
                watch.set(x, reach * ((1 + 2.0**-30) / _PIECES) + x.abs() * 2.0**-51)
                loss = self._reduced(self._problem.loss_program, x)
            smooth &= watch.radius(loss).isfinite()
        return smooth

    def _weights(self, steps: Tensor) -> Tensor:
        """The root of the sum of the squares of the weights that the values have in the difference."""
        count = len(self._method.stencil.nodes)
        units = torch.eye(count, dtype=torch.float64, device="cpu")[:, :, None]
        return torch.stack([self._method.stencil.combine(list(unit), steps) for unit in units]).norm(dim=0)

    def _misplaced(self, steps: Tensor) -> Tensor:
        """What it costs that a node x + kh is not a floating point number: known, not random."""
        slope, x = self._here.derivative(1), self._here.x
        nodes = self._method.stencil.nodes
        errors = [rounded_sum(x, node * steps, self._problem.dtype)[1] for node in nodes]
        return self._method.stencil.combine([-slope * error for error in errors], steps)


def unit_interval() -> tuple[list[float], list[float]]:
    """Nodes and weights of the rule of Gauss and Legendre on [0, 1]."""
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    return ((nodes + 1) / 2).tolist(), (weights / 2).tolist()


def deviation(problem: Problem, values: Values, n: int) -> float:
    """The standard deviation of one evaluation of the reduced loss: rounding of the summands, and of their sum."""

    def summands_and_loss() -> tuple[Tensor, Tensor]:
        summands = problem.summands(values, n)
        return summands, problem.reduce(summands)

    summands, reduced = watched(summands_and_loss)
    operations = max(1, len(problem.loss_program.steps))
    own = problem.weight(n) * float(summands.rad.expand(n).norm()) / math.sqrt(3 * operations)
    return math.hypot(own, summation_deviation(problem, float(reduced.mid)))


def summation_deviation(problem: Problem, total: float) -> float:
    """The standard deviation of the rounding of a sum, by its own size."""
    return UNIT_ROUNDOFF[problem.dtype] * abs(total) * math.sqrt(_SUM_VARIANCES / 3)


def flattened(estimate: Estimate) -> Estimate:
    """The estimate at m places, of shape (m, 1) or (), as one of shape (m,)."""
    stepped = None if estimate.stepped is None else estimate.stepped.reshape(-1)
    return Estimate(estimate.value.reshape(-1), estimate.bound.reshape(-1), estimate.reason, stepped)


def concatenated(estimates: list[Estimate]) -> Estimate:
    """Estimates of shape (m,) one after the other."""
    stepped = [one.stepped for one in estimates if one.stepped is not None]
    return Estimate(
        torch.cat([one.value for one in estimates]),
        torch.cat([one.bound for one in estimates]),
        next((one.reason for one in estimates if one.reason), None),
        torch.cat(stepped) if stepped else None,
    )
