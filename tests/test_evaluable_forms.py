"""Closed forms are evaluated in a form that has a value wherever the derivative has one: methods, kernels, exported code."""

from __future__ import annotations

import math
from typing import Any

import mpmath
import pytest
import sympy
import torch
from representatives import one_in

import diffexplore as dx
from diffexplore.formula.evaluable import evaluable
from diffexplore.formula.functions_sympy import sigmoid
from diffexplore.formula.scaled_exponentials import scaled_exponentials
from diffexplore.program.export import to_python

a, b, x = sympy.symbols("a b x", real=True)

#: A loss, its parameters, a sample or none, and the partial by a: each was NaN.
FORMS: dict[str, tuple[str, dict[str, float], dict[str, list[float]] | None]] = {
    "logsumexp": ("logsumexp(a*x, b*x)", {"a": 1.0, "b": 1.5}, {"x": [1000.0, -2.0]}),
    "written_out": ("log(exp(a*x) + exp(b*x) + 3)", {"a": 1.5, "b": 1.0}, {"x": [1000.0, -2000.0]}),
    "softmax": ("exp(a*x)/(exp(a*x) + exp(b*x))", {"a": 1.0, "b": 1.0009765625}, {"x": [1024.0, 2.0]}),
    "logistic": ("1/(1 + exp(-a*x))", {"a": -1.0}, {"x": [1000.0, 2.0]}),
    "power_of_a_square": ("(log(1 + a)**2)**1.5", {"a": 0.0}, None),
    "of_a_softmax": ("exp(exp(a*x)/(exp(a*x) + exp(b*x)))", {"a": 1.0, "b": 1.0009765625}, {"x": [1024.0, 2.0]}),
    "masked": ("log(exp(a*x) + y*exp(b*x))", {"a": -1.0, "b": 2.0}, {"x": [300.0], "y": [0.0]}),
    "weighted": ("exp(a*x)/(exp(a*x) + y*exp(b*x))", {"a": -1.0, "b": 2.0}, {"x": [300.0], "y": [1e-200]}),
    "cosines": ("cosh(a*x)/cosh(b*x)", {"a": 1.0, "b": 1.0009765625}, {"x": [1000.0, -0.5]}),
    "below_a_step": ("relu(a)**x", {"a": -1.0}, {"x": [2.0, 0.5]}),
}


def _expected(formula: str, at: dict[str, float], data: dict[str, list[float]] | None) -> float:
    """By mpmath, in 4,000 bits: a difference of the loss written out, for each sample."""

    def value(p: Any, z: float) -> Any:
        q, (w,) = at.get("b", 0.0), (data or {}).get("y", [0.0])
        return {
            "logsumexp": lambda: mpmath.log(mpmath.exp(p * z) + mpmath.exp(q * z)),
            "written_out": lambda: mpmath.log(mpmath.exp(p * z) + mpmath.exp(q * z) + 3),
            "softmax": lambda: mpmath.exp(p * z) / (mpmath.exp(p * z) + mpmath.exp(q * z)),
            "of_a_softmax": lambda: mpmath.exp(1 / (1 + mpmath.exp((q - p) * z))),
            "masked": lambda: mpmath.log(mpmath.exp(p * z) + w * mpmath.exp(q * z)),
            "weighted": lambda: 1 / (1 + w * mpmath.exp((q - p) * z)),
            "logistic": lambda: 1 / (1 + mpmath.exp(-p * z)),
            "power_of_a_square": lambda: abs(mpmath.log(1 + p)) ** 3,
            "cosines": lambda: mpmath.cosh(p * z) / mpmath.cosh(q * z),
            "below_a_step": lambda: max(p, 0) ** z,
        }[formula]()  # fmt: skip

    with mpmath.workprec(4000):
        h = mpmath.mpf(2) ** -1000
        samples = (data or {"x": [0.0]})["x"]
        slopes = [(value(mpmath.mpf(at["a"]) + h, z) - value(mpmath.mpf(at["a"]) - h, z)) / (2 * h) for z in samples]
        return float(sum(slopes) / len(slopes))


