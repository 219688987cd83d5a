"""The loss along one coordinate: its values beside a point, its slopes, and how far its derivatives go over a step."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch

from diffexplore.arithmetic.torch_real import TORCH
from diffexplore.bounds.claims import QUANTUM, UNIT_ROUNDOFF
from diffexplore.bounds.watch import Watch
from diffexplore.formula.budget import Ending
from diffexplore.methods.base import Values, radius_of
from diffexplore.methods.problem import Problem, spread_over
from diffexplore.methods.torch_loss import raised_by
from diffexplore.program.program import Program
from diffexplore.torch_private.watching import DisableTorchFunction

Tensor = torch.Tensor

LARGEST_STEP = 0.125  # of max(1, |x|)
STEP_SAMPLES = 4096

UNBOUNDED = (
    "the interval of the step holds a kink, a singularity or the end of the domain, "
    "or numbers there underflow or overflow"
)

#: A derivative's bound over an interval is refined while it exceeds the derivative at x by this factor.
_TIGHT = 2.0
_MOST_PIECES = 64

#: So many places of a reduced loss are refined together.
_MOST_REFINED = 256


class Along:
    """The loss as a function of one symbol: reduced, or one function for each sample."""

    def __init__(self, problem: Problem, values: Values, name: str, n: int, reduce: Callable[[Tensor], Tensor]) -> None:
        self.problem = problem
        self._values = values
        self._name = name
        self._n = n
        self._reduce = reduce
        self.x = values[name].detach().to(torch.float64)
        self._wide = {key: value.detach().to(torch.float64) for key, value in values.items()}

    def evaluate(self, watch: Watch, offset: Tensor) -> Tensor:
        """The loss at x + offset, in the dtype of the problem, under an open watch."""
        with DisableTorchFunction():  # nothing of this is done by a user's function
            node, error = rounded_sum(self.x, offset, self.problem.dtype)
            watch.set(node, error.abs())
        return self._loss({**self._values, self._name: node})

    def at(self, offset: Tensor) -> Tensor:
        """The loss at x + offset, by nobody watched."""
        return self._loss({**self._values, self._name: self._values[self._name] + offset})

    def watch(self) -> Watch:
        """What follows the rounding of evaluations."""
        return self.problem.torch_loss.watch(self._values.values())

    def _loss(self, values: Values) -> Tensor:
        """What torch computes: a user's function on the whole batch, or the formula."""
        problem = self.problem
        if problem.loss.program is None:
            return self._reduce(problem.summands(values, self._n))
        with raised_by(problem.loss.program), torch.no_grad():
            return problem.torch_loss.loss(problem.torch_loss.arguments(values), self._n)

    def outside(self, offset: Tensor) -> Tensor:
        """Where x + offset leaves the stated domain of the loss, for any of the samples that are reduced (bool)."""
        node, _ = rounded_sum(self.x, offset, self.problem.dtype)
        conditions = self.problem.domain_program.run(TORCH, {**self._values, self._name: node})
        left = torch.zeros_like(self.x, dtype=torch.bool)
        for condition in conditions:
            broken = ~torch.as_tensor(condition, dtype=torch.bool, device=self.x.device)
            if self.x.dim() > 1:  # places, of all samples each
                broken = broken.any(-1, keepdim=True)
            left = left | (broken if broken.dim() <= self.x.dim() else broken.any())
        return left

    def noise(self) -> Tensor:
        """The watched error of one evaluation at x."""
        with self.watch() as watch:
            value = self._loss(self._values)
        return radius_of(watch, value)

    def derivative(self, order: int) -> Tensor:
        """The derivative of some order at x, in float64."""
        return self._run(self._program(order), torch.zeros_like(self.x))[0]

    def largest_derivative(self, order: int, reach: Tensor, negligible: Tensor) -> Tensor:
        """Bound on |f^(order)| within ``reach`` of x, refined while it exceeds ``negligible``.

        Infinite where f is not smooth there.
        """
        _, loss_radius = self._run(self.problem.loss_program, reach)
        largest = self._largest_over(order, reach, pieces=1)
        # By sample it is not worth its price: there, one sample in thousands would refine them all.
        pieces = 1 if reach.dim() == 0 or (reach.dim() > 1 and len(reach) <= _MOST_REFINED) else _MOST_PIECES
        # A wide ball overestimates; smaller ones that cover it together do so less.
        while pieces < _MOST_PIECES and bool((largest.isfinite() & (largest > negligible)).any()):
            if bool((largest <= _TIGHT * self.derivative(order).abs()).all()):
                break
            pieces *= 4
            finer = self._largest_over(order, reach, pieces)
            settled = bool((finer > 0.9 * largest).all())
            largest = torch.minimum(largest, finer)
            if settled:
                break
        return torch.where(loss_radius.isfinite(), largest, math.inf)

    def _largest_over(self, order: int, reach: Tensor, pieces: int) -> Tensor:
        """The bound from ``pieces`` balls that cover the interval."""
        largest = torch.zeros_like(reach)
        program = self._program(order)
        for i in range(pieces):
            offset = reach * ((2 * i + 1 - pieces) / pieces)
            # The rounding of the centre is far below the overlap of 2⁻³⁰.
            value, radius = self._run(program, reach * ((1 + 2.0**-30) / pieces) + self._ulps(), offset)
            largest = torch.maximum(largest, value.abs() + radius)
        return largest

    def _ulps(self) -> Tensor:
        return self.x.abs() * 2.0**-51

    def _run(self, program: Program, reach: Tensor, offset: Tensor | float = 0.0) -> tuple[Tensor, Tensor]:
        with Watch(smooth=True) as watch:
            x = self.x + offset
            watch.set(x, reach.to(torch.float64).expand(x.shape).clone())
            values = {**self._wide, self._name: x}
            value = self._reduce(spread_over(program.run(TORCH, values)[0], self._n, values))
        return value, watch.radius(value)

    def _program(self, order: int) -> Program:
        program = self.problem.derivative_program(self._name, order)
        assert not isinstance(program, Ending), "the method's obstacle is asked first"
        return program

    def clamped(self, step: Tensor) -> Tensor:
        """The nearest power of two that is neither lost beside x nor large beside max(1, |x|)."""
        x = self.x.abs()
        unit = UNIT_ROUNDOFF[self.problem.dtype]
        lowest = torch.clamp(8 * unit * x, min=max(QUANTUM[self.problem.dtype] * 2.0**10, 2.0**-960))
        highest = LARGEST_STEP * torch.clamp(x, min=1.0)
        step = torch.nan_to_num(step, nan=math.inf, posinf=math.inf)
        bounded = torch.maximum(torch.minimum(step, highest), lowest)
        return torch.exp2(torch.round(torch.log2(bounded)))


def subset(problem: Problem, values: Values, n: int) -> tuple[Values, int]:
    """At most about 4096 of the samples, evenly spread."""
    stride = max(1, n // STEP_SAMPLES)
    few = {name: value[::stride] if name in problem.loss.data else value for name, value in values.items()}
    return few, len(range(0, n, stride)) if problem.loss.data else n


def rounded_sum(x: Tensor, offset: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """x + offset rounded to ``dtype``, and the exact sum less that (Knuth's two-sum)."""
    total = x + offset
    part = total - x
    lost = (x - (total - part)) + (offset - part)
    node = total.to(dtype)
    if node.data_ptr() == x.data_ptr():
        node = node.clone()
    return node, lost + (total - node.to(torch.float64))
