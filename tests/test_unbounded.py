"""Rows without a bound name the operation, and say whether it underflows, overflows, or is singular there."""

from __future__ import annotations

import re

import pytest
import torch

import diffexplore as dx

EXACT = "symbolic, reverse, numpy"
#: A loss of a and x, a, x, and what is said of a method: the subexpression, and what it does.
CASES = [
    ("(a*x)**1.5", 1e-200, [1.0, 1e-150], "reverse", r"a\*x underflows in float64, and the power of it has no bound there"),
    ("(a*x)**1.5", 1e-200, [1.0, 1e-150], "numpy", r"a\*x underflows in float64, and sqrt of it has no bound there"),
    ("1/(1 + besseli(0, a*x))", 1.0, [1.0, 500.0], "symbolic", r"\(i0\(a\*x\) \+ 1\)\*\(i0\(a\*x\) \+ 1\) overflows in float64"),
    ("tan(a*x)", 3.0, [0.5235987755982988, 1.0], "reverse", "within its rounding error a.x reaches a singularity or a kink"),
]  # fmt: skip


@pytest.mark.parametrize(("formula", "a", "x", "method", "words"), CASES)
def test_the_operation_is_named(formula: str, a: float, x: list[float], method: str, words: str) -> None:
    report = dx.check(dx.Loss(formula, parameters="a", data="x"), {"x": x}, {"a": a}, methods=EXACT)
    rows = [row for row in report.rows if row.cause and row.cause.key == "no_bound" and row.method == method]
    assert rows
    for row in rows:
        assert row.cause is not None
        assert re.search(words, row.cause.message), row.cause.message
        assert row.cause.fields["how"] in ("underflows", "overflows", "singular")
        assert row.cause.fields["data"]["x"] in x


def test_an_underflow_is_not_called_a_kink() -> None:
    loss = dx.Loss("(a*x)**1.5", parameters="a", data="x")
    report = dx.check(loss, {"x": [1e-150]}, {"a": 1e-200}, methods=EXACT)
    messages = {row.cause.message for row in report.rows if row.cause and row.cause.key == "no_bound"}
    assert messages
    assert not any("kink" in message for message in messages)


def test_a_loss_without_data_and_a_candidate_are_explained_too() -> None:
    report = dx.check(dx.Loss("(a*b)**1.5", parameters="a, b"), at={"a": 1e-200, "b": 1e-150}, methods="reverse")
    assert {row.cause.message for row in report.rows if row.cause and row.cause.key == "no_bound"} == {
        "no error bound could be derived: a*b underflows in float64, and the power of it has no bound there"
    }

    def candidate(a: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        return ((a * x) ** 1.5).mean()

    loss = dx.Loss("(a*x)**1.5", parameters="a", data="x")
    found = dx.verify(candidate, loss, {"x": [1.0, 1e-150]}, {"a": 1e-200})
    (cause,) = {
        row.cause.message: row.cause for row in found.rows if row.cause and row.cause.key == "no_bound"
    }.values()
    assert "a*x underflows in float64" in cause.message
    assert (cause.fields["sample"], cause.fields["operation"]) == (1, "pow")


@pytest.mark.parametrize(("dtype", "flushed"), [("float16", True), ("bfloat16", False)])
def test_an_input_that_the_dtype_rounds_to_0_is_named(dtype: str, flushed: bool) -> None:
    report = dx.check(
        dx.Loss("x/a", parameters="a", data="x"), {"x": [1.0]}, {"a": 1e-30}, dtype=dtype, methods="reverse"
    )
    messages = " ".join(row.cause.message for row in report.rows if row.cause)
    assert ("a = 1e-30 underflows to 0 in float16, and there no gradient exists" in messages) is flushed


@pytest.mark.parametrize(
    ("formula", "a", "x", "how"),
    [("log(exp(-a*x))", 1.0, 730.0, "underflows"), ("1/(1 + besseli(0, a*x))", 1.0, 500.0, "overflows"),
     ("exp(a*x) - a*x", 1e-9, 1.0, "cancels")],
)  # fmt: skip
def test_lost_digits_say_what_loses_them(formula: str, a: float, x: float, how: str) -> None:
    report = dx.check(dx.Loss(formula, parameters="a", data="x"), {"x": [x]}, {"a": a}, methods="symbolic_raw, reverse")
    assert how in {lost.how for lost in report.lost_digits}
    for lost in report.lost_digits:
        assert f"{lost.subexpression} {lost.how}: its relative error grows" in " ".join(
            report.to_text(full=True).split()
        )


def test_a_symbol_that_cancels_is_said_to_cancel() -> None:
    for formula in ("a - a + x**2", "0*a + x", "x**a/x**a"):
        loss = dx.Loss(formula, parameters="a", data="x")
        assert loss.gradient()["a"] == 0
        assert "a cancels" in str(dx.check(loss, {"x": [1.0, 2.0]}, {"a": 3.0}, methods="reverse"))


def test_an_argument_that_cancels_has_the_gradient_0() -> None:
    loss = dx.Loss.from_torch(lambda a, b, x: (0 * a + b * x).mean(), parameters="a, b", data="x")
    assert (loss.parameters, loss.gradient()["a"]) == (("a", "b"), 0)
    report = dx.check(loss, {"x": [1.0, 2.0]}, {"a": 1.0, "b": 2.0}, methods="symbolic, reverse")
    assert report.verdict == "pass"
    assert "the loss does not depend on a" in " ".join(str(report).split())


@pytest.mark.parametrize("formula", ["x**2", "sympy"])
def test_what_is_missing_is_said_to_be_missing(formula: str) -> None:
    import sympy

    given = sympy.Symbol("x") ** 2 if formula == "sympy" else formula
    with pytest.raises(dx.UsageError, match=r"the formula has no symbol 'a'.*: leave it out of parameters and data"):
        dx.Loss(given, parameters="a", data="x")