@pytest.mark.parametrize("name", one_in(2, FORMS))
def test_methods_kernels_and_exported_code_have_the_derivative(name: str) -> None:
    formula, at, data = FORMS[name]
    loss = dx.Loss(formula, parameters=list(at), data=list(data or {}))
    expected = pytest.approx(_expected(name, at, data), rel=1e-12, abs=1e-280)
    report = dx.check(loss, data, at=at, methods=["symbolic", "symbolic_raw", "numpy"], wrt="a")
    assert {row.value for row in report.rows if row.sample is None and row.probe is None and row.parameter == "a"}
    for row in report.rows:
        if row.parameter == "a" and row.sample is None and row.probe is None:
            assert row.value == expected and row.verdict != "fail", row.method
    for backend in ("auto", "blocked"):
        assert loss.compile(backend=backend)(at, data).gradient["a"] == expected
    names: dict[str, Any] = {}
    exec(to_python(loss, loss.gradient("a")), names)
    samples = [{key: column[i] for key, column in (data or {}).items()} for i in range(len((data or {"x": [0]})["x"]))]
    slopes = [names["gradient"](**at, **sample)[0] for sample in samples]
    assert sum(slopes) / len(slopes) == expected


@pytest.mark.parametrize("name", ["logsumexp", "written_out"])
def test_kernels_have_the_value_of_a_logarithm_of_exponentials(name: str) -> None:
    formula, at, data = FORMS[name]
    assert data is not None
    loss = dx.Loss(formula, parameters=list(at), data=list(data))
    rows = [[at[key] * z for key in at] + ([math.log(3)] if name == "written_out" else []) for z in data["x"]]
    expected = float(torch.logsumexp(torch.tensor(rows, dtype=torch.float64), 1).mean())
    assert loss.compile()(at, data).value == pytest.approx(expected, rel=1e-13)


#: Formulas of which floats get ∞/∞, 0·∞ or log(0) at 1,000, and what they are; m is mpmath.
OVERFLOWING: dict[str, Any] = {
    "sinh(a*x)/cosh(b*x)": lambda m, u, v: m.sinh(u) / m.cosh(v),
    "cosh(a*x)/sinh(b*x)": lambda m, u, v: m.cosh(u) / m.sinh(v),
    "log(cosh(a*x))": lambda m, u, v: m.log(m.cosh(u)),
    "log(exp(b*x) + cosh(a*x))": lambda m, u, v: m.log(m.exp(v) + m.cosh(u)),
    "exp(-a*x)*cosh(b*x)": lambda m, u, v: m.exp(-u) * m.cosh(v),
    "exp(-a*x)*(1 + exp(b*x))": lambda m, u, v: m.exp(-u) * (1 + m.exp(v)),
    "exp(a*x)/(2 + sinh(b*x)**2)": lambda m, u, v: m.exp(u) / (2 + m.sinh(v) ** 2),
    "2**(a*x)/(1 + 2**(a*x))": lambda m, u, v: 1 / (1 + m.mpf(2) ** -u),
    "exp10(a*x)/(3 + exp10(b*x))": lambda m, u, v: m.mpf(10) ** u / (3 + m.mpf(10) ** v),
    "2**(a*x)/(1 + exp(b*x))": lambda m, u, v: m.mpf(2) ** u / (1 + m.exp(v)),
    "sigmoid(a*x)/sigmoid(b*x)": lambda m, u, v: (1 + m.exp(-v)) / (1 + m.exp(-u)),
    "sigmoid(-a*x)*exp(b*x)": lambda m, u, v: m.exp(v) / (1 + m.exp(u)),
    "log(sigmoid(a*x))": lambda m, u, v: -m.log(1 + m.exp(-u)),
    "log(3*sigmoid(a*x)*cosh(b*x))": lambda m, u, v: m.log(3 * m.cosh(v) / (1 + m.exp(-u))),
    "tanh(a*x)*exp(b*x)/(1 + exp(b*x))": lambda m, u, v: m.tanh(u) / (1 + m.exp(-v)),
    "(1 - tanh(a*x)**2)*exp(b*x)": lambda m, u, v: m.exp(v) / m.cosh(u) ** 2,
    "(3 - 3*tanh(a*x)**2)*exp(b*x)": lambda m, u, v: 3 * m.exp(v) / m.cosh(u) ** 2,
    "log(1 - sigmoid(a*x))": lambda m, u, v: -m.log(1 + m.exp(u)),
    "(2 - 2*sigmoid(a*x))*exp(b*x)": lambda m, u, v: 2 * m.exp(v) / (1 + m.exp(u)),
    "sigmoid(-b*x)/(1 - sigmoid(a*x))": lambda m, u, v: (1 + m.exp(u)) / (1 + m.exp(v)),
    "log(1 + log1p(exp(a*x))**2)": lambda m, u, v: m.log(1 + m.log1p(m.exp(u)) ** 2),
    "log1p(3*exp(a*x))": lambda m, u, v: m.log1p(3 * m.exp(u)),
    "expm1(a*x)/expm1(b*x)": lambda m, u, v: m.expm1(u) / m.expm1(v),
    "log(1 + expm1(a*x)**2)": lambda m, u, v: m.log(1 + m.expm1(u) ** 2),
    "((3*exp(a*x) + 2)*exp(b*x) + 1)/((exp(b*x) + 2)*(exp(a*x) + 1))": lambda m, u, v: (
        ((3 * m.exp(u) + 2) * m.exp(v) + 1) / ((m.exp(v) + 2) * (m.exp(u) + 1))
    ),
}


