"""The loss as a function of one symbol: its values with their rounding, and its derivatives over an interval."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property

import torch
from torch import Tensor

from diffexplore.arithmetic.torch_real import TORCH
from diffexplore.bounds.elements import none_hold
from diffexplore.bounds.watch import Watch
from diffexplore.formula.budget import Ending
from diffexplore.methods._hull import smooth_within
from diffexplore.methods._nodes import clamped, longest_step, rounded_sum
from diffexplore.methods._unmoved import Unmoved, unmoved
from diffexplore.methods.base import Values, radius_of
from diffexplore.methods.problem import BatchValues, Problem, shared, spread_over
from diffexplore.methods.torch_loss import raised_by
from diffexplore.program.program import Program

#: A derivative's bound over an interval is refined while it exceeds the derivative at x by this factor.
_TIGHT = 2.0
_MOST_PIECES = 64

#: So many places of a reduced loss are refined together.
_MOST_REFINED = 256

#: Balls, times places, times samples, that are computed together.
_TOGETHER = 2**17


class Along:
    """The loss as a function of one symbol: reduced, or without ``reduce`` one function for each sample.

    What is found of it is kept, for all methods that step along the symbol.
    """

    def __init__(
        self, problem: Problem, values: Values, name: str, n: int, reduce: Callable[[Tensor], Tensor] | None = None,
        *, beside: Values | None = None,
    ) -> None:  # fmt: skip
        """``beside`` are the values with which those of other symbols are shared, by default ``values``."""
        self.problem = problem
        self.by_sample = reduce is None
        self._values = values
        self._beside = values if beside is None else beside
        self._name = name
        self._n = n
        self._reduce: Callable[[Tensor], Tensor] = reduce or (lambda summands: summands)
        self.x = values[name].detach().to(torch.float64)
        self._wide = {key: value.detach().to(torch.float64) for key, value in values.items()}
        self._derivatives: dict[int, Tensor] = {}
        self._enclosed: dict[int, tuple[Tensor, Tensor]] = {}

    def node(self, watch: Watch, offset: Tensor) -> Tensor:
        """x + offset in the dtype of the problem, of which the watch knows how it is rounded."""
        node, error = rounded_sum(self.x, offset, self.problem.dtype)
        if not none_hold(error):
            watch.set(node, error.abs())
        return node

    def evaluate(self, node: Tensor) -> Tensor:
        """The loss at a node, under an open watch."""
        return self._loss({**self._values, self._name: node}, self._of_loss)

    def at(self, offset: Tensor) -> Tensor:
        """The loss at x + offset, by nobody watched."""
        return self._loss({**self._values, self._name: self._values[self._name] + offset})

    def watch(self) -> Watch:
        """What follows the rounding of evaluations."""
        watch, base = self.problem.torch_loss.watch(self._values.values()), self._of_loss
        return watch if base is None else base.following(watch, self.problem.loss_program, self._name)

    @property
    def _of_loss(self) -> Unmoved | None:
        """What torch computes of the loss by its formula, whatever this symbol is."""
        program = self.problem.loss_program
        return unmoved(self._beside, program, self._n) if self.problem.loss.program is None else None

    def _loss(self, values: Values, base: Unmoved | None = None) -> Tensor:
        """What torch computes: a user's function on the whole batch, or the formula."""
        problem = self.problem
        if problem.loss.program is None:
            return self._computed(problem.loss_program, values, base)
        with raised_by(problem.loss.program), torch.no_grad():
            return problem.torch_loss.loss(problem.torch_loss.arguments(values), self._n)

    def outside(self, offset: Tensor) -> Tensor:
        """Where x + offset leaves the stated domain of the loss, for any of the samples that are reduced (bool)."""
        left = torch.zeros_like(self.x, dtype=torch.bool)
        if not self.problem.domain_program.outputs:
            return left
        node, _ = rounded_sum(self.x, offset, self.problem.dtype)
        conditions = self.problem.domain_program.run(TORCH, {**self._values, self._name: node})
        for condition in conditions:
            broken = ~torch.as_tensor(condition, dtype=torch.bool, device=self.x.device)
            if self.x.dim() > 1:  # places, of all samples each
                broken = broken.any(-1, keepdim=True)
            left = left | (broken if broken.dim() <= self.x.dim() else broken.any())
        return left

    @cached_property
    def noise(self) -> Tensor:
        """The watched error of one evaluation at x, whatever symbol is differentiated."""
        with self.watch() as watch:
            value = self._loss(self._beside)
        return radius_of(watch, value)

    def derivative(self, order: int) -> Tensor:
        """The derivative of some order at x, in float64."""
        if order not in self._derivatives:
            self._derivatives[order] = self._computed(self._program(order), self._wide)
        return self._derivatives[order]

    def largest_derivative(self, order: int, reach: Tensor, negligible: Tensor) -> Tensor:
        """Bound on |f^(order)| within ``reach`` of x, refined while it exceeds ``negligible``.

        Infinite where f is not smooth there.
        """
        largest = self.enclosure(order, reach)
        # By sample it is not worth its price: there, one sample in thousands would refine them all.
        if reach.dim() == 0 or (reach.dim() > 1 and len(reach) <= _MOST_REFINED):
            largest = self._refined(order, reach, largest, negligible)
        return largest

    def enclosure(self, order: int, reach: Tensor) -> Tensor:
        """The bound from one ball; the last one is kept, since a step is first tried and then taken."""
        known = self._enclosed.get(order)
        if known is not None and torch.equal(known[0], reach):
            return known[1]
        largest = self._largest_over(order, reach, pieces=1)
        if not self._is_smooth_everywhere(reach):
            _, loss_radius = self._run(self.problem.loss_program, reach)
            largest = torch.where(loss_radius.isfinite(), largest, math.inf)
        self.keep(order, reach, largest)
        return largest

    def enclosure_at(self, order: int, reach: Tensor, places: Tensor) -> Tensor:
        """The same of some of the samples (bool), whose reaches alone are given; it is not kept."""
        return self._at_samples(places).enclosure(order, reach)

    def keep(self, order: int, reach: Tensor, largest: Tensor) -> None:
        """Says what :meth:`enclosure` has found, or would find."""
        self._enclosed[order] = reach, largest

    def _is_smooth_everywhere(self, reach: Tensor) -> bool:
        """Whether one ball proves that the loss of every sample is smooth within ``reach`` of x."""
        farthest = reach.max() if reach.numel() else reach.sum()
        return self._widest is not None and bool(farthest <= self._widest)

    @cached_property
    def _widest(self) -> Tensor | None:
        """The longest step that is taken unless one is set, if one ball proves that the loss is smooth within it."""
        values, name = self._beside, self._name
        names = self.problem.wrt if isinstance(values, BatchValues) and name in self.problem.wrt else (name,)
        smooth = shared(values, ("smooth", self.problem, names), lambda: self._smooth_along(names))
        return longest_step(values[name]) if smooth[name] else None

    def _smooth_along(self, names: tuple[str, ...]) -> dict[str, bool]:
        reaches = {name: longest_step(self._beside[name]) for name in names}
        wide = {key: value.detach().to(torch.float64) for key, value in self._beside.items()}
        return smooth_within(self.problem, wide, reaches, self._n)

    def _refined(self, order: int, reach: Tensor, largest: Tensor, negligible: Tensor) -> Tensor:
        """Smaller bounds where they are worth it: a wide ball overestimates, small ones that cover it do so less."""
        tight = _TIGHT * self.derivative(order).abs()
        open_ = largest.isfinite() & (largest > negligible) & (largest > tight)
        pieces = 1
        while pieces < _MOST_PIECES and bool(open_.any()):
            pieces *= 4
            places = open_[:, 0] if reach.dim() > 1 else None
            finer = self._at_places(places)._largest_over(order, _those(reach, places), pieces)
            coarse = _those(largest, places)
            found = torch.minimum(coarse, finer)
            still = (finer <= 0.9 * coarse) & (found > _those(negligible, places)) & (found > _those(tight, places))
            if places is None:
                largest, open_ = found, still
            else:
                largest, open_ = largest.clone(), open_.clone()
                largest[places], open_[places] = found, still
        return largest

    def _at_samples(self, places: Tensor) -> Along:
        """The functions of some of the samples (bool)."""
        values = {key: value[places] if value.dim() else value for key, value in self._values.items()}
        part = Along(self.problem, values, self._name, int(places.sum()))
        part.__dict__["_widest"] = self._widest
        return part

    def _at_places(self, places: Tensor | None) -> Along:
        """The function at some of many places (bool), whose values are of shape (m, 1); itself at one place."""
        if places is None:
            return self
        values = {key: _those(value, places) if value.dim() > 1 else value for key, value in self._values.items()}
        return Along(self.problem, values, self._name, self._n, self._reduce)

    def _largest_over(self, order: int, reach: Tensor, pieces: int) -> Tensor:
        """The bound from ``pieces`` balls that cover the interval, as many at once as memory bears."""
        together = max(1, _TOGETHER // (reach.numel() * self._n))
        parts = torch.arange(1 - pieces, pieces, 2, dtype=torch.float64, device=reach.device) / pieces
        return torch.stack([self._largest_of(order, reach, some, pieces) for some in parts.split(together)]).amax(0)

    def _largest_of(self, order: int, reach: Tensor, parts: Tensor, pieces: int) -> Tensor:
        """The bound from the balls about x + part · reach, of ``pieces`` that cover the interval."""
        # A number of its own for each ball, before the places, where there are such, and the samples.
        offset = (reach if reach.dim() else reach.reshape(1)) * parts.reshape(-1, *[1] * max(1, reach.dim()))
        # The rounding of the centre is far below the overlap of 2⁻³⁰.
        value, radius = self._run(self._program(order), reach * ((1 + 2.0**-30) / pieces) + self._ulps(), offset)
        return (value.abs() + radius).expand(offset.shape).amax(0).reshape(reach.shape)

    def _ulps(self) -> Tensor:
        return self.x.abs() * 2.0**-51

    def _run(self, program: Program, reach: Tensor, offset: Tensor | float = 0.0) -> tuple[Tensor, Tensor]:
        base, x, watch = unmoved(self._beside, program, self._n, smooth=True), self.x + offset, Watch(smooth=True)
        if base is not None:
            base.following(watch, program, self._name)
        watch.set(x, reach.to(torch.float64).expand(x.shape).clone())
        with watch:
            value = self._computed(program, {**self._wide, self._name: x}, base)
        return value, watch.radius(value)

    def _computed(self, program: Program, values: Values, base: Unmoved | None = None) -> Tensor:
        """The program at values; those of which all but that of the symbol are those of ``base``."""
        if base is None:
            (output,) = program.run(TORCH, values)
        else:
            output = base.run(program, self._name, values[self._name])
        return self._reduce(spread_over(output, self._n, values))

    def _program(self, order: int) -> Program:
        program = self.problem.derivative_program(self._name, order)
        assert not isinstance(program, Ending), "the method's obstacle is requested first"
        return program

    def clamped(self, step: Tensor) -> Tensor:
        """The nearest power of two that is neither lost beside x nor large beside max(1, |x|)."""
        return clamped(step, self.x, self.problem.dtype)


def _those(values: Tensor, places: Tensor | None) -> Tensor:
    """The values at some places (bool); all of them where there is but one place."""
    return values if places is None else values[places]
