"""Losses that have no value where SymPy's form of them has one: a condition, no counterexample and no truth."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import sympy
import torch
from representatives import one_in, slow

import diffexplore as dx
from diffexplore.tracing.lost import lost_conditions

Tensor = torch.Tensor
Function = Callable[..., Tensor]

#: What is right where the loss has a value, the loss as a function, as a formula, and where that is.
LOST: dict[str, tuple[Function, Function, str, tuple[str, ...]]] = {
    "logarithm": (torch.relu, lambda a: a.log().exp(), "exp(log(a))", ("a > 0",)),
    "root": (torch.abs, lambda a: a.sqrt() ** 2, "sqrt(a)**2", ("a > 0",)),
    "power": (torch.abs, lambda a: (a**0.5) ** 2, "(a**0.5)**2", ("a > 0",)),
    "arcsine": (lambda a: a.clamp(-1, 1), lambda a: a.asin().sin(), "sin(asin(a))", ("a < 1", "a > −1")),
    "quotient": (lambda a: torch.where(a == 0, 2, a), lambda a: 1 / (1 / a), "1/(1/a)", ("a ≠ 0",)),
    "in_a_branch": (
        lambda a: torch.where(a > 1, a, torch.relu(a)), lambda a: torch.where(a > 1, a, a.log().exp()),
        "where(a > 1, a, exp(log(a)))", ("a > 0",),
    ),
    "only_where_it_is_taken": (
        torch.abs, lambda a: torch.where(a > 0, a.log().exp(), -a), "where(a > 0, exp(log(a)), -a)", (),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", one_in(3, LOST, first=0))
def test_a_proof_holds_where_the_loss_has_a_value(name: str) -> None:
    candidate, function, formula, excluded = LOST[name]
    for loss in (function, formula):
        proof = dx.prove(candidate, loss, parameters="a")
        assert (proof.status, proof.exclusions) == ("proved", excluded)


@pytest.mark.usefixtures("causes_unsought")
def test_a_wrong_gradient_is_refuted_where_the_loss_has_a_value() -> None:
    proof = dx.prove(lambda a: torch.relu(a) ** 2, lambda a: a.log().exp(), parameters="a")
    assert proof.status == "refuted"
    for statement in proof.refuted:
        assert statement.decision.counterexample is not None
        assert statement.decision.counterexample.point["a"] > 0


def test_conditions_on_data_are_of_each_sample() -> None:
    proof = dx.prove(lambda a, x: (a * torch.relu(x)).sum(), lambda a, x: (a * x.log().exp()).sum(), parameters="a")
    assert (proof.status, proof.exclusions) == ("proved", ("x > 0",))


@pytest.mark.parametrize(
    "function", [slow(lambda a, x: (a * x.log().exp()).mean()), lambda a, x: (a * x.sqrt() ** 2).mean()]
)
def test_there_is_no_truth_where_a_function_has_no_value(function: Function) -> None:
    """Its NaN there was a fail: SymPy's form of the function has a value."""
    loss = dx.Loss.from_torch(function, parameters="a", data="x")
    assert [str(condition) for condition in loss.domain] == ["x > 0"]
    assert dx.check(loss, {"x": [0.5, 2.0]}, at={"a": 1.5}).verdict == "pass"
    report = dx.check(loss, {"x": [0.5, -2.0]}, at={"a": 1.5})
    assert report.verdict == "inconclusive"
    assert not any(row.verdict == "fail" for row in report.rows)


@pytest.mark.parametrize("backend", ["auto", "blocked", "eager"])
@pytest.mark.parametrize(
    "loss",
    [
        dx.Loss("a*exp(log(x))", parameters="a", data="x"),
        dx.Loss("x*exp(log(a))", parameters="a", data="x"),
        dx.Loss.from_torch(lambda a, x: (a * x.log().exp()).mean(), parameters="a", data="x"),
    ],
    ids=["of_data", "of_a_parameter", "of_torch"],
)
def test_kernels_give_nan_where_what_was_written_has_no_value(loss: dx.Loss, backend: str) -> None:
    kernel = loss.compile(backend=backend)
    right = kernel({"a": 2.0}, {"x": [1.0, 3.0]})
    assert (right.value, right.gradient["a"]) == (pytest.approx(4.0), pytest.approx(2.0))
    bad = ({"a": -2.0}, {"x": [1.0, 3.0]}) if "exp(log(a))" in loss.formula else ({"a": 2.0}, {"x": [1.0, -3.0]})
    for wrong in (kernel(*bad), kernel.bind(bad[1])(bad[0])):
        assert math.isnan(wrong.value) and math.isnan(wrong.gradient["a"])


def test_a_root_has_a_value_and_no_slope_at_0() -> None:
    found = dx.Loss("sqrt(a)**2", parameters="a").compile()({"a": 0.0})
    assert found.value == 0 and math.isnan(found.gradient["a"])


def test_a_kernel_says_why_sums_are_not_kept() -> None:
    text = str(dx.Loss("a*exp(log(x))", parameters="a", data="x").compile().explain())
    assert "not statistics: a·exp(log(x)) has a value for data with x > 0 alone, which sums do not show" in text


a, x = sympy.symbols("a x", real=True)


@pytest.mark.parametrize(
    ("written", "kept", "lost"),
    [
        ([a > 0], a, [a > 0]), ([a > 0], sympy.log(a), []), ([a >= 0], a, [a > 0]), ([sympy.Ne(a, 0)], 1 / a, []),
        ([sympy.Or(a > 0, a <= 1)], a, []), ([sympy.Or(a > 0, a > 1)], a, [a > 0]), ([1 - a > 0], a, [a < 1]), ([4 - a**2 >= 0], a, [a < 2, a > -2]),
        ([sympy.Or(a > 1, a > 0)], sympy.Piecewise((a, a > 1), (sympy.log(a), True)), []),
        ([x > 0], sympy.Piecewise((sympy.log(x), a > 0), (x, True)), [x > 0]), ([a**2 + 1 > 0], a, []),
    ],
)  # fmt: skip
def test_conditions_that_a_form_no_longer_shows(written: Any, kept: sympy.Expr, lost: Any) -> None:
    assert lost_conditions(written, kept) == lost
