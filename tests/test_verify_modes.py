"""Forward mode and double backward: right where they are right, found where they are wrong, skipped where absent."""

from __future__ import annotations

from typing import Any

import pytest
import sympy
import torch
from torch.autograd.function import once_differentiable

import diffexplore as dx
from diffexplore.check.point import PointOutcome
from diffexplore.check.records import Tally
from diffexplore.verify.modes import merged, weighted_gradient

Tensor = torch.Tensor

CUBE = dx.Loss("(a*x - b)**3/3", parameters="a, b", data="x")
DATA = {"x": [0.5, 1.25, 2.0, -1.5]}
AT = {"a": 1.25, "b": 0.75}
BOTH = ("reverse", "forward", "double backward")


def mean_loss(a: Tensor, b: Tensor, x: Tensor) -> Tensor:
    return ((a * x - b) ** 3).mean() / 3


class Cube(torch.autograd.Function):
    """z³/3, with a forward mode and a backward that can be differentiated."""

    @staticmethod
    def forward(ctx: Any, z: Tensor) -> Tensor:
        ctx.save_for_backward(z)
        ctx.save_for_forward(z)
        return z * z * z / 3

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> Tensor:
        (z,) = ctx.saved_tensors
        return upstream * z * z

    @staticmethod
    def jvp(ctx: Any, tangent: Tensor) -> Tensor:
        (z,) = ctx.saved_tensors
        return tangent * z * z


class WrongJvp(Cube):
    """Its backward is right."""

    @staticmethod
    def jvp(ctx: Any, tangent: Tensor) -> Tensor:
        (z,) = ctx.saved_tensors
        return tangent * z


class Detached(Cube):
    """Its first derivative is right; the saved tensor is cut off, so that its second is 0."""

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> Tensor:
        (z,) = ctx.saved_tensors
        return upstream * (z * z).detach()


class HalfDetached(Cube):
    """Its first derivative is right, and half of the second is missing."""

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> Tensor:
        (z,) = ctx.saved_tensors
        return upstream * z * z.detach()


class Once(Cube):
    """It says that it cannot be differentiated twice."""

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> Tensor:
        (z,) = ctx.saved_tensors
        return upstream * z * z


class NoJvp(torch.autograd.Function):
    """It has no forward mode."""

    @staticmethod
    def forward(ctx: Any, z: Tensor) -> Tensor:
        ctx.save_for_backward(z)
        return z * z * z / 3

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> Tensor:
        (z,) = ctx.saved_tensors
        return upstream * z * z


def through(function: Any) -> Any:
    def candidate(a: Tensor, b: Tensor, x: Tensor) -> Tensor:
        return function.apply(a * x - b).mean()

    return candidate


def outputs_through(function: Any) -> Any:
    def candidate(a: Tensor, b: Tensor, x: Tensor) -> Tensor:
        return function.apply(a * x - b)

    return candidate


def failed(report: Any) -> set[str]:
    """The methods whose rows failed."""
    return {row.method for row in report.rows if row.verdict == "fail"}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("candidate", [mean_loss, through(Cube)])
def test_right_modes_pass(candidate: Any, dtype: str) -> None:
    report = dx.verify(candidate, CUBE, DATA, AT, modes=BOTH, dtype=dtype)
    name = candidate.__name__
    assert report.verdict == "pass"
    assert {row.method for row in report.rows} == {name, f"{name} (forward mode)", f"{name} (double backward)"}
    assert report.skipped == ()


def test_one_mode_may_be_asked_for_by_its_name() -> None:
    methods = {row.method for row in dx.verify(mean_loss, CUBE, DATA, AT, modes="forward").rows}
    assert methods == {"mean_loss", "mean_loss (forward mode)"}


def test_only_the_reverse_mode_is_verified_by_itself() -> None:
    assert {row.method for row in dx.verify(through(WrongJvp), CUBE, DATA, AT).rows} == {"candidate"}


@pytest.mark.parametrize(
    ("function", "mode"), [(WrongJvp, "forward mode"), (Detached, "double backward"), (HalfDetached, "double backward")]
)
@pytest.mark.parametrize("upstream", [None, [1.5, -0.5, 2.0, 0.25]])
def test_a_wrong_mode_fails_alone(function: Any, mode: str, upstream: Any) -> None:
    candidate = through(function) if upstream is None else outputs_through(function)
    assert dx.verify(candidate, CUBE, DATA, AT, upstream=upstream).verdict == "pass"
    report = dx.verify(candidate, CUBE, DATA, AT, upstream=upstream, modes=BOTH)
    assert report.verdict == "fail"
    assert failed(report) == {f"candidate ({mode})"}


