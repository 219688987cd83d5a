"""Methods with an error planted in them, put into the registry for the length of a test."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace

import pytest
import torch

from diffexplore import methods
from diffexplore.methods.base import Estimate, Estimates, Method, Values
from diffexplore.methods.problem import Problem

#: Changes the estimates of all partials at once; ``reduced`` says which kind they are.
Change = Callable[[Estimates, bool], Estimates]


@dataclass(frozen=True)
class Tampered:
    """A method whose estimates are changed on their way out, their bounds kept."""

    honest: Method
    change: Change

    @property
    def exact(self) -> bool:
        return self.honest.exact

    @property
    def opaque(self) -> bool:
        return self.honest.opaque

    def obstacle(self, problem: Problem) -> str | None:
        return self.honest.obstacle(problem)

    def reduced(self, problem: Problem, values: Values, n: int) -> Estimates:
        return self.change(self.honest.reduced(problem, values, n), True)

    def samples(self, problem: Problem, values: Values, n: int) -> Estimates:
        return self.change(self.honest.samples(problem, values, n), False)


@dataclass(frozen=True)
class TamperedEntry:
    """A line of the registry."""

    name: str
    title: str
    method: Method
    aliases: tuple[str, ...] = ()
    runs_program: bool = False
    named_only: bool = False

    def load(self) -> Method:
        return self.method

    def require(self) -> None:
        """Its library is here: it was loaded."""


@contextmanager
def registered(changes: Mapping[str, Change]) -> Iterator[None]:
    """Within the block each method named computes what ``changes`` makes of it; the others are as they are."""
    entries = tuple(
        TamperedEntry(entry.name, entry.title, Tampered(entry.load(), changes[entry.name]), named_only=entry.named_only)
        if entry.name in changes
        else entry
        for entry in methods._ENTRIES
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(methods, "_ENTRIES", entries)
        yield


def values_times(factor: float) -> Change:
    """Every value multiplied by one number."""
    return each(lambda value: value * factor)


def each(function: Callable[[torch.Tensor], torch.Tensor]) -> Change:
    """Every value changed by a function of tensors."""
    return lambda estimates, reduced: {
        name: replace(estimate, value=function(estimate.value)) for name, estimate in estimates.items()
    }


def one_sample(index: int, function: Callable[[torch.Tensor], torch.Tensor]) -> Change:
    """The per-sample partials of one sample changed, nothing else."""

    def change(estimates: Estimates, reduced: bool) -> Estimates:
        return estimates if reduced else {name: _at(estimate, index, function) for name, estimate in estimates.items()}

    return change


def _at(estimate: Estimate, index: int, function: Callable[[torch.Tensor], torch.Tensor]) -> Estimate:
    value = estimate.value.clone()
    if index >= len(value):  # a smaller batch has no such sample
        return estimate
    value[index] = function(value[index])
    return replace(estimate, value=value)


def swapped(estimates: Estimates, reduced: bool) -> Estimates:
    """Each partial under the name of the next one."""
    names = list(estimates)
    return dict(zip(names, (estimates[name] for name in (*names[1:], names[0])), strict=True))
