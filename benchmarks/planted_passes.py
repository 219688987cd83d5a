"""Kinds of planted error in how a backward behaves: under another upstream, called again, or differentiated again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from benchmarks.given import Given, Gradient
from benchmarks.kinds import Kind, named

Tensor = torch.Tensor
Tensors = tuple[Tensor, ...]

_HESSIAN = ("double backward",)


# -------------------------------------------------------------------------------------------- an upstream gradient
def _weighted(given: Given, upstream: Tensor, kept: Tensor) -> Gradient:
    return {name: (column * upstream).sum() for name, column in given.samples().items()}


def _upstream_ignored(given: Given, upstream: Tensor, kept: Tensor) -> Gradient:
    return _weighted(given, torch.ones_like(upstream), kept)


def _overwriting(given: Given, upstream: Tensor, kept: Tensor) -> Gradient:
    """Right in the first call, where what it kept is 1 for every sample; later calls find the upstream of the first."""
    return _weighted(given, kept.mul_(upstream), kept)


# -------------------------------------------------------------------------------------------- the second derivative
class _Turned(torch.autograd.Function):
    """The identity, whose backward is any linear function."""

    @staticmethod
    def forward(ctx: Any, turn: Callable[[Tensors], Tensors], *tensors: Tensor) -> Tensors:
        ctx.turn = turn
        return tuple(tensor.clone() for tensor in tensors)

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor | None, ...]:
        return None, *ctx.turn(upstream)


def _twice(turn: Callable[[Tensors], Tensors]) -> Callable[[Given], Tensor]:
    """The loss with the right gradient, whose derivative along h is the one along ``turn(h)``."""

    def through(upstream: Tensors) -> Tensors:
        return _Turned.apply(turn, *upstream)

    def plant(given: Given) -> Tensor:
        turned = _Turned.apply(through, *(given.values[name] for name in given.names))
        return given.moved(**dict(zip(given.names, turned, strict=True))).value()

    return plant


def _second(key: str, causes: frozenset[str], turn: Callable[[Tensors], Tensors], factor: float | None = None) -> Kind:
    return Kind(
        key, causes, _twice(turn), form="loss", modes=_HESSIAN, factor=None if factor is None else lambda n: factor
    )


def _times(factor: float) -> Callable[[Tensors], Tensors]:
    return lambda upstream: tuple(factor * one for one in upstream)


def _crossed(upstream: Tensors) -> Tensors:
    """The first two exchanged: row a of the Hessian is row b, and row b is row a."""
    first, second, *rest = upstream
    return (second, first, *rest)


def _first_left_out(upstream: Tensors) -> Tensors:
    first, *rest = upstream
    return (torch.zeros_like(first), *rest)


RIGHT_PASSES: tuple[Kind, ...] = (
    Kind("right output", frozenset(), _weighted, form="output"),
    _second("right second derivative", frozenset(), _times(1.0)),
)

PLANTED_PASSES: tuple[Kind, ...] = (
    Kind("upstream ignored", named("upstream_ignored"), _upstream_ignored, form="output"),
    Kind("saved tensor overwritten", named("saved_overwritten"), _overwriting, form="output"),
    _second("second derivative zero", named("zero"), _times(0.0)),
    _second("second derivative doubled", named("factor"), _times(2.0), 2.0),
    _second("second derivative negated", named("factor"), _times(-1.0), -1.0),
    _second("second derivatives of one partial zero", named("zero"), _first_left_out),
    _second("rows of the Hessian swapped", named("swapped", "unexplained"), _crossed),
)  # fmt: skip
