"""What a right gradient of a loss has at hand, for planted errors to spoil."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import sympy
import torch

from diffexplore.arithmetic.torch_real import TORCH
from diffexplore.methods.problem import Problem, spread_over
from diffexplore.program.program import Program, lower

Tensor = torch.Tensor
Gradient = dict[str, Tensor]


def sample_count(problem: Problem, values: Mapping[str, Tensor]) -> int:
    """The number of samples: 1 for a loss without data."""
    return len(values[problem.loss.data[0]]) if problem.loss.data else 1


@dataclass(frozen=True, eq=False)
class Given:
    """One call: the tensors that a candidate is given, and the right partials there, in their dtype."""

    problem: Problem
    values: Mapping[str, Tensor]

    @cached_property
    def n(self) -> int:
        return sample_count(self.problem, self.values)

    @property
    def names(self) -> tuple[str, ...]:
        return self.problem.wrt

    def samples(self) -> Gradient:
        """∂ℓ_i/∂s of every sample."""
        return self.run(self.problem.gradient_program)

    def run(self, program: Program) -> Gradient:
        """The outputs of a program with one for each partial, spread over the samples."""
        outputs = program.run(TORCH, self.values)
        return {
            name: spread_over(output, self.n, self.values) for name, output in zip(self.names, outputs, strict=True)
        }

    def reduced(self, samples: Mapping[str, Tensor] | None = None) -> Gradient:
        """∂L/∂s: reduced over the samples for a parameter, of every sample for data."""
        samples = self.samples() if samples is None else samples
        return {name: self._reduced(name, column) for name, column in samples.items()}

    def _reduced(self, name: str, column: Tensor) -> Tensor:
        if name in self.problem.loss.parameters:
            return self.problem.reduce(column)
        return column / self.n if self.problem.loss.reduction == "mean" else column

    def moved(self, **changes: Tensor) -> Given:
        """The same with some of the tensors replaced."""
        return Given(self.problem, {**self.values, **changes})

    def narrower(self, dtype: torch.dtype) -> Given:
        """The same, computed in another dtype."""
        return Given(self.problem, {name: value.to(dtype) for name, value in self.values.items()})

    def value(self) -> Tensor:
        """The loss, which torch can differentiate."""
        return self.problem.reduce(self.problem.summands(self.values, self.n))


def terms(problem: Problem) -> dict[str, list[sympy.Expr]]:
    """The additive terms of each raw partial, as the product and quotient rules give them."""
    raw = problem.loss.gradient(problem.wrt).raw
    return {name: list(sympy.Add.make_args(raw[name])) for name in problem.wrt}


def with_term(problem: Problem, factor: int) -> Program | None:
    """The gradient with the last term of one partial multiplied; None where every partial is a single term."""
    raw = problem.loss.gradient(problem.wrt).raw
    several = [name for name, found in terms(problem).items() if len(found) > 1]
    if not several:
        return None
    spoilt = several[0]
    last = terms(problem)[spoilt][-1]
    partials = [raw[name] + (factor - 1) * last if name == spoilt else raw[name] for name in problem.wrt]
    return lower(partials, problem.inputs)


def cut(problem: Problem, values: Mapping[str, Tensor], slot: int | None) -> Tensor:
    """The loss with the value of one step detached; as it is for None."""
    program = problem.loss_program
    slots = [values[name] for name in program.inputs] + [TORCH.constant(constant) for constant in program.constants]
    for step in program.steps:
        out = TORCH.operations[step.operation](*(slots[place] for place in step.arguments))
        slots.append(out.detach() if len(slots) == slot else out)
    n = sample_count(problem, values)
    return problem.reduce(spread_over(slots[program.outputs[0]], n, values))


def cut_slot(problem: Problem) -> int | None:
    """The last step whose detaching leaves a gradient, but another one; None where there is none."""
    program = problem.loss_program
    depends = program.depends_on(problem.loss.parameters)
    generator = torch.Generator().manual_seed(0)
    draws = {name: torch.rand(8, generator=generator, dtype=torch.float64) + 0.25 for name in problem.inputs}
    honest = _derivatives(problem, draws, None)
    for slot in range(program.first_step + len(program.steps) - 1, program.first_step - 1, -1):
        if not depends[slot] or slot in program.outputs:
            continue
        found = _derivatives(problem, draws, slot)
        if found is not None and bool(found.any()) and not torch.allclose(found, honest):
            return slot
    return None


def _derivatives(problem: Problem, draws: Mapping[str, Tensor], slot: int | None) -> Tensor:
    leaves = {name: draw.clone().requires_grad_() for name, draw in draws.items()}
    value = cut(problem, leaves, slot)
    if not value.requires_grad:
        return torch.zeros(1)
    inputs = [leaves[name] for name in problem.loss.parameters]
    found = torch.autograd.grad(value, inputs, allow_unused=True, materialize_grads=True)
    return torch.stack([partial.sum() for partial in found])