def test_a_function_that_is_the_whole_candidate() -> None:
    loss = dx.Loss("z**3/3", parameters="z")
    assert dx.verify(Cube, loss, at={"z": 1.25}, modes=BOTH).verdict == "pass"
    assert failed(dx.verify(WrongJvp, loss, at={"z": 1.25}, modes=BOTH)) == {"WrongJvp (forward mode)"}
    assert failed(dx.verify(Detached, loss, at={"z": 1.25}, modes=BOTH)) == {"Detached (double backward)"}


@pytest.mark.parametrize(
    ("function", "mode", "reason"),
    [(NoJvp, "forward mode", "jvp"), (Once, "double backward", "once_differentiable")],
)
def test_a_mode_that_is_absent_is_skipped_with_the_reason(function: Any, mode: str, reason: str) -> None:
    report = dx.verify(through(function), CUBE, DATA, AT, modes=BOTH)
    assert report.verdict == "pass"
    (skipped,) = report.skipped
    assert skipped.method == f"candidate ({mode})"
    assert reason in skipped.reason
    assert "\n" not in skipped.reason


def test_kinds_without_further_modes_say_so() -> None:
    def gradient(a: Tensor, b: Tensor, x: Tensor) -> Any:
        z = (a * x - b) ** 2
        return (z * x).mean(), -z.mean()

    report = dx.verify(gradient, CUBE, DATA, AT, kind="gradient", modes=BOTH)
    assert report.verdict == "pass"
    assert [skipped.method for skipped in report.skipped] == ["gradient (forward mode)", "gradient (double backward)"]


def test_a_double_backward_by_data() -> None:
    report = dx.verify(through(Cube), CUBE, DATA, AT, wrt="x", modes="double backward")
    assert report.verdict == "pass"
    report = dx.verify(through(HalfDetached), CUBE, DATA, AT, wrt="x", modes="double backward")
    assert failed(report) == {"candidate (double backward)"}


def test_forward_mode_by_data_alone_is_skipped() -> None:
    report = dx.verify(through(Cube), CUBE, DATA, AT, wrt="x", modes="forward")
    assert [skipped.method for skipped in report.skipped] == ["candidate (forward mode)"]


def test_a_linear_loss_has_a_double_backward_of_zero() -> None:
    linear = dx.Loss("a*x + b", parameters="a, b", data="x", reduction="sum")
    report = dx.verify(lambda a, b, x: (a * x + b).sum(), linear, DATA, AT, modes=BOTH)
    assert report.verdict == "pass"


def test_a_kink_has_no_double_backward_to_verify() -> None:
    kinked = dx.Loss("abs(a*x - b)", parameters="a, b", data="x")
    report = dx.verify(lambda a, b, x: (a * x - b).abs().mean(), kinked, DATA, AT, modes=BOTH)
    assert report.verdict != "fail"


@pytest.mark.parametrize(
    ("other", "settled"),
    [({"a": 1e-9, "b": 1e-15}, {"a": 1e-9, "b": 1e-12}), ({"a": 1e-15}, {"a": 1e-12}), ({}, {})],
)
def test_a_partial_is_settled_where_every_mode_settles_it(other: dict[str, float], settled: dict[str, float]) -> None:
    tallies = tuple(Tally(name, "m", AT, "reduced", 1, 0, 0, None, None) for name in AT)
    outcomes = [PointOutcome((), tallies, {}, (), AT, powers, False) for powers in ({"a": 1e-12, "b": 1e-12}, other)]
    assert merged(*outcomes).settled == settled


def test_a_mode_that_is_none() -> None:
    with pytest.raises(dx.UsageError, match="unknown mode 'forwards': did you mean 'forward'"):
        dx.verify(mean_loss, CUBE, DATA, AT, modes="forwards")


def test_the_weighted_gradient_keeps_all_symbols() -> None:
    loss = dx.Loss("a**2*x + b", parameters="a, b", data="x")
    derived = weighted_gradient(loss, {"a": 1.5, "b": 1.25})
    assert derived.parameters == loss.parameters
    assert derived.expression == 3 * derived.symbols["a"] * derived.symbols["x"] + sympy.Rational(5, 4)
    assert loss.formula == "a**2*x + b"
    assert str(derived.gradient()["a"]) == "3*x"
