"""Binary cross entropy with a backward of its own, whose backward is right or wrong: which second partial is to blame."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from representatives import one_in

import diffexplore as dx

Tensor = torch.Tensor
Second = Callable[[Tensor, Tensor], Tensor]

LOSS = dx.Loss("log(1 + exp(a*x + b)) - y*(a*x + b)", parameters="a, b", data="x, y")
DATA = {"x": [1.0, 2.0, -1.0], "y": [1.0, 0.0, 1.0]}
AT = {"a": 0.7, "b": -0.3}
MODES = ("reverse", "double backward")
ENTRIES = {("a", "a"), ("a", "b"), ("b", "a"), ("b", "b")}


def _slope(z: Tensor) -> Tensor:
    return torch.sigmoid(z) * (1 - torch.sigmoid(z))


def _bce(second: Second) -> Any:
    """log(1 + eᶻ) − y z, with the derivative σ(z) − y, whose derivative by z is said to be ``second``."""

    class Slope(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, z: Tensor, y: Tensor, upstream: Tensor) -> Tensor:
            ctx.save_for_backward(z, y, upstream)
            return upstream * (torch.sigmoid(z) - y)

        @staticmethod
        def backward(ctx: Any, again: Tensor) -> Any:
            z, y, upstream = ctx.saved_tensors
            return again * upstream * second(z, y), -again * upstream, again * (torch.sigmoid(z) - y)

    class CrossEntropy(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, z: Tensor, y: Tensor) -> Tensor:
            ctx.save_for_backward(z, y)
            return z.exp().log1p() - y * z

        @staticmethod
        def backward(ctx: Any, upstream: Tensor) -> Any:
            z, y = ctx.saved_tensors
            return Slope.apply(z, y, upstream), -upstream * z  # type: ignore[no-untyped-call]

    return CrossEntropy


def _loss_of(second: Second) -> Any:
    return lambda a, b, x, y: _bce(second).apply(a * x + b, y).mean()


def _gradient_of(second: Second) -> Any:
    """∂L/∂a, as autograd gives it."""

    def gradient(a: Tensor, b: Tensor, x: Tensor, y: Tensor) -> Tensor:
        loss = _bce(second).apply(a * x + b, y).mean()
        return torch.autograd.grad(loss, a, create_graph=True)[0]

    return gradient


WRONG: dict[str, tuple[Second, str]] = {
    "cut off": (lambda z, y: torch.zeros_like(z), "zero"),
    "half of it": (lambda z, y: torch.sigmoid(z), "cut_path"),
    "one class": (lambda z, y: torch.where(y == 1, -1.0, 1.0) * _slope(z), "region"),
}  # fmt: skip


def test_a_right_double_backward_passes_and_is_proved() -> None:
    report = dx.verify(_loss_of(lambda z, y: _slope(z)), LOSS, DATA, AT, modes=MODES)
    assert report.verdict == "pass"
    assert {(row.of, row.parameter) for row in report.rows if row.of} == ENTRIES
    slope = dx.Loss("x*(sigmoid(a*x + b) - y)", parameters="a, b", data="x, y")
    assert dx.prove(_gradient_of(lambda z, y: _slope(z)), slope).status == "proved"


@pytest.mark.parametrize("kind", one_in(3, WRONG))
def test_a_wrong_one_is_blamed_on_the_second_partials_alone(kind: str) -> None:
    """Of the first order everything is right, and no right value is shown as evidence."""
    second, key = WRONG[kind]
    report = dx.verify(_loss_of(second), LOSS, DATA, AT, modes=MODES)
    wrong = [row for row in report.rows if row.verdict == "fail"]
    assert {(row.of, row.parameter) for row in wrong} == ENTRIES
    assert all(row.verdict == "pass" for row in report.rows if row.of is None)
    assert {row.cause.key for row in wrong if row.cause} == {key}
    assert all("alone" not in row.cause.message for row in wrong if row.cause)
    assert "∂²L/∂a² is wrong" in str(report) or "∂²L/∂b² is wrong" in str(report) or "∂²L/∂a∂b is wrong" in str(report)


@pytest.mark.slow
@pytest.mark.parametrize("kind", WRONG)
def test_a_wrong_one_is_refuted(kind: str) -> None:
    proof = dx.prove(_gradient_of(WRONG[kind][0]), parameters="a, b", data="x, y")
    assert [statement.decision.status for statement in proof.statements] == ["refuted", "refuted"]
    assert proof.cause is None or "sample" not in proof.cause.message


class _Gradient(torch.autograd.Function):
    """∂L/∂a and ∂L/∂b; its own backward forgets that ∂L/∂b depends on a."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor, x: Tensor, y: Tensor) -> Any:
        ctx.save_for_backward(a, b, x)
        off = torch.sigmoid(a * x + b) - y
        return (off * x).mean(), off.mean()

    @staticmethod
    def backward(ctx: Any, by_a: Tensor, by_b: Tensor) -> Any:
        a, b, x = ctx.saved_tensors
        slope = _slope(a * x + b)
        return by_a * (slope * x * x).mean(), by_a * (slope * x).mean() + by_b * slope.mean(), None, None


class _OneEntry(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor, x: Tensor, y: Tensor) -> Tensor:
        ctx.save_for_backward(a, b, x, y)
        return ((a * x + b).exp().log1p() - y * (a * x + b)).mean()

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> Any:
        by_a, by_b = _Gradient.apply(*ctx.saved_tensors)  # type: ignore[no-untyped-call]
        return upstream * by_a, upstream * by_b, None, None


@pytest.mark.usefixtures("causes_unsought")
def test_one_wrong_entry_of_the_hessian_is_blamed_alone() -> None:
    report = dx.verify(_OneEntry, LOSS, DATA, AT, modes=MODES)
    assert {(row.of, row.parameter) for row in report.rows if row.verdict == "fail"} == {("b", "a")}
    assert "∂²L/∂b∂a is wrong (" in " ".join(str(report).split())

    def by_b(a: Tensor, b: Tensor, x: Tensor, y: Tensor) -> Tensor:
        return torch.autograd.grad(_OneEntry.apply(a, b, x, y), b, create_graph=True)[0]  # type: ignore[no-untyped-call]

    proof = dx.prove(by_b, parameters="a, b", data="x, y")
    assert {one.name: one.decision.status for one in proof.statements} == {"a": "refuted", "b": "proved"}
