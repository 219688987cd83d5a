"""Formulas on which SymPy alone does not end: they are derived, printed, lowered and drawn, or refused in a line."""

from __future__ import annotations

from dataclasses import replace

import pytest
import sympy
from representatives import slow

import diffexplore as dx
from diffexplore.errors import UsageError
from diffexplore.formula.derive import differentiate
from diffexplore.formula.latex import to_latex
from diffexplore.formula.parse import parse
from diffexplore.formula.text import to_text
from diffexplore.graphing import graph_of
from diffexplore.methods import problem
from diffexplore.methods.problem import Problem


def nested(function: str, times: int, inner: str = "a*x") -> str:
    for _ in range(times):
        inner = f"{function}({inner})"
    return inner


@pytest.mark.parametrize(
    ("condition", "taken"),
    [
        ("gamma(1/3) > 2", "a"),  # 2.6789…
        ("gamma(1/3) > 2.7", "x"),
        ("sqrt(2) + sqrt(3) < pi", "x"),  # 3.1463 is not below 3.1416
        ("sqrt(2) + sqrt(3) > pi and x > 0 or sigmoid(1) < 1/2", "where(x > 0, a, x)"),
        ("exp(pi*sqrt(163)) < 262537412640768744", "a"),  # by 7.5e-13
        ("exp(pi*sqrt(163)) == 262537412640768744", "x"),
        ("1/2 <= sigmoid(0)", "a"),
        ("1/2 < sigmoid(0)", "x"),
    ],
)
def test_comparisons_of_constants_are_decided(condition: str, taken: str) -> None:
    assert parse(f"where({condition}, a, x)") == parse(taken)


@pytest.mark.parametrize("condition", [slow("3/4 <= sigmoid(log(3))"), "sigmoid(log(3)) == 3/4", slow("3 > 4*sigmoid(log(3))"), "3/4 <= sigmoid(log(3)) and x > 1"])  # fmt: skip
def test_a_comparison_that_enclosures_leave_open_stays(condition: str) -> None:
    """It has no truth, for equal numbers are not told apart; and it is no error."""
    loss = dx.Loss(f"where({condition}, 2*a, x)*a", parameters="a", data="x")
    report = dx.check(loss, {"x": [3.0]}, {"a": 1.5}, methods="reverse,symbolic")
    assert report.verdict == "inconclusive"
    assert all(row.cause is not None for row in report.rows)
    assert parse(to_text(loss.expression, unicode=False)) == loss.expression


def test_deep_conditions_with_constants() -> None:
    loss = dx.Loss(
        "where(where(1/2*y + where(1/2 >= 2, x, 2) < max(x, softplus(x)), 3, 1/2) >= "
        "where(1/2 <= where(atan2(x, 3) < x*0, 3*0, sigmoid(0)), gamma(1)*cbrt(x), where(x <= 1/2, 2, y) + atan2(x, 0)),"
        " digamma(where(x > 1/2 + 1, x, 1 - 2)), 0)",
        parameters="x, y",
    )
    assert loss.gradient()["y"] == 0
    assert dx.check(loss, None, {"x": -1.0, "y": 2.0}, methods="reverse").verdict == "inconclusive"  # digamma(−1)


def test_the_partial_of_a_maximum_of_many() -> None:
    """∂max/∂a₀ = x where a₀·x is the largest; the operands of the others are not compared again."""
    loss = dx.Loss(f"max({', '.join(f'a{k}*x' for k in range(8))})", parameters="a0", data=["x", *(f"a{k}" for k in range(1, 8))])  # fmt: skip
    columns = {"x": [2.0, -1.0]} | {f"a{k}": [k / 16.0, 1.0 + k / 16.0] for k in range(1, 8)}
    assert dx.check(loss, columns, {"a0": 0.875}, methods="reverse,symbolic").verdict == "pass"
    graph = graph_of(loss)
    assert len(graph.nodes) > 8


@pytest.mark.parametrize("text", ["max(a, b, x)", "min(a*x, b, 2)**2", "max(abs(a), min(a, b, x))*a", "max(a, x)"])
def test_maxima_are_differentiated_as_sympy_does(text: str) -> None:
    a = parse("a")
    own, plain = differentiate(parse(text), a), sympy.diff(parse(text).replace(sympy.Abs, lambda u: u), a)
    at = {a: sympy.Rational(7, 5), parse("b"): sympy.Rational(9, 10), parse("x"): sympy.Rational(11, 10)}
    assert own.subs(at) == plain.subs(at)


def test_nested_exponentials_are_printed() -> None:
    text = parse("a*x")
    for _ in range(20):
        text = sympy.exp(-text)
    latex = to_latex(sympy.diff(text, parse("a")))
    assert latex.count("e^{") == 20 * 21 // 2  # the product of the k-fold exponentials for k = 1 … 20


@pytest.mark.parametrize("function", ["sin", "sqrt", "softplus"])
@pytest.mark.parametrize("times", [40, 170])
def test_nested_functions_are_derived_or_refused(function: str, times: int) -> None:
    try:
        loss = dx.Loss(nested(function, times), parameters="a", data="x")
        assert loss.gradient()["a"].free_symbols == {parse("a"), parse("x")}
    except UsageError as error:
        assert times == 170 or function == "sqrt"  # SymPy asks of each root whether its argument is one
        assert "too" in str(error)


def test_a_difference_is_skipped_for_the_reason_that_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    """The derivative of order 5 of three nested tanh has too many terms, of which some are looked at, as always."""
    monkeypatch.setattr(problem, "_BUDGET", replace(problem._BUDGET, operations=problem._BUDGET.operations // 1000))
    text = "a*x"
    for _ in range(3):
        text = f"tanh(a*{text} + x)"
    report = dx.check(dx.Loss(text, parameters="a", data="x"), {"x": [0.3]}, {"a": 0.7}, methods="reverse,richardson")
    reasons = {one.method: one.reason for one in report.skipped}
    assert reasons["richardson"].startswith("its truncation error is not bounded: the derivative of order")
    assert reasons["richardson"].endswith("is too large")
    assert report.verdict == "pass"


def test_a_derivative_that_is_too_large_is_refused_before_it_is_written_out() -> None:
    x, r = parse("x"), parse("r")
    value = x
    for _ in range(18):
        value = r * value * (1 - value)
    with pytest.raises(UsageError, match="the derivative by r is too large: it would have more than 400,000 nodes"):
        differentiate(value, r)


def test_higher_derivatives_do_not_depend_on_what_ran_before() -> None:
    import torch

    def found() -> list[str]:
        loss = dx.Loss("tanh(a*tanh(a*x + b))", parameters="a, b", data="x")
        problem = Problem(loss, ("a",), torch.float64, torch.device("cpu"))
        return [str(problem.derivative_program("a", order)) for order in (2, 3)]

    first = found()
    sympy.core.cache.clear_cache()
    assert found() == first
