"""Losses and their derivatives: contents, errors, and values against independent differentiation."""

from __future__ import annotations

import pickle
from fractions import Fraction

import pytest
import sympy
from formulas import texts
from hypothesis import assume, given, settings
from representatives import these
from sample_calls import call_of

import diffexplore as dx
from diffexplore.errors import UsageError
from diffexplore.formula.compare import agreement, random_points, value_at
from diffexplore.formula.derive import differentiate
from diffexplore.formula.functions_sympy import foreign_node
from diffexplore.formula.parse import parse
from diffexplore.formula.text import to_text
from diffexplore.functions import TABLE
from diffexplore.loss import Loss

PERPENDICULAR = Loss("(a*x - y + b)**2/(2*(a**2 + 1))", parameters="a, b", data="x, y")
a = sympy.Symbol("a", real=True)


def test_gradient_of_the_perpendicular_distance() -> None:
    gradient = PERPENDICULAR.gradient()
    assert list(gradient) == ["a", "b"]
    assert to_text(gradient["a"], unicode=False) == "(a*x + b - y)*(x + a*(y - b))/(a**2 + 1)**2"
    assert to_text(gradient["b"], unicode=False) == "(a*x + b - y)/(a**2 + 1)"
    assert (gradient.cost["a"].ops_raw, gradient.cost["a"].ops_simplified) == (17, 11)
    assert gradient.cost["a"].note is None
    assert gradient.raw["a"] == PERPENDICULAR.expression.diff(a)


def test_gradient_records_and_latex() -> None:
    gradient = PERPENDICULAR.gradient("b")
    formula = gradient.formulas()["b"]
    assert (formula.expression, formula.ops_simplified) == ("(a*x + b - y)/(a**2 + 1)", 6)
    assert formula.text == "(a·x + b − y)/(a² + 1)"
    assert formula.latex == r"\frac{a x + b - y}{a^{2} + 1}"
    assert rf"\frac{{\partial \ell}}{{\partial b}} &= {formula.latex}" in gradient.latex()
    assert gradient._repr_latex_().startswith("$")
    assert repr(gradient) == "Gradient(b: (a·x + b − y)/(a² + 1))"


def test_gradient_by_data_and_caching() -> None:
    assert list(PERPENDICULAR.gradient("x")) == ["x"]
    assert PERPENDICULAR.gradient(("a", "b")) is PERPENDICULAR.gradient()
    with pytest.raises(UsageError, match="unknown symbol 'aa': did you mean 'a'"):
        PERPENDICULAR.gradient("aa")
    with pytest.raises(UsageError, match="given twice"):
        PERPENDICULAR.gradient("a, a")


@pytest.mark.parametrize("text", ["(-1)**a", "((-2)**(a*x))**2", "(-3)**Max(a, x)", "log((-1)**a)", "0**a", "0**(a*x)"])
def test_a_power_of_a_constant_that_is_not_positive_has_no_closed_derivative(text: str) -> None:
    loss = Loss(text, parameters="a", data="x" if "x" in text.replace("Max", "") else "")
    with pytest.raises(UsageError, match="no closed derivative by a"):
        loss.gradient()
    assert list(Loss("exp(a)*(-3)**x", parameters="a", data="x").gradient()) == ["a"]


def test_hessian_is_the_derivative_of_the_gradient() -> None:
    hessian = PERPENDICULAR.hessian()
    assert list(hessian) == [("a", "a"), ("a", "b"), ("b", "a"), ("b", "b")]
    assert hessian["a", "b"] == hessian["b", "a"]
    for (row, column), expr in hessian.items():
        symbols = PERPENDICULAR.symbols
        assert agreement(expr, PERPENDICULAR.expression.diff(symbols[row], symbols[column]))
    assert "bmatrix" in hessian.latex()
    assert hessian.cost["b", "b"].ops_simplified == 3


