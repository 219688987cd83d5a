"""A candidate as a method of a check: its values, with a bound from its own operations or from a reference's."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from diffexplore.bounds.watch import observing
from diffexplore.checking.records import VALUE
from diffexplore.errors import CandidateError
from diffexplore.floating_point import dtype_name
from diffexplore.methods.base import Estimate, Estimates, Values, doubles_in_memory
from diffexplore.methods.opaque import allowed
from diffexplore.methods.problem import Problem
from diffexplore.torch_code.escapes import Escapes
from diffexplore.torch_code.foreign_numbers import line_of_foreign_numbers
from diffexplore.torch_code.leaving_torch import CandidateWatch
from diffexplore.verifying.backward_calls import BackwardBehaviour, behaviour_of
from diffexplore.verifying.calling import call, copies_of, modified
from diffexplore.verifying.candidates import Candidate


@dataclass(frozen=True)
class Behaviour:
    """How a candidate behaved in one call, beside its numbers."""

    opaque: bool = False
    narrowed: tuple[str, ...] = ()
    modified: tuple[str, ...] = ()


class Observed:
    """The candidate behind the contract of a method; ``behaviour`` tells of the last call."""

    exact = True
    opaque = False  # what cannot be watched of it, its behaviour says call by call

    def __init__(self, candidate: Candidate, seed: int, *, values: bool = True) -> None:
        self.candidate = candidate
        self._values = values  # whether what it computes is the loss
        self.behaviour = Behaviour()
        self._seed = seed
        self._expects = True
        self._foreign: bool | None = None

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

    def _comes_in(self, problem: Problem, values: Values) -> bool:
        """Whether numbers that change with the inputs come in past torch; found out once."""
        if self._foreign is None:
            by = [name for name, one in values.items() if one.is_floating_point()]

            def answered(copies: dict[str, torch.Tensor]) -> Iterable[torch.Tensor]:
                given = {name: one.detach() for name, one in copies.items()}
                found = call(lambda: self.candidate.answer(problem.wrt, given), self.candidate.name, self._seed)
                return (*found.gradients.values(), *(() if found.value is None else (found.value,)))

            self._foreign = line_of_foreign_numbers(answered, dict(values), by, everywhere=True) is not None
        return self._foreign

    def called_again(self, problem: Problem, values: Values, first: Estimates) -> BackwardBehaviour:
        """How the candidate's backward behaves in further calls; ``first`` is what it gave in the first one."""
        if not self.candidate.repeatable:
            return BackwardBehaviour()
        try:
            return behaviour_of(self.candidate, problem.wrt, copies_of(values), self._seed, first)
        except CandidateError as error:
            return BackwardBehaviour(raises=str(error))

    def obstacle(self, problem: Problem) -> str | None:
        return None

    def samples(self, problem: Problem, values: Values, n: int) -> Estimates:
        """Nothing: a candidate's partials with respect to data come with the reduced ones."""
        return {}

    def reduced(self, problem: Problem, values: Values, n: int) -> Estimates:
        """∂L/∂θ for each parameter of shape (), ∂L/∂z_i for each data symbol of shape (n,), and the loss's value."""
        copies = copies_of(values)
        expected = problem.dtype if self._expects else None
        known = CandidateWatch(expected=expected, inputs=copies.values())
        with Escapes() as escapes, known as watch:
            watch.introduce(copies)
            answer = call(lambda: self.candidate.answer(problem.wrt, copies), self.candidate.name, self._seed)
        known.meet(answer.gradients.values())
        # Asking for a radius may itself find that it is not known: before the operations are counted.
        tensors = {**answer.gradients, **({VALUE: answer.value} if answer.value is not None and self._values else {})}
        estimates = {
            name: Estimate(doubles_in_memory(tensor), watch.radius(tensor).to(torch.float64))
            for name, tensor in tensors.items()
        }
        opaque = not self.candidate.torch or bool(watch.unwatched | escapes.seen | watch.leaving)
        opaque |= known.met_constants and self._comes_in(problem, values)
        narrowed = tuple(sorted(dtype_name(dtype) for dtype in watch.narrowed))
        self.behaviour = Behaviour(opaque, narrowed, modified(copies, values))
        if not opaque:
            return estimates
        with observing(None):  # who looks on at the candidate is not to see the references
            return allowed(estimates, problem, values, n)
