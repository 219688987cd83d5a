"""The contract of a method."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from diffexplore.bounds.watch import Watch
from diffexplore.methods.problem import Problem

Values = Mapping[str, Tensor]


@dataclass(frozen=True)
class Estimate:
    """Computed partials and how far each may be from the truth.

    ``value`` and ``bound`` are float64 tensors of one shape: () reduced, (n,) by sample. A bound is infinite where
    none could be derived; ``reason`` then says why, where that is known. ``stepped`` is None for a method that takes
    no step (an exact one); every other method gives it, a bool tensor of the same shape: where its own step
    overflowed or left the domain of the loss.
    """

    value: Tensor
    bound: Tensor
    reason: str | None = None
    stepped: Tensor | None = None


def with_step(value: Tensor, bound: Tensor, stepped: Tensor, reason: str | None = None) -> Estimate:
    """The estimate of a method that takes a step, which has to say where the step itself went wrong."""
    return Estimate(value, bound, reason, stepped)


@dataclass(frozen=True)
class Numbers:
    """An estimate as float64 arrays of shape (n,), on the host."""

    value: np.ndarray
    bound: np.ndarray
    reason: str | None
    stepped: np.ndarray | None

    @classmethod
    def of(cls, estimate: Estimate, *, exact: bool) -> Numbers:
        """The numbers of an estimate by a method; raises where it takes steps and does not say how they went."""
        stepped = None if estimate.stepped is None else estimate.stepped.reshape(-1).cpu().numpy()
        if exact != (stepped is None):
            raise AssertionError("a method that is not exact says where its step overflowed or left the domain")
        value, bound = estimate.value.reshape(-1).cpu().numpy(), estimate.bound.reshape(-1).cpu().numpy()
        return cls(value, bound, estimate.reason, stepped)

    def part(self, first: int, last: int) -> Numbers:
        """Those of the samples from ``first`` up to ``last``."""
        stepped = None if self.stepped is None else self.stepped[first:last]
        return Numbers(self.value[first:last], self.bound[first:last], self.reason, stepped)


def smallest_bounds(
    estimates: Mapping[str, Mapping[str, Numbers]], names: tuple[str, ...], n: int
) -> dict[str, np.ndarray]:
    """The smallest bound on each partial at each of n samples, of all methods; 0 where none has one."""
    smallest = {name: np.full(n, math.inf) for name in names}
    for by_name in estimates.values():
        for name, numbers in by_name.items():
            np.minimum(smallest[name], numbers.bound, out=smallest[name])
    return {name: np.where(np.isfinite(bound), bound, 0.0) for name, bound in smallest.items()}


Estimates = dict[str, Estimate]


class Method(Protocol):
    """One way to get the partials of a loss.

    A method computes in the dtype and on the device of the problem, and derives its bound for the operations that
    were really executed (rounding, and truncation where it has any).
    """

    @property
    def exact(self) -> bool:
        """Whether only rounding separates the value from the truth: no step, no truncation."""

    @property
    def opaque(self) -> bool:
        """Whether another library computes, whose operations cannot be watched."""

    def obstacle(self, problem: Problem) -> str | None:
        """Why the method cannot run on this problem, in one line; None where it can."""

    def reduced(self, problem: Problem, values: Values, n: int) -> Estimates:
        """∂L/∂θ for each parameter in ``problem.wrt``, in one call over all ``n`` samples."""

    def samples(self, problem: Problem, values: Values, n: int) -> Estimates:
        """∂ℓ_i/∂s for each symbol s in ``problem.wrt`` and each of the ``n`` samples.

        Those by some symbols, or all, are missing where the user's function does not give them.
        """


@runtime_checkable
class OneByOne(Protocol):
    """A method that computes each partial by itself: one alone costs a part of all, and is the same."""

    one_by_one: bool


_WATCHED: ContextVar[bool] = ContextVar("watched", default=True)


@contextmanager
def unwatched() -> Iterator[None]:
    """Torch methods inside the block run as fast as torch does; nothing is known of their rounding."""
    token = _WATCHED.set(False)
    try:
        yield
    finally:
        _WATCHED.reset(token)


def is_watched() -> bool:
    """Whether bounds are requested: not inside a block of :func:`unwatched`."""
    return _WATCHED.get()


def watched(
    names: tuple[str, ...], function: Callable[[], tuple[Tensor, ...]], watch: Watch | None = None
) -> Estimates:
    """Runs ``function`` under a watch; its tensors, in the order of ``names``, become estimates."""
    if not is_watched():
        return {name: of_unknown_error(output) for name, output in zip(names, function(), strict=True)}
    with Watch() if watch is None else watch as watch:
        outputs = function()
    known = [(doubles_in_memory(output), watch.radius(output).to(torch.float64)) for output in outputs]
    reason = unknown_rounding(watch)  # once all is computed, which may find that a radius is not known
    return {
        name: Estimate(value, torch.full_like(bound, math.inf) if watch.lost else bound, reason)
        for name, (value, bound) in zip(names, known, strict=True)
    }


def of_unknown_error(output: Tensor) -> Estimate:
    """The estimate of what nobody watched; infinitely far, as far as is known."""
    value = doubles_in_memory(output)
    return Estimate(value, torch.full_like(value, torch.inf), "it was not watched")


def doubles_in_memory(output: Tensor) -> Tensor:
    """The numbers of an output, detached: torch keeps some zeros nowhere, and some numbers with the other sign."""
    wide = output.detach().to(torch.float64)
    return wide.clone() if wide._is_zerotensor() else wide.resolve_neg()


def radius_of(watch: Watch, output: Tensor) -> Tensor:
    """How far a tensor may be from the exact one (float64); infinite where the watch has lost sight of it."""
    radius = watch.radius(output).to(torch.float64)
    return torch.full_like(radius, math.inf) if watch.lost else radius


def unknown_rounding(watch: Watch) -> str | None:
    """Why a watch has no bound on the rounding of what it saw; None where it has."""
    if watch.lost:
        return f"the function's rounding cannot be followed through {', '.join(sorted(watch.lost))}"
    return "no error bound is known for " + ", ".join(sorted(watch.unwatched)) if watch.unwatched else None


def spread(values: Values, names: tuple[str, ...], n: int) -> dict[str, Tensor]:
    """The named values with an entry of their own for each sample, so that samples can be distinguished."""
    return {name: values[name].detach().expand(n).clone() for name in names}