def test_a_constant_loss_of_no_parameters() -> None:
    loss = Loss("x*2", parameters=(), data="x")
    assert dict(loss.gradient()) == {}
    assert loss.gradient("x")["x"] == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"formula": "a*x + c + d", "parameters": "a", "data": "x"}, "'c', 'd', which are neither parameter nor data"),
        ({"formula": "a*x + c", "parameters": "a", "data": "x"}, "uses 'c', which is neither parameter nor data"),
        ({"formula": "a*x", "parameters": "a b", "data": "x"}, "the formula has no symbol 'b'"),
        ({"formula": "a*x", "parameters": "a", "data": "x z"}, "the formula has no symbol 'z'"),
        ({"formula": "a*x", "parameters": "a x", "data": "x"}, "'x' is given twice"),
        ({"formula": "a*x", "parameters": "a", "data": "x", "reduction": "max"}, "unknown reduction 'max'"),
        ({"formula": "sin*x", "parameters": [], "data": "x"}, "'sin' is a function"),
        ({"formula": "a*x", "parameters": "a", "data": "x", "domain": "s > 0"}, "unknown symbol 's'"),
        ({"formula": "a*x", "parameters": "a", "data": "x", "domain": "1 > 2"}, "never holds"),
        ({"formula": 3, "parameters": "a"}, "must be text or a SymPy expression"),
        ({"formula": sympy.besselj(0, a), "parameters": "a"}, "cannot compute with"),
    ],
)
def test_unusable_losses(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Loss(**arguments)  # type: ignore[arg-type]


def test_a_loss_from_sympy_gets_real_symbols_and_exact_numbers() -> None:
    symbol = sympy.Symbol("a")
    loss = Loss(sympy.Abs(symbol) * 0.5, parameters="a")
    assert loss.expression == sympy.Abs(a) / 2
    assert loss.formula == "abs(a)/2"
    assert loss == Loss("abs(a)/2", parameters="a")


def test_equality_hash_pickle_and_repr() -> None:
    same = Loss(
        "(a*x-y+b)^2 / (2*(1 + a^2))", parameters=["a", "b"], data=("x", "y"), default_points=[{"a": 1.0, "b": 0.0}]
    )
    assert same == PERPENDICULAR
    assert hash(same) == hash(PERPENDICULAR)
    assert pickle.loads(pickle.dumps(same)) == same
    assert Loss("(a*x-y+b)^2", parameters="a b", data="x y") != PERPENDICULAR
    assert eval(repr(same)) == same
    with pytest.raises(AttributeError):
        same.reduction = "sum"  # type: ignore[misc]


def test_domain_and_summary() -> None:
    loss = Loss(
        "log(s) + x**2/s", parameters="s", data="x", domain=["s > 0", "x != 0 and x < 9"], reduction="sum", name="n"
    )
    assert loss.domain_text == "s > 0 and x < 9 and x != 0"
    assert len(loss.domain) == 3
    summary = loss.summary()
    assert (summary.name, summary.reduction, summary.formula) == ("n", "sum", "log(s) + x**2/s")
    assert summary.latex.startswith(r"\sum_{i=1}^{N} \left(")
    assert "x_{i}^{2}" in summary.latex


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("abs(log(a))", "sign(log(a))/a"),
        ("abs(a)", "sign(a)"),
        ("sign(a)*a", "sign(a)"),
        ("heaviside(a)*a**2", "2*a*heaviside(a)"),
        ("relu(a)", "heaviside(a)"),
        ("softplus(a)", "sigmoid(a)"),
        ("sigmoid(a)", "sigmoid(-a)*sigmoid(a)"),
        ("logcosh(a)", "sinh(a)/cosh(a)"),
        ("where(abs(a) <= 1, a**2, abs(a))", "where(abs(a) <= 1, 2*a, sign(a))"),
    ],
)
def test_derivatives_with_jumps(text: str, expected: str) -> None:
    assert to_text(differentiate(parse(text), a), unicode=False) == expected


NAMES = sorted(entry.name for entry in TABLE if entry.name != "Piecewise")


@pytest.mark.parametrize("name", these(set(NAMES) - {"dzeta", "dbetainc", "betainc"}, NAMES))
def test_three_derivatives_of_every_function_stay_in_the_closed_list(name: str) -> None:
    """Those of all functions do, so that it is closed whatever the order."""
    expr = parse(call_of(name, "a*x", "a + x"))
    for _ in range(3):
        expr = differentiate(expr, a)
        assert foreign_node(expr) is None
        assert not expr.atoms(sympy.Derivative, sympy.Subs, sympy.DiracDelta)


@settings(deadline=None, max_examples=40)
@given(texts)
def test_derivative_against_a_difference_quotient(text: str) -> None:
    """(f(a + h) − f(a − h))/2h with h = 1e-15 and 50 digits, away from jumps."""
    try:
        expr = parse(text)
    except UsageError:
        assume(False)
    assume(expr.has(a))
    derivative = differentiate(expr, a)
    step = Fraction(1, 10**15)
    for point in list(random_points(expr.free_symbols))[:4]:
        exact = value_at(derivative, point)
        after, before = (value_at(expr, {**point, a: point[a] + shift}) for shift in (step, -step))
        if exact is None or after is None or before is None or abs(exact) > 1e6 or abs(after) > 1e6:
            continue
        quotient = (after - before) * 10**15 / 2
        assert float(abs(quotient - exact)) < 1e-9 * (1 + abs(float(exact))), point


@pytest.mark.parametrize(
    "constant", ["sinc(2)", "abs(sinc(3))", "sign(sinc(4))", "heaviside(sinc(5))", "max(sinc(2), y)"]
)
@pytest.mark.parametrize("extreme", ["max", "min"])
def test_an_extreme_beside_a_constant_is_differentiated(extreme: str, constant: str) -> None:
    loss = dx.Loss(f"{extreme}(a*x, {constant})", parameters="a", data="x, y" if "y" in constant else "x")
    data = {"x": [-3.0, -0.75, 0.5, 2.0, 5.0]} | ({"y": [0.25, 0.75, 1.5, 3.0, -2.0]} if "y" in constant else {})
    assert dx.check(loss, data, {"a": 0.5}, methods="symbolic, reverse").verdict == "pass"
