"""torch's forward mode.

Of a formula, what a symbol does not move is computed once for all symbols: it has no tangent, and is the same number.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.autograd import forward_ad

from diffexplore.bounds.watch import Watch
from diffexplore.methods._unmoved import Unmoved, unmoved
from diffexplore.methods.base import Estimates, Values, is_watched, spread, watched
from diffexplore.methods.opaque import granted
from diffexplore.methods.prepared import Prepared, of_tensors
from diffexplore.methods.problem import Problem, spread_over
from diffexplore.methods.torch_loss import Unavailable, raised_by


class Forward:
    """A Jacobian-vector product for each symbol, with a tangent of ones.

    A user's function is called on the whole batch, and gives no partials of single samples.
    """

    exact = True
    opaque = False
    one_by_one = True

    def obstacle(self, problem: Problem) -> str | None:
        return None

    def reduced(self, problem: Problem, values: Values, n: int) -> Estimates:
        torch_loss, watch = problem.torch_loss, problem.torch_loss.watch(values.values())
        base = _followed(problem, problem.parameters, values, n, watch)
        with raised_by(problem.loss.program, Unavailable):
            estimates = watched(
                problem.parameters, lambda: torch_loss.run(lambda: _reduced(problem, values, n, base)), watch
            )
        return granted(problem, estimates, values, n)

    def samples(self, problem: Problem, values: Values, n: int) -> Estimates:
        if problem.loss.program is not None:
            return {}
        watch = Watch()
        base = _followed(problem, problem.wrt, values, n, watch)
        return watched(problem.wrt, lambda: problem.torch_loss.run(lambda: _by_sample(problem, values, n, base)), watch)

    def prepared(self, problem: Problem, values: Values, n: int) -> Prepared:
        run = _reduced if problem.parameters else _by_sample
        return of_tensors(lambda: run(problem, values, n), problem.device)


def _followed(problem: Problem, names: tuple[str, ...], values: Values, n: int, watch: Watch) -> Unmoved | None:
    """What is known of the loss where one of its symbols moves, by a watch that goes on from there; None if nothing."""
    program = problem.loss_program
    if problem.loss.program is not None or not is_watched():
        return None
    base = unmoved(values, program, n)
    if base is not None:
        for name in names:
            base.following(watch, program, name)
    return base


def _reduced(problem: Problem, values: Values, n: int, base: Unmoved | None = None) -> tuple[Tensor, ...]:
    return tuple(_along(problem, values, n, name, base) for name in problem.parameters)


def _along(problem: Problem, values: Values, n: int, name: str, base: Unmoved | None) -> Tensor:
    """The partial of the reduced loss by a symbol."""
    if base is not None:
        x = values[name]
        return _derivative(
            lambda x: problem.reduce(_summands(problem, values, n, name, x, base)), x, torch.ones_like(x)
        )
    torch_loss = problem.torch_loss
    argument, index = torch_loss.place(name)
    arguments = torch_loss.arguments(values)
    tangent = torch.zeros_like(arguments[argument])
    tangent[index] = 1
    return _derivative(lambda x: torch_loss.loss({**arguments, argument: x}, n), arguments[argument], tangent)


def _by_sample(problem: Problem, values: Values, n: int, base: Unmoved | None = None) -> tuple[Tensor, ...]:
    own = spread(values, problem.wrt, n)

    def along(name: str) -> Tensor:
        x = own[name]
        return _derivative(lambda x: _summands(problem, values, n, name, x, base), x, torch.ones_like(x))

    return tuple(along(name) for name in problem.wrt)


def _summands(problem: Problem, values: Values, n: int, name: str, x: Tensor, base: Unmoved | None) -> Tensor:
    """The loss of each sample where one symbol is ``x``."""
    moved = {**values, name: x}
    if base is None:
        return problem.summands(moved, n)
    return spread_over(base.run(problem.loss_program, name, x), n, moved)


def _derivative(function: Callable[[Tensor], Tensor], x: Tensor, tangent: Tensor) -> Tensor:
    """The derivative along ``tangent``; 0 where torch has none, since the function does not depend on x."""
    with forward_ad.dual_level():
        output = function(forward_ad.make_dual(x.detach().clone(), tangent))
        found = forward_ad.unpack_dual(output).tangent
        return torch.zeros_like(output) if found is None else found


METHOD = Forward()
