"""A candidate as a method of a check: its values, with a bound from its own operations or from a reference's."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from diffexplore.arithmetic.torch_real import TORCH
from diffexplore.bounds.claims import UNIT_ROUNDOFF
from diffexplore.bounds.watch import Watch, observing
from diffexplore.check.problem import Problem, spread_over
from diffexplore.check.records import VALUE
from diffexplore.methods import reverse, symbolic
from diffexplore.methods.base import Estimate, Estimates, Method, Values
from diffexplore.verify.backward_calls import BackwardConduct, conduct_of
from diffexplore.verify.calling import Inputs, call
from diffexplore.verify.candidates import Answer, Candidate, CandidateError
from diffexplore.verify.doors import CandidateWatch, Escapes

Tensor = torch.Tensor

#: What a candidate whose operations cannot be watched is allowed, in bounds of the references.
OPAQUE_FACTOR = 16.0

_REFERENCES: list[Method] = [symbolic.METHOD, reverse.METHOD]


@dataclass(frozen=True)
class Conduct:
    """How a candidate behaved in one call, beside its numbers."""

    opaque: bool = False
    narrowed: tuple[str, ...] = ()
    modified: tuple[str, ...] = ()


class Observed:
    """The candidate behind the contract of a method; ``conduct`` tells of the last call."""

    exact = True

    def __init__(self, candidate: Candidate, seed: int) -> None:
        self.candidate = candidate
        self.conduct = Conduct()
        self._seed = seed
        self._expects = True

    @contextmanager
    def seeded(self, seed: int) -> Iterator[None]:
        """Another seed of torch's generator, for a while."""
        self._seed, former = seed, self._seed
        try:
            yield
        finally:
            self._seed = former

    @contextmanager
    def unexpecting(self) -> Iterator[None]:
        """Bounds that allow for whatever dtype the candidate computes in, for a while."""
        self._expects = False
        try:
            yield
        finally:
            self._expects = True

    def called_again(self, problem: Problem, values: Values, first: Estimates) -> BackwardConduct:
        """How the candidate's backward behaves in further calls; ``first`` is what it gave in the first one."""
        if not self.candidate.repeatable:
            return BackwardConduct()
        try:
            return conduct_of(self.candidate, problem.wrt, Inputs(values).copies, self._seed, first)
        except CandidateError as error:
            return BackwardConduct(raises=str(error))

    def obstacle(self, problem: Problem) -> str | None:
        return None

    def samples(self, problem: Problem, values: Values, n: int) -> Estimates:
        """Nothing: a candidate's partials with respect to data come with the reduced ones."""
        return {}

    def reduced(self, problem: Problem, values: Values, n: int) -> Estimates:
        """∂L/∂θ for each parameter of shape (), ∂L/∂z_i for each data symbol of shape (n,), and the loss's value."""
        inputs = Inputs(values)
        expected = problem.dtype if self._expects else None
        known = CandidateWatch(expected=expected, inputs=inputs.copies.values())
        with Escapes() as escapes, known as watch:
            watch.introduce(inputs.copies)
            answer = call(lambda: self.candidate.answer(problem.wrt, inputs.copies), self.candidate.name, self._seed)
        # Asking for a radius may itself find that it is not known: before the doors are counted.
        estimates = {name: _estimate(tensor, watch) for name, tensor in _tensors(answer).items()}
        opaque = not self.candidate.torch or bool(watch.unwatched | escapes.seen | watch.doors)
        narrowed = tuple(sorted(str(dtype).removeprefix("torch.") for dtype in watch.narrowed))
        self.conduct = Conduct(opaque, narrowed, inputs.modified())
        if not opaque:
            return estimates
        with observing(None):  # who looks on at the candidate is not to see the references
            return _allowed(estimates, problem, values, n)


def _tensors(answer: Answer) -> dict[str, Tensor]:
    return dict(answer.gradients) | ({} if answer.value is None else {VALUE: answer.value})


def _estimate(tensor: Tensor, watch: Watch) -> Estimate:
    return Estimate(tensor.detach().to(torch.float64), watch.radius(tensor).to(torch.float64))


def _allowed(estimates: Mapping[str, Estimate], problem: Problem, values: Values, n: int) -> Estimates:
    """The estimates with a multiple of the larger reference bound."""
    references = [_reference(method, problem, values, n) for method in _REFERENCES]
    allowed = {}
    for name, estimate in estimates.items():
        bounds = [reference[name] for reference in references] if name != VALUE else [_value_bound(problem, values, n)]
        bound = OPAQUE_FACTOR * torch.stack([found.expand(estimate.value.shape) for found in bounds]).amax(0)
        if name != VALUE and bool((bound == 0).any()):
            bound = torch.where(bound == 0, _conditioned(problem, values, n)[name], bound)
        allowed[name] = Estimate(estimate.value, bound.to(estimate.value.device))
    return allowed


def _conditioned(problem: Problem, values: Values, n: int) -> dict[str, Tensor]:
    """What rounding the inputs once would do to the partials.

    The references may compute an exact 0 where another order of the same operations rounds: as at a perfect fit.
    """
    unit = UNIT_ROUNDOFF[problem.dtype]
    with Watch() as watch:
        copies = {name: value.detach().clone() for name, value in values.items()}
        for copy in copies.values():
            watch.set(copy, unit * copy.to(torch.float64).abs())
        outputs = problem.gradient_program.run(TORCH, copies)
        partials = {name: spread_over(output, n, copies) for name, output in zip(problem.wrt, outputs, strict=True)}
        reduced = {name: problem.reduce(partials[name]) for name in problem.parameters}
    weight = 1 / n if problem.loss.reduction == "mean" else 1.0
    by_data = {name: weight * watch.radius(partial) for name, partial in partials.items() if name not in reduced}
    return {name: watch.radius(value) for name, value in reduced.items()} | by_data


def _reference(method: Method, problem: Problem, values: Values, n: int) -> dict[str, Tensor]:
    """How far a reference's own partials may be from the truth; by data, those of the reduced loss."""
    bounds = {name: estimate.bound for name, estimate in method.reduced(problem, values, n).items()}
    if set(problem.wrt) - set(bounds):
        weight = 1 / n if problem.loss.reduction == "mean" else 1.0
        unit = UNIT_ROUNDOFF[problem.dtype]
        for name, estimate in method.samples(problem, values, n).items():
            if name not in bounds:
                bounds[name] = weight * (estimate.bound + 2 * unit * estimate.value.abs())
    return bounds


def _value_bound(problem: Problem, values: Values, n: int) -> Tensor:
    with Watch() as watch:
        value = problem.reduce(problem.summands(values, n))
    radius = watch.radius(value).to(torch.float64)
    return torch.nan_to_num(radius, nan=math.inf)
