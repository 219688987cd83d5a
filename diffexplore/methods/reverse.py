"""torch's reverse mode."""

from __future__ import annotations

import torch

from diffexplore.check.problem import Problem
from diffexplore.methods.base import Estimates, Values, spread, watched


class Reverse:
    """One backward pass. Per sample too: each sample gets its own copy of the parameters."""

    exact = True

    def obstacle(self, problem: Problem) -> str | None:
        return None

    def reduced(self, problem: Problem, values: Values, n: int) -> Estimates:
        def run() -> tuple[torch.Tensor, ...]:
            leaves = {name: values[name].detach().clone().requires_grad_() for name in problem.parameters}
            loss = problem.reduce(problem.summands({**values, **leaves}, n))
            return _gradient(loss, tuple(leaves.values()))

        return watched(problem.parameters, run)

    def samples(self, problem: Problem, values: Values, n: int) -> Estimates:
        def run() -> tuple[torch.Tensor, ...]:
            leaves = {name: leaf.requires_grad_() for name, leaf in spread(values, problem.wrt, n).items()}
            return _gradient(problem.summands({**values, **leaves}, n), tuple(leaves.values()))

        return watched(problem.wrt, run)


def _gradient(output: torch.Tensor, leaves: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
    if not output.requires_grad:  # the loss is locally constant, as a sign is
        return tuple(torch.zeros_like(leaf) for leaf in leaves)
    upstream = torch.ones_like(output)
    return torch.autograd.grad(output, leaves, upstream, allow_unused=True, materialize_grads=True)


METHOD = Reverse()
