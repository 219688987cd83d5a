"""Proofs of exponentials of choices: of logarithms, of −∞, and of the lowest float in its place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from representatives import slow

import diffexplore as dx
from diffexplore.tracing.trace import trace
from diffexplore.tracing.traced import OUTPUT

Tensor = torch.Tensor

LOWEST = torch.finfo(torch.float64).min


def _stable(g: Tensor, x: Tensor, y: Tensor, axis: int) -> Tensor:
    """Each entry is in the sums that end at it and behind it."""
    weights = g * (x.select(axis, 0).unsqueeze(axis) - y).exp()
    return weights.flip(axis).cumsum(axis).flip(axis) * (x - x.select(axis, 0).unsqueeze(axis)).exp()


def _not_flipped(g: Tensor, x: Tensor, y: Tensor, axis: int) -> Tensor:
    return (g * (-y).exp()).cumsum(axis) * x.exp()


def _own_alone(g: Tensor, x: Tensor, y: Tensor, axis: int) -> Tensor:
    return g * (x - y).exp()


def _by_logarithms(signs: tuple[int, ...]) -> Callable[..., Tensor]:
    """As torch does it: the positive and the negative part of the upstream gradient by their logarithms."""

    def way(g: Tensor, x: Tensor, y: Tensor, axis: int) -> Tensor:
        parts = [torch.where(g * sign > 0, g.abs().log(), LOWEST) - y for sign in signs]
        found = [(part.flip(axis).logcumsumexp(axis).flip(axis) + x).exp() for part in parts]
        return torch.stack([sign * part for sign, part in zip(signs, found, strict=True)]).sum(0)

    return way


class Running(torch.autograd.Function):
    """logcumsumexp, with a backward of one's own."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, axis: int, way: Callable[..., Tensor]) -> Tensor:
        y = x.logcumsumexp(axis)
        ctx.save_for_backward(x, y)
        ctx.axis, ctx.way = axis, way
        return y

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> Any:
        return ctx.way(upstream, *ctx.saved_tensors, ctx.axis), None, None


@pytest.mark.usefixtures("causes_unsought")
@pytest.mark.parametrize(
    ("way", "axis", "shape", "status"),
    [
        (_stable, 0, "x[3]", "proved"), slow(_stable, 1, "x[2,3]", "proved"),
        (_not_flipped, 0, "x[2]", "refuted"), (_own_alone, 0, "x[2]", "refuted"),
        slow(_by_logarithms((1, -1)), 0, "x[2]", "proved"), (_by_logarithms((1,)), 0, "x[2]", "refuted"),
    ],
)  # fmt: skip
def test_a_backward_of_logcumsumexp(way: Callable[..., Tensor], axis: int, shape: str, status: str) -> None:
    assert dx.prove(lambda x: Running.apply(x, axis, way), parameters=shape, data=[]).status == status


def test_the_lowest_float_is_read_as_the_logarithm_of_zero() -> None:
    proof = dx.prove(lambda x: x.logcumsumexp(0), parameters="x[2]", data=[])
    assert (proof.status, proof.up_to_rounding, proof.conditions) == ("proved", True, ())
    assert [(one.value, one.read_as, one.relative) for one in proof.constants] == [(LOWEST, "−∞", 1.0)]
    assert str(proof).startswith(f"PROVED  up to the reading of {LOWEST!r} as −∞: ")


def test_a_mask_of_the_lowest_float_hides_what_is_masked() -> None:
    mask = torch.tensor([True, False])
    proof = dx.prove(lambda x: torch.where(mask, x, LOWEST).softmax(0), parameters="x[2]", data="")
    assert (proof.status, proof.up_to_rounding, proof.conditions) == ("proved", True, ())


@pytest.mark.parametrize(
    "function",
    [
        lambda x: torch.where(x > 0, x, -torch.inf).exp(),
        lambda x: torch.where(x > 0, x.log(), -torch.inf).exp(),
        slow(lambda x: (torch.where(x > 0, x, -torch.inf) + x.flip(0)).exp()),
    ],
)
def test_minus_infinity_is_chosen_inside_an_exponential(function: Callable[[Tensor], Tensor]) -> None:
    assert dx.prove(function, parameters="x[2]", data="").status == "proved"


def test_each_entry_of_a_choice_needs_what_it_takes() -> None:
    """The logarithm of an entry is taken where that is positive: of another entry nothing is known."""

    def needs(move: Callable[[Tensor], Tensor]) -> tuple[object, ...]:
        found = trace(lambda x: torch.where(x > 0, move(x.abs().log()), 0.0).sum(), parameters="x[2]", backward=False)
        return found.domains[OUTPUT]

    assert needs(lambda logarithms: logarithms) == ()
    assert len(needs(lambda logarithms: logarithms.flip(0))) == 2