@pytest.mark.parametrize("formula", one_in(2, OVERFLOWING))
def test_exponentials_that_overflow_alone_have_a_value_together(formula: str) -> None:
    at = {name: number for name, number in {"a": 1.0, "b": 1.0009765625}.items() if f"{name}*x" in formula}
    kernel = dx.Loss(formula, parameters=list(at), data="x").compile(backend="blocked")
    with mpmath.workprec(4000):
        h = mpmath.mpf(2) ** -1000
        for x in (1000.0, -1000.0, 0.5):
            expected = [OVERFLOWING[formula](mpmath, (1 + k * h) * x, at.get("b", 0.0) * x) for k in (0, 1, -1)]
            found = kernel(at, {"x": [x]})
            assert found.value == pytest.approx(float(expected[0]), rel=1e-11, abs=1e-290), x
            slope = float((expected[1] - expected[2]) / (2 * h))
            assert found.gradient["a"] == pytest.approx(slope, rel=1e-11, abs=1e-290), x


@pytest.mark.parametrize(
    "expr",
    [
        sympy.exp(a) / (sympy.exp(a) + sympy.exp(b)), sympy.exp(a + b) / (sympy.exp(a) + sympy.exp(b)) ** 2,
        sympy.log(2 * sympy.exp(a) + x * sympy.exp(b) + 1), (sympy.exp(a) + sympy.exp(2 * b)) / (1 + sympy.exp(a)),
        1 / sympy.sqrt(1 + sympy.exp(a)), sympy.sinh(a) ** 3 / sympy.cosh(b) ** 2, sympy.log(x * sympy.cosh(b) / (1 + sympy.exp(a))),
        2**a * 3**b / (1 + 2**b), (1 - sympy.tanh(a) ** 2) ** 2 * sympy.exp(b) * x, sigmoid(a) ** 2 * sympy.exp(b), sympy.log(1 - sigmoid(a)),
        sympy.log((sympy.exp(a) - sympy.exp(b)) ** 2), (x * sympy.exp(a) + sympy.sinh(b)) ** 2 * sympy.exp(-a) / sympy.cosh(b), x * sympy.exp(a) + b, sympy.log(sympy.exp(a) + x) * sympy.exp(b) / (sympy.exp(b) + 2) ** 3,
    ],
)  # fmt: skip
def test_the_other_form_has_the_same_values(expr: sympy.Expr) -> None:
    form = scaled_exponentials(expr)
    for numbers in ({a: 3, b: -2, x: 5}, {a: -7, b: 4, x: 1}):
        point = {symbol: sympy.Integer(number) for symbol, number in numbers.items()}
        difference = (form.subs(point) - expr.subs(point)).replace(sigmoid, lambda u: 1 / (1 + sympy.exp(-u)))
        assert sympy.N(difference, 30, chop=True) == 0


@pytest.mark.parametrize("formula", ["relu(a)*log(a)", "relu(a)**1.5*sqrt(1 + a)"])
def test_below_a_step_there_is_no_slope_where_there_is_no_value(formula: str) -> None:
    found = dx.Loss(formula, parameters="a").compile(backend="blocked")({"a": -2.0})
    assert math.isnan(found.value) and math.isnan(found.gradient["a"])


def test_what_cannot_overflow_to_no_number_is_left_alone() -> None:
    for expr in (1 / (1 + sympy.exp(a)), 1 / (sympy.cosh(a) * sympy.cosh(b)), sympy.log(1 + a**2), a**2 / sympy.exp(a)):
        assert scaled_exponentials(expr) == expr
    assert evaluable(a**2 / b) == a**2 / b
