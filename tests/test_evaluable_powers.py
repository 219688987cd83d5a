"""Closed forms of powers with a variable exponent, at 0: the derivative that exists there is what they evaluate to."""

from __future__ import annotations

import math
from typing import Any

import pytest
import sympy
import torch
from representatives import each_value

import diffexplore as dx
from diffexplore.formula.evaluable import evaluable
from diffexplore.formula.text import to_text
from diffexplore.program import export

OURS = ["symbolic", "symbolic_raw", "numpy"]

#: Formula, parameters, data, point, and the partials of its mean, by hand.
CASES: list[tuple[str, str, dict[str, list[float]], dict[str, float], dict[str, float]]] = [
    ("a**n", "a", {"n": [0, 1, 2]}, {"a": 0}, {"a": 1 / 3}),
    ("(a*x)**n", "a", {"n": [0, 1, 2], "x": [5, 2, 3]}, {"a": 0}, {"a": 2 / 3}),
    ("(c*a**n - y)**2", "a, c", {"n": [0, 1], "y": [1, 3]}, {"a": 0, "c": 2}, {"a": -6, "c": 1}),
    ("(a + x)**(n + 1)", "a", {"n": [-1, 0, 1], "x": [-1, -1, -1]}, {"a": 1}, {"a": 1 / 3}),
    ("x**a", "a", {"x": [0, 1]}, {"a": 2}, {"a": 0}),
    ("x**a", "a", {"x": [0, 2]}, {"a": 2}, {"a": 2 * math.log(2)}),
    ("a**b", "a, b", {}, {"a": 0, "b": 2}, {"a": 0, "b": 0}),
    ("exp(-(x/s)**k)", "k, s", {"x": [0, 2]}, {"s": 1, "k": 1}, {"k": -math.exp(-2) * math.log(2), "s": math.exp(-2)}),
    ("v*x**n/(k**n + x**n)", "v, k, n", {"x": [0, 1]}, {"v": 1, "k": 2, "n": 2},
     {"v": 0.1, "k": -0.08, "n": -2 * math.log(2) / 25}),
    ("sin(a)**n", "a", {"n": [0, 1, 2]}, {"a": 0}, {"a": 1 / 3}),
    ("(a**3)**n + 2*a", "a", {"n": [0, 1, 2]}, {"a": 0}, {"a": 2}),
    ("(a**3)**n*(a + 1)**2", "a", {"n": [0, 1, 2]}, {"a": 0}, {"a": 2 / 3}),
    ("(sin(a)**2)**n + a", "a", {"n": [0, 1, 2]}, {"a": 0}, {"a": 1}),
    ("sin(2*a)**n*y", "a", {"n": [0, 1, 2], "y": [1, 3, 5]}, {"a": 0}, {"a": 2}),
    ("(a**2*x)**n + a*x", "a", {"n": [0, 1, 2], "x": [1, 2, 3]}, {"a": 0}, {"a": 2}),
    ("p**k*(1 - p)**(n - k)", "p", {"k": [0, 1, 2], "n": [2, 2, 2]}, {"p": 0}, {"p": -1 / 3}),
]  # fmt: skip


@pytest.mark.parametrize(("case", "dtype"), each_value(CASES, ["float64", "float32", "bfloat16"]))
def test_the_closed_forms_agree_with_the_truth_at_zero(case: tuple[Any, ...], dtype: str) -> None:
    formula, parameters, data, at, expected = case
    methods = OURS[:2] if dtype == "bfloat16" else OURS
    loss = dx.Loss(formula, parameters=parameters, data=tuple(data))
    report = dx.check(loss, data or None, at, dtype=dtype, methods=methods)
    rows = [row for row in report.rows if row.sample is None and row.probe is None]
    assert report.verdict == "pass"
    assert len(rows) == len(methods) * len(expected)
    for row in rows:
        assert row.truth is not None
        assert float(row.truth.mid) == pytest.approx(expected[row.parameter], rel=1e-2 if dtype == "bfloat16" else 1e-6)
        assert row.value == pytest.approx(expected[row.parameter], rel=3e-2 if dtype == "bfloat16" else 1e-5, abs=1e-9)


@pytest.mark.parametrize(
    ("formula", "at"), [("a**b", {"a": 0, "b": 0}), ("a**b", {"a": 0, "b": -1}), ("a**a", {"a": 0})]
)
def test_where_no_derivative_exists_none_is_made_up(formula: str, at: dict[str, float]) -> None:
    report = dx.check(dx.Loss(formula, parameters=tuple(at)), None, at, methods=OURS)
    last = [row for row in report.rows if row.parameter == list(at)[-1] and row.probe is None]
    assert report.verdict == "inconclusive"
    assert {row.value for row in last} == {None}
    assert {row.cause.key for row in last if row.cause} == {"undefined"}


@pytest.mark.parametrize(
    ("formula", "domain"),
    [
        ("x**k*exp(-x)", "x > 0"), ("exp(a)**k", None), ("(1 + x**2)**k", None), ("2**k", None), ("x**3*k**2", None),
        ("a**k/k", "k > 0 and a > 0"), ("sigmoid(a)**k", None),
    ],
)  # fmt: skip
def test_a_base_that_cannot_vanish_needs_no_case(formula: str, domain: str | None) -> None:
    names = tuple(name for name in ("k", "a", "x") if name in formula.replace("exp", ""))
    loss = dx.Loss(formula, parameters="k", data=names[1:], domain=domain)
    partial = loss.gradient()["k"]
    assert not evaluable(partial, loss.domain).has(sympy.Piecewise)


def test_formulas_are_printed_plainly() -> None:
    gradient = dx.Loss("a**n", parameters="a, n").gradient()
    assert [to_text(gradient[name], unicode=False) for name in "an"] == ["a**(n - 1)*n", "a**n*log(a)"]
    weibull = dx.Loss("exp(-(x/s)**k)", parameters="k", data="x, s").gradient()
    assert "where" not in to_text(weibull["k"]) + weibull.latex()


@pytest.mark.parametrize("derivatives", ["gradient", "hessian"])
def test_exported_source_runs_at_zero(derivatives: str) -> None:
    loss = dx.Loss("(a*x**b - y)**2", parameters="a, b", data="x, y")
    expected = {"gradient": (0.0, 0.0), "hessian": ((0.0, 0.0), (0.0, 0.0))}[derivatives]
    for source, numbers in (
        (export.to_python(loss, loss.gradient(), loss.hessian()), (2.0, 1.5, 0.0, 1.0)),
        (export.to_torch(loss, loss.gradient(), loss.hessian()), [torch.tensor(x) for x in (2.0, 1.5, 0.0, 1.0)]),
    ):
        module: dict[str, Any] = {}
        exec(source, module)  # what the test exports itself
        found = module[derivatives](*numbers)
        if derivatives == "hessian":
            assert tuple(tuple(map(float, row)) for row in found) == expected
        else:
            assert tuple(map(float, found)) == expected
