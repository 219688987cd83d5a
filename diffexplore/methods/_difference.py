"""Finite differences: one error model that bounds them and picks their steps.

A stencil evaluates the loss at x + kh. Its error has two parts: truncation, at most c·hᵖ⁻¹·sup|f⁽ᵖ⁾| with the
symbolic derivative f⁽ᵖ⁾ enclosed over the whole interval, and roundoff, the watched error of the evaluations over h.
Steps are powers of two, so that x ± h is almost always exact; where it is not, the rounding of the node counts as an
error of its input. Source: W. Gautschi, "Numerical Analysis", 2nd ed., 2012, §3.1.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch

from diffexplore.arithmetic.torch_real import TORCH
from diffexplore.bounds.claims import QUANTUM, UNIT_ROUNDOFF, UPWARD
from diffexplore.bounds.watch import Watch
from diffexplore.formula.budget import Ending
from diffexplore.methods.base import Estimate, Estimates, Values, radius_of, spread, with_step
from diffexplore.methods.prepared import Prepared, of_tensors
from diffexplore.methods.problem import Problem, spread_over
from diffexplore.methods.torch_loss import raised_by
from diffexplore.program.program import Program
from diffexplore.torch_private.watching import DisableTorchFunction

Tensor = torch.Tensor

UNBOUNDED = (
    "the interval of the step holds a kink, a singularity or the end of the domain, "
    "or numbers there underflow or overflow"
)

_LARGEST_STEP = 0.125  # of max(1, |x|)
_SHRINKS = 8
_SHRINK = 8.0
_STEP_SAMPLES = 4096

#: A derivative's bound over an interval is refined while it exceeds the derivative at x by this factor.
_TIGHT = 2.0
_MOST_PIECES = 64

#: So many places of a reduced loss are refined together.
_MOST_REFINED = 256


@dataclass(frozen=True)
class Stencil:
    """The derivative is ``combine(values at x + node·h, h)``.

    Truncation is at most ``constant`` · h^(order-1) · sup|f^(order)|, roundoff ``noise`` · (error of one value) / h.
    ``leading`` is the constant of the first term of the truncation error.
    """

    nodes: tuple[float, ...]
    order: int
    constant: float
    leading: float
    noise: float
    combine: Callable[[list[Tensor], Tensor], Tensor]


class Difference:
    """A finite difference method with one stencil. Truncation is bounded by derivatives of the formula.

    Of a user's function it differs the reduced loss alone, not that of each sample.
    """

    exact = False
    opaque = False

    def __init__(self, stencil: Stencil) -> None:
        self.stencil = stencil

    def obstacle(self, problem: Problem) -> str | None:
        order = self.stencil.order
        for name in problem.wrt:
            found = problem.derivative_program(name, order)
            if isinstance(found, Ending):
                derivative = f"the derivative of order {order} in {name}"
                return f"its truncation error is not bounded: {derivative} is {found.value}"
        return None

    def reduced(self, problem: Problem, values: Values, n: int) -> Estimates:
        few, count = _subset(problem, values, n)
        estimates = {}
        for name in problem.parameters:
            # A step that is good for part of a batch is good for all of it; the bound is that of the whole batch.
            step = self.step(Along(problem, few, name, count, problem.reduce))
            estimates[name] = self.at_step(Along(problem, values, name, n, problem.reduce), step)
        return estimates

    def samples(self, problem: Problem, values: Values, n: int) -> Estimates:
        if problem.loss.program is not None:
            return {}
        own = spread(values, problem.wrt, n)
        estimates = {}
        for name in problem.wrt:
            along = Along(problem, {**values, name: own[name]}, name, n, lambda summands: summands)
            estimates[name] = self.at_step(along, self.step(along))
        return estimates

    def prepared(self, problem: Problem, values: Values, n: int) -> Prepared:
        """The differences alone: the steps are chosen beforehand."""
        reduce: Callable[[Tensor], Tensor] = problem.reduce if problem.parameters else lambda summands: summands
        own = values if problem.parameters else {**values, **spread(values, problem.wrt, n)}
        few, count = _subset(problem, values, n)
        found = []
        for name in problem.wrt:
            along = Along(problem, {**values, name: own[name]}, name, n, reduce)
            chosen_on = Along(problem, few, name, count, reduce) if problem.parameters else along
            found.append((along, self.step(chosen_on).to(problem.dtype)))
        return of_tensors(lambda: [self._plain(along, step) for along, step in found], problem.device)

    def _plain(self, along: Along, step: Tensor) -> Tensor:
        return self.stencil.combine([along.at(node * step) for node in self.stencil.nodes], step)

    def at_step(self, along: Along, step: Tensor) -> Estimate:
        """The difference by a step (float64, of the shape of ``along.x``), with its bound."""
        value, roundoff, stepped = self.evaluate(along, step)
        bound = (roundoff + self.truncation(along, step, roundoff)) * UPWARD
        unbounded = not bool(bound.isfinite().all())
        return with_step(value, bound, stepped, UNBOUNDED if unbounded else None)

    def step(self, along: Along) -> Tensor:
        """The step of the problem where one is set, else the one that the error model picks (float64)."""
        if along.problem.step is None:
            return self.choose_step(along)
        step = torch.tensor(along.problem.step, dtype=along.problem.dtype, device=along.x.device)
        return step.to(torch.float64).expand(along.x.shape)

    # --------------------------------------------------------------------------------------------- error model
    def evaluate(self, along: Along, step: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The difference in the dtype of the problem, its roundoff bound, both as float64, and where the step fails."""
        with along.watch() as watch:
            at_nodes = [along.evaluate(watch, node * step) for node in self.stencil.nodes]
            derivative = self.stencil.combine(at_nodes, step.to(along.problem.dtype))
        stepped = ~derivative.isfinite()
        for node, value in zip(self.stencil.nodes, at_nodes, strict=True):
            stepped = stepped | ~value.isfinite() | along.outside(node * step)
        return derivative.detach().to(torch.float64), radius_of(watch, derivative), stepped

    def truncation(self, along: Along, step: Tensor, negligible: Tensor) -> Tensor:
        """Bound on the truncation error, infinite where the loss is not smooth over the interval.

        A bound below ``negligible`` is not refined.
        """
        factor = self.stencil.constant * step ** (self.stencil.order - 1)
        largest = along.largest_derivative(self.stencil.order, step, negligible / factor)
        # 0 · ∞ cannot arise: the step is positive and finite.
        return factor * largest * UPWARD

    def choose_step(self, along: Along) -> Tensor:
        """A power of two near the minimum of truncation plus roundoff (float64, a step for each value)."""
        order = self.stencil.order
        noise = self.stencil.noise * along.noise()
        slope = (order - 1) * self.stencil.constant * along.derivative(order).abs()
        step = along.clamped((noise / slope) ** (1 / order))
        best = self._total(along, step, noise)
        for _ in range(_SHRINKS):
            truncation, roundoff = best
            active = ~(truncation <= 4 * roundoff)
            smaller = along.clamped(torch.where(active, step / _SHRINK, step))
            if not bool(active.any()) or bool((smaller == step).all()):
                break
            trial = self._total(along, smaller, noise)
            better = active & ~(sum(trial) >= sum(best))
            if not bool((better | ~best[0].isfinite()).any()):
                break
            take = better | (active & ~best[0].isfinite())
            step = torch.where(take, smaller, step)
            best = (torch.where(take, trial[0], truncation), torch.where(take, trial[1], roundoff))
        return step

    def _total(self, along: Along, step: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        return self.truncation(along, step, torch.full_like(step, math.inf)), noise / step


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
        highest = _LARGEST_STEP * torch.clamp(x, min=1.0)
        step = torch.nan_to_num(step, nan=math.inf, posinf=math.inf)
        bounded = torch.maximum(torch.minimum(step, highest), lowest)
        return torch.exp2(torch.round(torch.log2(bounded)))


def _subset(problem: Problem, values: Values, n: int) -> tuple[Values, int]:
    """At most about 4096 of the samples, evenly spread."""
    stride = max(1, n // _STEP_SAMPLES)
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
