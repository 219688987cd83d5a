"""Surrogate gradients: of which function a backward is the derivative, where the forward is a step."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from autograd_functions import function_of
from representatives import one_in

import diffexplore as dx

Tensor = torch.Tensor


def written(forward: Any, slope: Any) -> Any:
    return function_of(forward, lambda upstream, x: upstream * slope(x))


def step(x: Tensor) -> Tensor:
    return (x > 0).to(x.dtype)


def sigmoid_slope(k: float) -> Any:
    return lambda x: k * torch.sigmoid(k * x) * (1 - torch.sigmoid(k * x))


def cause(proof: dx.Proof) -> Any:
    assert proof.status == "refuted"
    assert proof.cause is not None
    return proof.cause


@pytest.mark.parametrize(
    ("forward", "slope", "named"),
    one_in(
        5,
        [
            (step, sigmoid_slope(4), "sigmoid(4·x)"),
            (step, sigmoid_slope(2.5), "sigmoid(5/2·x)"),
            (step, lambda x: torch.sigmoid(4 * x) * (1 - torch.sigmoid(4 * x)), "1/4 times sigmoid(4·x)"),
            (lambda x: (x > 1).to(x.dtype), lambda x: sigmoid_slope(4)(x - 1), "sigmoid(4·(x − 1))"),
            (lambda x: torch.heaviside(x, torch.ones_like(x)), sigmoid_slope(1), "sigmoid(x)"),
            (torch.sign, lambda x: 1 - torch.tanh(x) ** 2, "tanh(x)"),
            (torch.sign, torch.ones_like, "x itself (straight-through)"),
            (torch.sign, lambda x: (x.abs() <= 1).to(x.dtype), "x clipped to ±1"),
            (torch.sign, lambda x: ((x >= -2) & (x <= 2)).to(x.dtype) / 2, "1/2 times x clipped to ±2"),
            (step, lambda x: 1 / (1 + (math.pi * x) ** 2), "1/π times atan(π·x)"),
            (step, lambda x: 1 / (1 + 25 * x.abs()) ** 2, "x/(1 + 25·|x|)"),
            (step, lambda x: 2 / math.sqrt(math.pi) * torch.exp(-(x**2)), "erf(x)"),
            (
                step,
                lambda x: 0.3 * torch.relu(1 - 2 * x.abs()),
                "3/10 times the integral of max(0, 1 − 2·|x|), a triangle",
            ),
            (step, lambda x: torch.exp(-5 * x.abs()), "the integral of exp(−5·|x|)"),
        ],
    ),
)
def test_the_function_behind_a_surrogate_is_named(forward: Any, slope: Any, named: str) -> None:
    found = cause(dx.prove(written(forward, slope)))
    assert (found.key, found.fields["surrogate"], found.fields["certain"]) == ("surrogate", named, True)
    assert "is 0 almost everywhere" in found.message
    assert 'kind="gradient"' in found.message


def test_a_surrogate_inside_a_loss() -> None:
    spike = written(step, sigmoid_slope(4))
    found = cause(dx.prove(lambda w, x: spike.apply(w * x - 1).mean(), parameters="w"))
    assert (found.key, found.fields["surrogate"]) == ("surrogate", "sigmoid(4·(w·x − 1))")


def test_a_program_held_against_its_surrogate() -> None:
    loss = dx.Loss("sigmoid(4*x)", parameters=(), data="x", reduction="sum")
    proof = dx.prove(written(step, sigmoid_slope(4)), loss)
    assert [statement.status for statement in proof.statements] == ["refuted", "proved"]
    assert cause(proof).fields["surrogate"] == "sigmoid(4·x)"
    assert "does not compute the loss sigmoid(4*x) (" in str(proof) and "): a surrogate gradient" in str(proof)


def test_another_function_is_not_guessed_at() -> None:
    found = cause(dx.prove(written(step, lambda x: x**2 + 1)))
    assert (found.key, found.fields["surrogate"], found.fields["certain"]) == ("surrogate", None, False)
    near = cause(dx.prove(written(step, lambda x: sigmoid_slope(4)(x) + x**4 / 10**6)))
    assert near.fields["surrogate"] is None


def test_what_is_no_surrogate() -> None:
    assert dx.prove(written(step, torch.zeros_like)).status == "proved"
    leaky = written(lambda x: torch.where(x > 0, x, x / 4), lambda x: torch.where(x > 0, 1.0, 0.5))
    assert cause(dx.prove(leaky)).key != "surrogate"
