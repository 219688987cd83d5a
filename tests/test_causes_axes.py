"""A backward that lacks a term through all entries of an axis is told by the errors of the other entries."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from representatives import one_in, slow

import diffexplore as dx

Tensor = torch.Tensor
Rule = Callable[[Tensor, Tensor, Tensor], Tensor]


def _function(forward: Callable[[Tensor], Tensor], backward: Rule) -> type[torch.autograd.Function]:
    class Candidate(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            y = forward(x)
            ctx.save_for_backward(x, y)
            return y

        @staticmethod
        def backward(ctx: Any, upstream: Tensor) -> Tensor:
            x, y = ctx.saved_tensors
            return backward(x, y, upstream)

    return Candidate


def _scale(x: Tensor, over: tuple[int, ...]) -> Tensor:
    return ((x - x.mean(over, keepdim=True)).square().mean(over, keepdim=True) + 1e-5).rsqrt()


def _norm(over: tuple[int, ...]) -> Any:
    """A normalisation over some axes, whose backward lacks the mean of the upstream gradient."""

    def backward(x: Tensor, y: Tensor, g: Tensor) -> Tensor:
        return _scale(x, over) * (g - y * (g * y).mean(over, keepdim=True))

    return _function(lambda x: (x - x.mean(over, keepdim=True)) * _scale(x, over), backward)


@pytest.mark.parametrize(
    ("over", "shape", "entries"),
    [
        slow((-1,), "x[2,2]", ["x1_1", "x1_2"], id="layer norm"),
        pytest.param((0,), "x[2,1]", ["x1_1", "x2_1"], id="batch norm"),
        slow((0, 1), "x[2,2]", ["x1_1", "x1_2", "x2_1", "x2_2"], id="group norm"),
    ],
)
def test_a_mean_that_is_not_subtracted_is_named_with_its_axis(over: Any, shape: str, entries: list[str]) -> None:
    proof = dx.prove(_norm(over), parameters=shape, data=[])
    assert proof.status == "refuted" and proof.cause is not None
    assert (proof.cause.key, proof.cause.fields["certain"]) == ("axis_term", True)
    assert proof.cause.fields["entries"] == entries and "one number" in proof.cause.message


SOFTMAX_TIMES_MEAN: Rule = lambda x, y, g: g - y.exp() * g.mean(-1, keepdim=True)  # noqa: E731


def test_a_multiple_of_the_softmax_is_named() -> None:
    """The backward of log_softmax subtracts softmax(x) Σ g; with the mean of g it subtracts a third of that."""
    proof = dx.prove(_function(lambda x: x.log_softmax(-1), SOFTMAX_TIMES_MEAN), parameters="x[2]", data=[])
    assert proof.status == "refuted" and proof.cause is not None
    assert (proof.cause.key, proof.cause.fields["certain"]) == ("axis_term", True)
    assert "softmax" in proof.cause.message


CUT: dict[str, tuple[Callable[[Tensor], Tensor], Rule]] = {
    "rms norm": (lambda x: x * (x.square().mean() + 1e-5).rsqrt(), lambda x, y, g: g * (x.square().mean() + 1e-5).rsqrt()),
    "softmax": (lambda x: x.softmax(-1), lambda x, y, g: g * y),
    "log softmax": (lambda x: x.log_softmax(-1), lambda x, y, g: g),
    "weight norm": (lambda x: x / x.norm(), lambda x, y, g: g / x.norm()),
}  # fmt: skip


@pytest.mark.parametrize("kind", one_in(4, CUT, first=3))
def test_what_was_held_constant_is_the_simpler_name(kind: str) -> None:
    proof = dx.prove(_function(*CUT[kind]), parameters="x[2]", data=[])
    assert proof.status == "refuted" and proof.cause is not None
    assert (proof.cause.key, proof.cause.fields["certain"]) == ("cut_path", True)


@pytest.mark.parametrize(
    ("extra", "key"),
    [
        slow(lambda x, y, g: torch.full_like(x, 0.25), "extra_term", id="a constant"),
        pytest.param(
            lambda x, y, g: torch.tensor([1.0, 0], dtype=x.dtype) * x[0].sin() * g[1], "unexplained", id="one entry"
        ),
    ],
)
def test_what_is_no_term_of_an_axis_is_not_called_one(extra: Rule, key: str) -> None:
    def backward(x: Tensor, y: Tensor, g: Tensor) -> Tensor:
        return y * (g - (g * y).sum()) + extra(x, y, g)

    proof = dx.prove(_function(lambda x: x.softmax(-1), backward), parameters="x[2]", data=[])
    assert proof.status == "refuted" and proof.cause is not None and proof.cause.key == key


def test_verification_names_it_as_well() -> None:
    loss = dx.Loss("2*x1*x2 - x2*x3 + x3**2", parameters="x1, x2, x3")

    def gradient(x1: Tensor, x2: Tensor, x3: Tensor) -> list[Tensor]:
        right = [2 * x2, 2 * x1 - x3, 2 * x3 - x2]
        return [partial - (x1 * x2).sin() for partial in right]

    report = dx.verify(gradient, loss, at={"x1": 0.5, "x2": -1.25, "x3": 2.0}, kind="gradient")
    causes = {row.cause.key for row in report.rows if row.verdict == "fail" and row.cause is not None}
    assert causes == {"axis_term"}


def test_equal_errors_of_equal_partials_are_not_called_a_term_of_an_axis() -> None:
    """By symmetry alone both partials of (x1 + x2)³ are equal, and so are their errors."""
    loss = dx.Loss("(x1 + x2)**3", parameters="x1, x2")

    def gradient(x1: Tensor, x2: Tensor) -> list[Tensor]:
        wrong = 3 * (x1 + x2) ** 2 + (5 * (x1 + x2)).sin() * x1 * x2
        return [wrong, wrong]

    report = dx.verify(gradient, loss, at={"x1": 0.5, "x2": 1.25}, kind="gradient")
    assert {row.cause.key for row in report.rows if row.verdict == "fail" and row.cause is not None} == {"unexplained"}
