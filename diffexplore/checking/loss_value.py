"""The loss's own value: its truth, as of any gradient, and what torch computes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cached_property

import numpy as np
from flint import arb
from torch import Tensor

from diffexplore.checking.chunked import in_blocks
from diffexplore.checking.enclosures import Enclosures
from diffexplore.checking.evaluate import Evaluator
from diffexplore.checking.records import VALUE
from diffexplore.inputs.blocks import Blocks
from diffexplore.methods.base import Estimates, Numbers, watched
from diffexplore.methods.opaque import granted
from diffexplore.methods.problem import Problem
from diffexplore.methods.torch_loss import Unavailable, raised_by
from diffexplore.program.program import Program


class ValueProblem(Problem):
    """A problem whose one "partial" is the loss itself, so that its value has a truth like any gradient's."""

    @property
    def parameters(self) -> tuple[str, ...]:
        return (VALUE,)

    @cached_property
    def gradient_program(self) -> Program:
        return self.plain_loss_program


def value_problem(problem: Problem) -> ValueProblem:
    """The problem of the loss's value, in the same dtype on the same device."""
    return ValueProblem(problem.loss, (VALUE,), problem.dtype, problem.device)


def value_truth(
    problem: Problem, point: Mapping[str, float], columns: Mapping[str, Tensor], blocks: Blocks
) -> tuple[Enclosures, arb]:
    """The enclosure of the reduced loss."""
    return Evaluator(value_problem(problem), point, columns, blocks.n, blocks=blocks).reduced_truths()[VALUE]


def not_finite(evaluator: Evaluator) -> Numbers | None:
    """The loss as torch computes it over the whole batch, where that is NaN or infinite; None where it is a number."""
    problem = evaluator.problem

    def of_samples(first: int, last: int) -> float:
        return float(problem.reduce(problem.summands(evaluator.values(first, last), last - first)))

    try:
        values = evaluator.blocks.each(of_samples)
    except (RuntimeError, MemoryError):
        return None  # what torch refuses has no value: the methods that it refuses are skipped with its reason
    value = math.fsum(values) if np.isfinite(values).all() else float(np.sum(values))
    return None if np.isfinite(value) else Numbers(np.array([value]), np.array([np.inf]), None, None)


def compared_value(evaluator: Evaluator) -> Numbers | None:
    """The loss as a user's function computes it over the whole batch, with its bound; None where it cannot run."""
    problem = evaluator.problem
    torch_loss = problem.torch_loss

    def of_samples(first: int, last: int) -> Estimates:
        values = evaluator.values(first, last)
        with raised_by(problem.loss.program):
            found = watched(
                (VALUE,), lambda: (torch_loss.loss(torch_loss.arguments(values), last - first),),
                torch_loss.watch(values.values()),
            )  # fmt: skip
        return granted(problem, found, values, last - first)

    try:
        one = evaluator.blocks.count == 1
        found = of_samples(0, evaluator.n) if one else in_blocks(evaluator, of_samples)
    except (Unavailable, RuntimeError, MemoryError):
        return None
    return Numbers.of(found[VALUE], exact=True)
