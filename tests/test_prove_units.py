"""Layers of units with branches: a partial by one unit is proved for whatever the others are, not for all their regions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from representatives import these

import diffexplore as dx

Tensor = torch.Tensor
Map = Callable[[Tensor], Tensor]

WIDTH = 9  # the regions of as many units are more than are ever looked at


def network(activation: Map) -> Callable[..., Tensor]:
    return lambda w, c, x, y: ((activation(x[:, None] * w + c).sum(-1) - y) ** 2).mean()


def leaky_with(last: float) -> Map:
    """A leaky ReLU of four units with a backward that takes another slope for the negative numbers of the last one."""

    class Leaky(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, z: Tensor) -> Tensor:
            ctx.save_for_backward(z)
            return torch.where(z > 0, z, 0.25 * z)

        @staticmethod
        def backward(ctx: Any, upstream: Tensor) -> Tensor:
            (z,) = ctx.saved_tensors
            slopes = torch.tensor([0.25, 0.25, 0.25, last], dtype=z.dtype)
            return upstream * torch.where(z > 0, 1.0, slopes)

    return Leaky.apply


ACTIVATIONS: dict[str, tuple[Map, int]] = {
    "relu": (torch.relu, 1), "leaky_relu": (F.leaky_relu, 1), "abs": (torch.abs, 1), "elu": (F.elu, 0),
    "hardtanh": (F.hardtanh, 2), "relu6": (F.relu6, 2), "clamp": (lambda z: z.clamp(-1, 2), 2), "softshrink": (F.softshrink, 2),
}  # fmt: skip


@pytest.mark.parametrize("name", these(["abs"], ACTIVATIONS))
def test_a_wide_layer_is_proved_unit_by_unit(name: str) -> None:
    """With the kinks of each unit among its side conditions, and no other."""
    activation, kinks = ACTIVATIONS[name]
    shapes = f"w[{WIDTH}] c[{WIDTH}]"
    proof = dx.prove(network(activation), parameters=shapes, data="x y", wrt="c3")
    assert (proof.status, len(proof.conditions)) == ("proved", kinks)
    assert all(condition.startswith("w3·x + c3 ≠ ") for condition in proof.conditions)


@pytest.mark.usefixtures("causes_unsought")
@pytest.mark.parametrize("last", [0.25, 0.26])
def test_a_wrong_unit_among_right_ones_is_refuted(last: float) -> None:
    activation = leaky_with(last)
    proof = dx.prove(lambda w, v: (activation(w) * v).sum() ** 2, parameters="w[4] v[4]", data="")
    assert proof.status == ("proved" if last == 0.25 else "refuted")
    assert [one.name for one in proof.refuted] == ([] if last == 0.25 else ["w4"])


def test_what_the_other_units_are_counts_where_the_claim_needs_it() -> None:
    """|v| is max(v, −v): as two symbols they are not the same number, as what they are they are."""
    program = lambda w, v: (torch.maximum(v, -v) * w).sum()  # noqa: E731
    loss = dx.Loss("abs(v)*w", parameters="w, v")
    assert dx.prove(program, loss, wrt="w").status == "proved"


def test_what_holds_for_no_value_of_a_unit_is_not_proved() -> None:
    """log(min(v, −v)) has no value anywhere: a symbol in the place of the minimum would have one."""
    proof = dx.prove(lambda w, v: w * torch.log(torch.minimum(v, -v)), parameters="w, v", data="", wrt="w")
    assert proof.status == "unknown"


def test_branches_that_meet_because_of_what_the_others_are_leave_no_kink() -> None:
    def program(x: Tensor) -> Tensor:
        positive, rest = x[0] > 0, torch.where(x[1] > 0, x[1] ** 2, 0.0)
        return torch.where(positive, x[0] ** 2 + torch.relu(x[1]) ** 2, rest)

    assert dx.prove(program, parameters="x[2]", data="", wrt="x1").conditions == ()
