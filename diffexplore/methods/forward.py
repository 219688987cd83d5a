"""torch's forward mode."""

from __future__ import annotations

from collections.abc import Callable

import torch

from diffexplore.check.problem import Problem
from diffexplore.methods.base import Estimates, Values, spread, watched


class Forward:
    """A Jacobian-vector product for each symbol, with a tangent of ones."""

    exact = True

    def obstacle(self, problem: Problem) -> str | None:
        return None

    def reduced(self, problem: Problem, values: Values, n: int) -> Estimates:
        def along(name: str) -> torch.Tensor:
            return _derivative(lambda x: problem.reduce(problem.summands({**values, name: x}, n)), values[name])

        return watched(problem.parameters, lambda: tuple(along(name) for name in problem.parameters))

    def samples(self, problem: Problem, values: Values, n: int) -> Estimates:
        own = spread(values, problem.wrt, n)

        def along(name: str) -> torch.Tensor:
            return _derivative(lambda x: problem.summands({**values, name: x}, n), own[name])

        return watched(problem.wrt, lambda: tuple(along(name) for name in problem.wrt))


def _derivative(function: Callable[[torch.Tensor], torch.Tensor], x: torch.Tensor) -> torch.Tensor:
    derivative: torch.Tensor = torch.func.jvp(function, (x,), (torch.ones_like(x),))[1]
    return derivative


METHOD = Forward()
