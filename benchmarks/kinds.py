"""What a kind of planted error is, and how kinds are made: from the whole gradient, or from the samples' partials."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch

from benchmarks.given import Given, Gradient
from diffexplore.methods.problem import Problem

Tensor = torch.Tensor
Factor = Callable[[int], float]


@dataclass(frozen=True)
class Kind:
    """A kind of error. ``plant`` makes what the candidate gives out of what it is given.

    ``form`` says what that is: the "gradient", the "loss" (autograd differentiates it), or, of an "output" with an
    entry for each sample, the gradient under an upstream one, and with a tensor of ones that it may have kept.
    ``modes`` are the further modes of autograd that are verified, in which the error is. ``causes`` are the keys that
    name the error rightly, none for a right candidate; ``factor`` is what a named factor has to be, from the number of
    samples.
    ``one_size`` makes a candidate that refuses any other number of samples than that of its first call.
    ``touched`` says of each sample whether the error is in it: a cause that names one sample has to name that one.
    ``there`` tells whether a loss in a dtype can have the error at all.
    """

    key: str
    causes: frozenset[str]
    plant: Callable[..., Any]
    form: Literal["gradient", "loss", "output"] = "gradient"
    by_data: bool = False
    factor: Factor | None = None
    value_only: bool = False
    one_size: bool = False
    modes: tuple[str, ...] = ()
    touched: Callable[[Given], Tensor] | None = None
    there: Callable[[Problem], bool] = lambda problem: True


def named(*keys: str) -> frozenset[str]:
    return frozenset(keys)


def each(change: Callable[[Tensor, int], Tensor]) -> Callable[[Given], Gradient]:
    """Every reduced partial changed."""
    return lambda given: {name: change(partial, given.n) for name, partial in given.reduced().items()}


def samples(change: Callable[[Tensor], Tensor]) -> Callable[[Given], Gradient]:
    """The partials of the samples changed before they are reduced."""
    return lambda given: given.reduced({name: change(column) for name, column in given.samples().items()})


def sample_weight(place: Callable[[int], int], factor: float) -> Callable[[Tensor], Tensor]:
    def change(column: Tensor) -> Tensor:
        weights = torch.ones_like(column)
        weights[place(len(column))] = factor
        return column * weights

    return change


def inside_times(inside: Callable[[Given], Tensor], factor: float) -> Callable[[Given], Gradient]:
    """The partials of the samples that lie inside multiplied, before they are reduced."""

    def plant(given: Given) -> Gradient:
        those = inside(given)
        return given.reduced({name: torch.where(those, factor * g, g) for name, g in given.samples().items()})

    return plant


def felt_inside(inside: Callable[[Given], Tensor]) -> Callable[[Given], Tensor]:
    """The samples inside whose gradient is not 0 anyway."""
    return lambda given: inside(given) & (torch.stack(list(given.samples().values())) != 0).any(0)
