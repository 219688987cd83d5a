"""Kinds of planted error that hold under a condition: for a class, one sample, a size, a parameter's value."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import torch

from benchmarks.given import Given, Gradient
from benchmarks.kinds import Kind, each, felt_inside, inside_times, named, sample_weight, samples
from diffexplore.loss import Loss
from diffexplore.methods.problem import Problem

Tensor = torch.Tensor

#: A sample of the batch that no small batch has.
_PLACE = 7

_LIMIT = 0.0625

_REGION = named("region", "missing_term", "extra_term", "sign_of_term", "cut_path")


# --------------------------------------------------------------------------------------------------------- a class
@cache
def _level(loss: Loss) -> float:
    """The middle of the first column: about half of all samples lie above it."""
    assert loss.default_data is not None
    column = torch.as_tensor(loss.default_data()[loss.data[0]], dtype=torch.float64)
    return float(column.median())


def _inside(given: Given) -> Tensor:
    return given.values[given.problem.loss.data[0]] > _level(given.problem.loss)


def _class(key: str, factor: float) -> Kind:
    return Kind(key, _REGION | {"one_sample"}, inside_times(_inside, factor), touched=felt_inside(_inside))


# ------------------------------------------------------------------------------------------------------- a sample
def _at_one_place(factor: float) -> Callable[[Tensor], Tensor]:
    def change(column: Tensor) -> Tensor:
        weights = torch.ones_like(column)
        weights[_PLACE : _PLACE + 1] = factor
        return column * weights

    return change


def _placed(given: Given) -> Tensor:
    return torch.arange(given.n) == _PLACE


def _place(key: str, factor: float) -> Kind:
    return Kind(key, named("one_sample"), samples(_at_one_place(factor)), touched=_placed)


# --------------------------------------------------------------------------------------------------- the reduction
def _weighted(weights: Callable[[Tensor], Tensor]) -> Callable[[Given], Gradient]:
    """Other weights than 1/N (of a sum: 1) for the samples, made of the first column."""

    def plant(given: Given) -> Gradient:
        weight = weights(given.values[given.problem.loss.data[0]])
        scale = 1 if given.problem.loss.reduction == "mean" else given.n
        return {name: scale * (weight * column).sum() for name, column in given.samples().items()}

    return plant


def _every_second(column: Tensor) -> Tensor:
    weights = torch.zeros_like(column)
    weights[::2] = 1
    return weights / weights.sum()


def _largest(given: Given) -> Gradient:
    return {name: column.max() for name, column in given.samples().items()}


# --------------------------------------------------------------------------------------------------------- others
def _of_parameter(power: int, factor: float) -> Callable[[Given], Gradient]:
    """The gradient times a power of the first parameter."""

    def plant(given: Given) -> Gradient:
        wrong = factor * given.values[given.problem.loss.parameters[0]] ** power
        return {name: wrong * partial for name, partial in given.reduced().items()}

    return plant


def _clipped(given: Given) -> Gradient:
    return given.reduced({name: column.clamp(-_LIMIT, _LIMIT) for name, column in given.samples().items()})


def _rounded_beside_wrong(given: Given) -> Gradient:
    """One partial with a rounding, and another that is off by 60 %: the second is the finding."""
    found = given.reduced()
    first, second, *_ = given.names
    return {**found, first: found[first].float().to(given.problem.dtype), second: 1.6 * found[second]}


def _unmasked(given: Given) -> Gradient:
    return given.moved(m=torch.ones_like(given.values["m"])).reduced()


def _over_kept(given: Given) -> Gradient:
    kept = (given.values["m"] > 0.5).sum().clamp(min=1)
    return {name: column.sum() / kept for name, column in given.samples().items()}


def _has_mask(problem: Problem) -> bool:
    return "m" in problem.loss.data


RIGHT_CONDITIONS: tuple[Kind, ...] = (Kind("right of one size", frozenset(), Given.reduced, one_size=True),)

PLANTED_CONDITIONS: tuple[Kind, ...] = (
    _class("class doubled", 2.0),
    _class("class zero", 0.0),
    _class("class with the wrong sign", -1.0),
    _class("class off by a third", 1.37),
    _place("one sample with the wrong sign", -1.0),
    _place("one sample off by half", 1.5),
    _place("one sample left out by its place", 0.0),
    Kind("one sample wrong of one size", named("one_sample"), samples(_at_one_place(-1.0)), one_size=True,
         touched=_placed),
    Kind("last sample with the wrong sign", named("one_sample"), samples(sample_weight(lambda n: n - 1, -1.0))),
    Kind("factor of a fixed size", named("factor"), each(lambda partial, n: 3 * partial), factor=lambda n: 3,
         one_size=True),
    Kind("times a parameter", named("factor_of_input", "wrong_power"), _of_parameter(1, 1.0)),
    Kind("times twice a parameter", named("factor_of_input", "wrong_power"), _of_parameter(1, 2.0)),
    Kind("divided by a squared parameter", named("factor_of_input", "wrong_power"), _of_parameter(-2, 1.0)),
    Kind("samples clipped", named("clipped", "region"), _clipped),
    Kind("divided by the root of n", named("factor"), each(lambda partial, n: partial * n**0.5),
         factor=lambda n: n**0.5),
    Kind("weights of a softmax", named("reduction"), _weighted(lambda column: torch.softmax(column, 0))),
    Kind("every second sample", named("reduction", "one_sample"), _weighted(_every_second)),
    Kind("the largest for the mean", named("reduction"), _largest),
    Kind("rounding beside an error", named("precision", "factor"), _rounded_beside_wrong, factor=lambda n: 1.6,
         there=lambda problem: problem.dtype == torch.float64 and len(problem.wrt) > 1),
    Kind("mask forgotten", named("region", "wrong_power", "reduction", "one_sample"), _unmasked, there=_has_mask),
    Kind("mean over what is kept", named("reduction"), _over_kept, there=_has_mask),
)  # fmt: skip
