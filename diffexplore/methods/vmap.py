"""Per-sample gradients through torch.func."""

from __future__ import annotations

import torch

from diffexplore.check.problem import Problem
from diffexplore.methods.base import Estimates, Values, watched


class Vmap:
    """``vmap(grad(summand))``: the gradient of one sample, mapped over all; then reduced."""

    exact = True

    def obstacle(self, problem: Problem) -> str | None:
        return None

    def reduced(self, problem: Problem, values: Values, n: int) -> Estimates:
        def run() -> tuple[torch.Tensor, ...]:
            return tuple(problem.reduce(partial) for partial in _partials(problem, problem.parameters, values, n))

        return watched(problem.parameters, run)

    def samples(self, problem: Problem, values: Values, n: int) -> Estimates:
        return watched(problem.wrt, lambda: _partials(problem, problem.wrt, values, n))


def _partials(problem: Problem, wrt: tuple[str, ...], values: Values, n: int) -> tuple[torch.Tensor, ...]:
    names = problem.inputs
    if not wrt:
        return ()

    def summand(*arguments: torch.Tensor) -> torch.Tensor:
        return problem.summands(dict(zip(names, arguments, strict=True)), 1).sum()

    gradient = torch.func.grad(summand, argnums=tuple(names.index(name) for name in wrt))
    in_dims = tuple(0 if name in problem.loss.data else None for name in names)
    arguments = [values[name] for name in names]
    if not problem.loss.data:
        return tuple(partial.expand(n) for partial in gradient(*arguments))
    partials: tuple[torch.Tensor, ...] = torch.func.vmap(gradient, in_dims=in_dims)(*arguments)
    return partials


METHOD = Vmap()
