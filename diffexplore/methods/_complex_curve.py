"""What the error of a complex step is likely to be at a step: truncation of h², and roundoff that does not grow.

Im f(x + ih)/h misses f′ by the imaginary part of Taylor's remainder, −h²/2 ∫₀¹ (1−t)² Re f‴(x + ith) dt, with the
symbolic third derivative at complex arguments. Nothing cancels, so that roundoff is that of the value itself.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from diffexplore.bounds.claims import UNIT_ROUNDOFF
from diffexplore.bounds.complex_balls import COMPLEX, ComplexBall
from diffexplore.formula.budget import Ending
from diffexplore.methods._error_curve import ErrorModel, flattened, summation_deviation, unit_interval
from diffexplore.methods.base import Estimate, Values
from diffexplore.methods.complex_step import ComplexStep
from diffexplore.methods.forward import METHOD as FORWARD
from diffexplore.methods.problem import Problem


@dataclass(eq=False)
class ComplexCurve:
    """That of the complex step."""

    _method: ComplexStep
    _problem: Problem
    _values: Values
    _name: str
    _n: int

    @cached_property
    def chosen(self) -> float:
        return float(self._method.chosen_step(self._problem, self._values[self._name]))

    def at(self, steps: Tensor) -> Estimate:
        values = {**self._values, self._name: self._values[self._name].expand(len(steps), 1)}
        return flattened(self._method.at_step(self._problem, values, self._name, self._n, steps[:, None]))

    def model(self, steps: Tensor) -> ErrorModel:
        truncation = self._truncation(steps[:, None])[:, 0].abs()
        roundoff = torch.full_like(steps, self._roundoff())
        return ErrorModel(truncation, roundoff, truncation.hypot(roundoff))

    def _truncation(self, steps: Tensor) -> Tensor:
        third = self._problem.derivative_program(self._name, 3)
        assert not isinstance(third, Ending), "the method's obstacle is requested first"
        nodes, weights = (
            torch.tensor(numbers, dtype=torch.float64, device="cpu")[:, None, None] for numbers in unit_interval()
        )
        wide = {key: value.to(torch.complex128) for key, value in self._values.items()}
        values = {key: _exact(value) for key, value in wide.items()}
        values[self._name] = _exact(wide[self._name] + 1j * nodes * steps)
        (found,) = third.run(COMPLEX, values)
        if isinstance(found, ComplexBall):
            parts = self._problem.reduce(found.value.real.expand(len(nodes), len(steps), self._n))
        else:
            parts = (
                torch.tensor(float(found.value), dtype=torch.float64, device="cpu")
                * self._problem.weight(self._n)
                * self._n
            )
        integral = (weights * (1 - nodes) ** 2 * parts).sum(0)
        return -steps.square() / 2 * integral

    def _roundoff(self) -> float:
        """The standard deviation at steps that are so small that they do not matter: that of forward mode.

        The imaginary parts go through the chain rule as its tangents do, in twice as many real operations.
        """
        found = FORWARD.samples(replace(self._problem.of_formula, wrt=(self._name,)), self._values, self._n)[self._name]
        weight = self._problem.weight(self._n)
        operations = max(1, len(self._problem.loss_program.steps))
        own = weight * float(found.bound.norm()) * math.sqrt(2 / (3 * operations))
        total = weight * abs(float(found.value.sum()))
        rounding = UNIT_ROUNDOFF[self._problem.dtype] * total / math.sqrt(3)
        return math.hypot(own, summation_deviation(self._problem, total), rounding)


def _exact(value: Tensor) -> ComplexBall:
    none = torch.zeros((), dtype=torch.float64, device=value.device)
    return ComplexBall(value, none, none)
