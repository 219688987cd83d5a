"""Finite differences: one error model that bounds them and picks their steps.

A stencil evaluates the loss at x + kh. Its error has two parts: truncation, at most c·hᵖ⁻¹·sup|f⁽ᵖ⁾| with the
symbolic derivative f⁽ᵖ⁾ enclosed over the whole interval, and roundoff, the watched error of the evaluations over h.
Steps are powers of two, so that x ± h is almost always exact; where it is not, the rounding of the node counts as an
error of its input. Source: W. Gautschi, "Numerical Analysis", 2nd ed., 2012, §3.1.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from diffexplore.bounds.claims import UPWARD
from diffexplore.bounds.elements import all_finite, not_finite
from diffexplore.formula.budget import Ending
from diffexplore.methods._along import Along
from diffexplore.methods.base import Estimate, Estimates, Values, radius_of, spread, with_step
from diffexplore.methods.prepared import Prepared, of_tensors
from diffexplore.methods.problem import BatchValues, Problem, shared

UNBOUNDED = (
    "the interval of the step holds a kink, a jump, a singularity or the end of the domain, "
    "or numbers there underflow or overflow"
)

_SHRINKS = 8
_SHRINK = 8.0
_STEP_SAMPLES = 4096


@dataclass(frozen=True)
class Stencil:
    """The derivative is ``combine(values at x + node·h, h)``.

    Truncation is at most ``constant`` · h^(order-1) · sup|f^(order)|, roundoff ``noise`` · (error of one value) / h.
    """

    nodes: tuple[float, ...]
    order: int
    constant: float
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
        few, count = shared(values, ("few", problem), lambda: _subset(problem, values, n))
        estimates = {}
        for name in problem.parameters:
            # A step that is good for part of a batch is good for all of it; the bound is that of the whole batch.
            whole = _reduced_along(problem, values, name, n)
            part = whole if count == n else _reduced_along(problem, few, name, count)
            estimates[name] = self.at_step(whole, self.step(part))
        return estimates

    def samples(self, problem: Problem, values: Values, n: int) -> Estimates:
        if problem.loss.program is not None:
            return {}
        alongs = {name: _sampled_along(problem, values, name, n) for name in problem.wrt}
        return {name: self.at_step(found, self.step(found)) for name, found in alongs.items()}

    def prepared(self, problem: Problem, values: Values, n: int) -> Prepared:
        """The differences alone: the steps are chosen beforehand."""
        reduce = problem.reduce if problem.parameters else None
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
        unbounded = not all_finite(bound)
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
        watch = along.watch()
        nodes = [along.node(watch, node * step) for node in self.stencil.nodes]
        with watch:
            at_nodes = [along.evaluate(node) for node in nodes]
            derivative = self.stencil.combine(at_nodes, step.to(along.problem.dtype))
        stepped = not_finite(derivative)
        for node, value in zip(self.stencil.nodes, at_nodes, strict=True):
            stepped = stepped | not_finite(value) | along.outside(node * step)
        return derivative.detach().to(torch.float64), radius_of(watch, derivative), stepped

    def truncation(self, along: Along, step: Tensor, negligible: Tensor) -> Tensor:
        """Bound on the truncation error, infinite where the loss is not smooth over the interval.

        A bound below ``negligible`` is not refined.
        """
        factor = self._factor(step)
        largest = along.largest_derivative(self.stencil.order, step, negligible / factor)
        # 0 · ∞ cannot arise: the step is positive and finite.
        return factor * largest * UPWARD

    def choose_step(self, along: Along) -> Tensor:
        """A power of two near the minimum of truncation plus roundoff (float64, a step for each value)."""
        order = self.stencil.order
        noise = self.stencil.noise * along.noise
        slope = (order - 1) * self.stencil.constant * along.derivative(order).abs()
        step = along.clamped((noise / slope) ** (1 / order))
        largest = along.enclosure(order, step)
        for _ in range(_SHRINKS):
            truncation, roundoff = self._factor(step) * largest * UPWARD, noise / step
            active = ~(truncation <= 4 * roundoff)
            smaller = along.clamped(torch.where(active, step / _SHRINK, step))
            if not bool(active.any()) or bool((smaller == step).all()):
                break
            smaller_largest = self._tried(along, smaller, largest, active)
            total = self._factor(smaller) * smaller_largest * UPWARD + noise / smaller
            better = active & ~(total >= truncation + roundoff)
            if not bool((better | ~truncation.isfinite()).any()):
                break
            take = better | (active & ~truncation.isfinite())
            step, largest = torch.where(take, smaller, step), torch.where(take, smaller_largest, largest)
        along.keep(order, step, largest)
        return step

    def _tried(self, along: Along, step: Tensor, largest: Tensor, active: Tensor) -> Tensor:
        """The derivative within smaller steps, which the ``active`` samples take; others keep what they have."""
        if not along.by_sample or bool(active.all()):
            return along.enclosure(self.stencil.order, step)
        return largest.masked_scatter(active, along.enclosure_at(self.stencil.order, step[active], active))

    def _factor(self, step: Tensor) -> Tensor:
        return self.stencil.constant * step ** (self.stencil.order - 1)


def _reduced_along(problem: Problem, values: Values, name: str, n: int) -> Along:
    """The reduced loss along a symbol, which all methods share."""
    return _shared(problem, values, name, "reduced", lambda: Along(problem, values, name, n, problem.reduce))


def _sampled_along(problem: Problem, values: Values, name: str, n: int) -> Along:
    """The loss of each sample along a symbol, which all methods share."""
    return _shared(
        problem, values, name, "samples",
        lambda: Along(problem, {**values, **spread(values, (name,), n)}, name, n, beside=values),
    )  # fmt: skip


def _shared(problem: Problem, values: Values, name: str, kind: str, make: Callable[[], Along]) -> Along:
    found = shared(values, (kind, problem, name), make)
    # Beside x, the loss is the same whatever symbol is differentiated.
    found.__dict__["noise"] = shared(values, (kind, problem.loss), lambda: found.noise)
    return found


def _subset(problem: Problem, values: Values, n: int) -> tuple[Values, int]:
    """At most about 4096 of the samples, evenly spread."""
    stride = max(1, n // _STEP_SAMPLES)
    few = {name: value[::stride] if name in problem.loss.data else value for name, value in values.items()}
    return BatchValues(few), len(range(0, n, stride)) if problem.loss.data else n


FORWARD = Difference(Stencil((0.0, 1.0), 2, 1 / 2, 2.0, lambda f, h: (f[1] - f[0]) / h))
CENTRAL = Difference(Stencil((-1.0, 1.0), 3, 1 / 6, 1.0, lambda f, h: (f[1] - f[0]) / (2 * h)))

#: Two central differences D(h) and D(h/2), extrapolated to step 0: (4 D(h/2) − D(h)) / 3.
#: With D(h) = f′ + h²/6 f‴ + h⁴/120 f⁽⁵⁾(ξ) the cubic terms cancel, and what remains is at most
#: (4/16 + 1)/(3·120) h⁴ sup|f⁽⁵⁾| = h⁴/288 sup|f⁽⁵⁾|; its leading term is h⁴/480 f⁽⁵⁾.
#: Source: L. F. Richardson, Phil. Trans. R. Soc. A 210 (1911) 307.
RICHARDSON = Difference(
    Stencil(
        (-1.0, -0.5, 0.5, 1.0), 5, 1 / 288, 3.0,
        lambda f, h: (4 * ((f[2] - f[1]) / h) - (f[3] - f[0]) / (2 * h)) / 3,
    )
)  # fmt: skip
