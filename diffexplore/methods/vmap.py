"""Per-sample gradients through torch.func."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor

from diffexplore.methods.base import Estimates, Values, watched
from diffexplore.methods.prepared import Prepared, of_tensors
from diffexplore.methods.problem import Problem
from diffexplore.methods.torch_loss import Unavailable, raised_by


class Vmap:
    """``vmap(grad(summand))``: the gradient of one sample, mapped over all; then reduced.

    A user's function is called with one sample at a time, as far as it can tell.
    """

    exact = True
    opaque = False

    def obstacle(self, problem: Problem) -> str | None:
        return None

    def reduced(self, problem: Problem, values: Values, n: int) -> Estimates:
        def run() -> tuple[Tensor, ...]:
            return tuple(map(problem.reduce, _partials(problem, problem.parameters, values, n)))

        torch_loss = problem.torch_loss
        with raised_by(problem.loss.program, Unavailable):
            return watched(problem.parameters, lambda: torch_loss.run(run), torch_loss.watch(values.values()))

    def samples(self, problem: Problem, values: Values, n: int) -> Estimates:
        torch_loss, run = problem.torch_loss, partial(_partials, problem, problem.wrt, values, n)
        return watched(problem.wrt, lambda: torch_loss.run(run), torch_loss.watch(values.values()))

    def prepared(self, problem: Problem, values: Values, n: int) -> Prepared:
        def call() -> tuple[Tensor, ...]:
            partials = _partials(problem, problem.wrt, values, n)
            return tuple(map(problem.reduce, partials)) if problem.parameters else partials

        return of_tensors(call, problem.device)


def _partials(problem: Problem, wrt: tuple[str, ...], values: Values, n: int) -> tuple[Tensor, ...]:
    if not wrt:
        return ()
    torch_loss = problem.torch_loss
    names = torch_loss.names

    def summand(*arguments: Tensor) -> Tensor:
        return torch_loss.of_one(dict(zip(names, arguments, strict=True)))

    by = tuple(dict.fromkeys(torch_loss.place(name)[0] for name in wrt))
    gradient = torch.func.grad(summand, argnums=tuple(names.index(name) for name in by))
    given = torch_loss.arguments(values)
    if torch_loss.by_sample:
        gradient = torch.func.vmap(
            gradient, in_dims=tuple(0 if name in torch_loss.by_sample else None for name in names)
        )
    gradients = dict(zip(by, gradient(*(given[name] for name in names)), strict=True))
    partials = tuple(torch_loss.entry(name, gradients) for name in wrt)
    return partials if torch_loss.by_sample else tuple(partial.expand(n) for partial in partials)


METHOD = Vmap()
