"""torch's reverse mode."""

from __future__ import annotations

import torch
from torch import Tensor

from diffexplore.bounds.claims import UNIT_ROUNDOFF
from diffexplore.methods.base import Estimate, Estimates, Values, spread, watched
from diffexplore.methods.opaque import granted
from diffexplore.methods.prepared import Prepared, of_tensors
from diffexplore.methods.problem import Problem
from diffexplore.methods.torch_loss import raised_by


class Reverse:
    """One backward pass. Per sample too: each sample gets its own copy of the parameters.

    A user's function is called as it is, on the whole batch: of single samples it gives the partials by data alone.
    """

    exact = True
    opaque = False

    def obstacle(self, problem: Problem) -> str | None:
        return None

    def reduced(self, problem: Problem, values: Values, n: int) -> Estimates:
        if problem.loss.program is not None:
            return _of_program(problem, problem.parameters, values, n)

        return watched(problem.parameters, lambda: _reduced(problem, values, n))

    def samples(self, problem: Problem, values: Values, n: int) -> Estimates:
        if problem.loss.program is not None:
            return _by_data(problem, values, n)

        return watched(problem.wrt, lambda: _by_sample(problem, values, n))

    def prepared(self, problem: Problem, values: Values, n: int) -> Prepared:
        run = _reduced if problem.parameters else _by_sample
        return of_tensors(lambda: run(problem, values, n), problem.device)


def _reduced(problem: Problem, values: Values, n: int) -> tuple[Tensor, ...]:
    torch_loss = problem.torch_loss
    arguments = torch_loss.arguments(values)
    owners = dict.fromkeys(torch_loss.place(name)[0] for name in problem.parameters)
    leaves = {name: arguments[name].detach().clone().requires_grad_() for name in owners}
    loss = torch_loss.loss({**arguments, **leaves}, n)
    gradient = dict(zip(leaves, _gradient(loss, tuple(leaves.values())), strict=True))
    return tuple(torch_loss.entry(name, gradient) for name in problem.parameters)


def _by_sample(problem: Problem, values: Values, n: int) -> tuple[Tensor, ...]:
    leaves = {name: leaf.requires_grad_() for name, leaf in spread(values, problem.wrt, n).items()}
    return _gradient(problem.summands({**values, **leaves}, n), tuple(leaves.values()))


def _gradient(output: Tensor, leaves: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    if not output.requires_grad:  # the loss is locally constant, as a sign is
        return tuple(torch.zeros_like(leaf) for leaf in leaves)
    upstream = torch.ones_like(output)
    return torch.autograd.grad(output, leaves, upstream, allow_unused=True, materialize_grads=True)


def _of_program(problem: Problem, names: tuple[str, ...], values: Values, n: int) -> Estimates:
    """``loss.backward()`` on the loss of the user's function: what is left in the ``.grad`` of its arguments."""
    torch_loss, program = problem.torch_loss, problem.loss.program
    assert program is not None
    if not names:
        return {}
    requested = {*(array.name for array in program.parameters), *(torch_loss.place(name)[0] for name in names)}

    def run() -> tuple[Tensor, ...]:
        arguments = torch_loss.arguments(values)
        watch.introduce({name: tensor for name, tensor in arguments.items() if name in problem.inputs})
        leaves = {name: arguments[name].requires_grad_() for name in requested}
        loss = torch_loss.loss(dict(arguments), n)
        if loss.requires_grad:
            loss.backward()
        gradients = {name: torch.zeros_like(leaf) if leaf.grad is None else leaf.grad for name, leaf in leaves.items()}
        return tuple(torch_loss.entry(name, gradients) for name in names)

    watch = torch_loss.watch(values.values())
    with raised_by(program), torch.enable_grad():
        estimates = watched(names, run, watch)
    return granted(problem, estimates, values, n)


def _by_data(problem: Problem, values: Values, n: int) -> Estimates:
    """∂ℓᵢ/∂zᵢ: that of the loss, N times it for a mean."""
    names = tuple(name for name in problem.wrt if name in problem.loss.data)
    if not names or (n == 1 and problem.loss.program is not None and not problem.loss.program.single):
        return {}
    weight, unit = (n if problem.loss.reduction == "mean" else 1), UNIT_ROUNDOFF[torch.float64]
    found = {}
    for name, share in _of_program(problem, names, values, n).items():
        value = weight * share.value
        found[name] = Estimate(value, (weight * share.bound + 2 * unit * value.abs()) * (1 + 2 * unit), share.reason)
    return found


METHOD = Reverse()
