"""A slightly wrong constant and a power that is off by one are named, and told from what looks like them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from representatives import slow

from diffexplore import Loss, verify
from diffexplore.checking.records import VALUE, Cause, Report

Tensor = torch.Tensor

GELU = Loss("0.5*a*x*(1 + tanh(sqrt(2/pi)*(a*x + 0.044715*(a*x)**3)))", parameters="a", data="x")
NORMAL = Loss("log(2*pi*v)/2 + (x - m)**2/(2*v)", parameters="m, v", data="x")
BATCH = {"x": [0.5, -1.25, 2.0, 0.75, -0.5, 1.5]}
AT = {"a": 1.3}


def gelu(cubic: float = 0.044715, pi: float = math.pi, power: int = 3, half: float = 0.5) -> Callable[..., Tensor]:
    def loss(a: Tensor, x: Tensor) -> Tensor:
        z = a * x
        return (half * z * (1 + torch.tanh(math.sqrt(2 / pi) * (z + cubic * z**power)))).mean()

    return loss


def causes(report: Report, parameter: str) -> list[Cause]:
    return [row.cause for row in report.rows if row.verdict == "fail" and row.parameter == parameter and row.cause]


@pytest.mark.parametrize(
    ("loss", "found", "constant"),
    [
        pytest.param(gelu(cubic=0.044714), "0.044714", "0.044715", id="0.044714"),
        slow(gelu(cubic=0.0447), "0.0447", "0.044715", id="0.0447"),
        slow(gelu(pi=3.14159), "3.14159", "π", id="3.14159"),
        slow(gelu(pi=3.14), "3.14", "π", id="3.14"),
        slow(gelu(pi=22 / 7), None, "√(2/π)", id="22/7"),
    ],
)
def test_a_slightly_wrong_constant_is_solved_for(loss: Any, found: str | None, constant: str) -> None:
    report = verify(loss, GELU, BATCH, AT)
    for parameter in ("a", VALUE):
        named = causes(report, parameter)
        assert {cause.key for cause in named} == {"wrong_constant"}
        assert all(cause.fields["certain"] for cause in named)
        if found is not None:
            assert {cause.message for cause in named} == {f"the constant {found} should be {constant}"}
            assert {(cause.fields["found"], cause.fields["constant"]) for cause in named} == {(found, constant)}


def test_the_number_that_is_solved_for_is_the_one_that_was_written() -> None:
    report = verify(gelu(cubic=0.04471399912345678), GELU, BATCH, AT)
    for cause in causes(report, "a"):
        assert cause.key == "wrong_constant"
        found, uncertainty = float(cause.fields["found"]), cause.fields["uncertainty"]
        assert abs(found - 0.04471399912345678) <= uncertainty < 1e-12


def test_a_constant_that_is_rounded_to_float32_is_said_to_be() -> None:
    report = verify(gelu(cubic=float(np.float32(0.044715))), GELU, BATCH, AT)
    assert {cause.message for cause in causes(report, "a")} == {"the constant 0.044715 is rounded to float32"}


def test_a_constant_in_one_place_of_a_backward() -> None:
    def gradient(a: Tensor, x: Tensor) -> Tensor:
        z, c = a * x, math.sqrt(2 / math.pi)
        t = torch.tanh(c * (z + 0.044715 * z**3))
        return (x * (0.5 * (1 + t) + 0.5 * z * (1 - t * t) * c * (1 + 3 * 0.0447 * z * z))).mean()

    found = causes(verify(gradient, GELU, BATCH, AT, kind="gradient"), "a")
    assert {cause.message for cause in found} == {"the constant 0.1341 should be 0.134145"}  # three times 0.044715


@pytest.mark.parametrize(
    ("loss", "factor"),
    [
        pytest.param(gelu(half=0.499), 0.998, id="0.499"),
        slow(gelu(half=1.0), 2.0, id="1"),
        slow(lambda a, x: 1.001 * gelu()(a, x), 1.001, id="1.001 times"),
    ],
)
def test_a_factor_of_the_whole_is_a_factor(loss: Any, factor: float) -> None:
    for cause in causes(verify(loss, GELU, BATCH, AT), "a"):
        assert cause.key == "factor"
        assert cause.fields["factor"] == pytest.approx(factor, rel=1e-9)


def test_no_constant_is_named_where_another_number_is_added() -> None:
    report = verify(lambda m, v, x: (torch.log(2 * math.pi * v) / 2 + (x - m) ** 2 / (2 * v)).mean() + 0.0123456789,
                    NORMAL, BATCH, {"m": 0.3, "v": 1.7})  # fmt: skip
    assert {cause.key for cause in causes(report, VALUE)} <= {"unexplained", "value", "extra_term", "added_constant"}
    report = verify(lambda m, v, x: (torch.log(2 * 3.14159 * v) / 2 + (x - m) ** 2 / (2 * v)).mean(),
                    NORMAL, BATCH, {"m": 0.3, "v": 1.7})  # fmt: skip
    assert not causes(report, "m") + causes(report, "v")
    assert {cause.message for cause in causes(report, VALUE)} == {"the constant 3.14159 should be π"}


def test_a_power_of_the_loss_that_is_off_by_one() -> None:
    report = verify(gelu(power=2), GELU, BATCH, AT)
    assert {(cause.key, cause.fields["certain"]) for cause in causes(report, "a")} == {("wrong_power", True)}
    assert {cause.message for cause in causes(report, VALUE)} == {"the loss has a²·x² in the place of a³·x³"}
    at = {"m": 0.3, "v": 1.7}
    report = verify(
        lambda m, v, x: (torch.log(2 * math.pi * v) / 2 + (x - m) ** 2 / (2 * v**2)).mean(), NORMAL, BATCH, at
    )
    assert {cause.key for cause in causes(report, "v")} == {"wrong_power"}
    assert {cause.message for cause in causes(report, VALUE)} == {"the loss has 1/v² in the place of 1/v"}


@pytest.mark.parametrize("count", [10, slow(1000)])
def test_a_power_of_one_term_that_is_off_by_one(count: int) -> None:
    def gradient(m: Tensor, v: Tensor, x: Tensor) -> dict[str, Tensor]:
        return {"m": (-(x - m) / v).mean(), "v": (1 / (2 * v) - (x - m) ** 2 / (2 * v)).mean()}

    data = {"x": np.random.default_rng(count).normal(size=count)}
    report = verify(gradient, NORMAL, data, {"m": 0.3, "v": 1.7}, kind="gradient")
    assert not causes(report, "m")
    for cause in causes(report, "v"):
        assert (cause.key, cause.fields["certain"]) == ("wrong_power", True)
        assert cause.message.startswith("it has 1/v in the place of 1/v², in the term ")


@pytest.mark.parametrize(
    ("loss", "gradient", "message"),
    [
        (
            "exp(-(x - a)**2/2)", lambda a, x: (torch.exp(-((x - a) ** 2)) * (x - a)).mean(),
            "it has exp(−(x − a)²) in the place of exp(−(x − a)²/2)",
        ),
        (
            "a*x*erf(a*x/sqrt(2))",
            lambda a, x: (x * (torch.erf(a * x) + a * x * torch.exp(-((a * x) ** 2) / 2) * (2 / math.pi) ** 0.5)).mean(),
            "it has erf(a·x) in the place of erf(a·x/√2)",
        ),
        (
            "log(cosh(a*x))", lambda a, x: (x * torch.tanh(-a * x / 2) / -2).mean(),
            "it is the gradient of a loss that has cosh(a·x/2) in the place of cosh(a·x)",
        ),
    ],
    ids=["exp", "erf", "of the loss"],
)  # fmt: skip
def test_the_argument_of_a_function_that_is_off_by_a_number(loss: str, gradient: Any, message: str) -> None:
    report = verify(gradient, loss, {"x": [0.3, -0.7, 1.1, 0.2]}, {"a": 0.8}, kind="gradient")
    assert {(cause.key, cause.message) for cause in causes(report, "a")} == {("wrong_argument", message)}
