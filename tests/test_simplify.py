"""Simplification: the forms that people expect, equality, honest domains, and the budget."""

from __future__ import annotations

from fractions import Fraction

import pytest
import sympy
from formulas import texts
from hypothesis import assume, given, settings

from diffexplore.errors import UsageError
from diffexplore.formula import forms
from diffexplore.formula.budget import Budget, Ending
from diffexplore.formula.compare import agreement, random_points, value_at
from diffexplore.formula.derive import differentiate
from diffexplore.formula.order import count_ops
from diffexplore.formula.parse import parse, parse_condition
from diffexplore.formula.simplify import simplify
from diffexplore.formula.text import to_text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "x*(a*x + b - y)/(a**2 + 1) - a*(a*x + b - y)**2/(a**2 + 1)**2",
            "(a*x + b - y)*(x + a*(y - b))/(a**2 + 1)**2",
        ),
        ("x*sinh(a*x)/cosh(a*x)", "x*tanh(a*x)"),
        ("x*sin(a)**2 + x*cos(a)**2", "x"),
        ("x*exp(z) - y*x", "x*(exp(z) - y)"),
        ("y*x**k*k/x", "k*x**(k - 1)*y"),
        ("abs(x)*sign(x)", "x"),
        ("sign(x)**2/(3*abs(x)**(2/3))", "1/(3*abs(x)**(2/3))"),
        ("-(x - y)*(a + b)", "(a + b)*(y - x)"),
        ("a*y - a*b + x", "x + a*(y - b)"),
        ("sqrt(x**2 + y**2) - x**2/sqrt(x**2 + y**2)", "y**2/sqrt(x**2 + y**2)"),
        ("where(x > 0, x*y + x*a, x*y - y*x)", "where(x > 0, x*(a + y), 0)"),
        ("exp(-x)/(1 + exp(-x))**2*(1 + exp(-x))", "1/(exp(x) + 1)"),
    ],
)
def test_expected_forms(text: str, expected: str) -> None:
    assert to_text(simplify(parse(text)).expr, unicode=False) == expected


@pytest.mark.parametrize(
    ("text", "hole"),
    [("(x**2 - 1)/(x - 1)", 1), ("(x**3 - x)/(x*(x + 1))", 0), ("tan(x)*cot(x)", 0), ("(x**2 - 4)/sqrt(x - 2)", 1)],
)
def test_a_removable_singularity_is_not_removed(text: str, hole: int) -> None:
    assert value_at(simplify(parse(text)).expr, {parse("x"): Fraction(hole)}) is None


def test_terms_that_cancel_but_for_their_singularity_stay() -> None:
    raw = parse("(-a - b)/(2*(a + b)**2) + 1/(2*(a + b))")
    result = simplify(raw).expr
    assert count_ops(result) <= count_ops(raw)
    assert value_at(result, {parse("a"): Fraction(1), parse("b"): Fraction(-1)}) is None


def test_the_domain_allows_what_it_excludes() -> None:
    raw = parse("2*x/(s**2*(1 + x**2/s**2))")
    positive = (parse_condition("s > 0"),)
    residual = parse("2*x*(a*x - y)/(s**2*(1 + (a*x - y)**2/s**2))")
    short = "2*x*(a*x - y)/(s**2 + (a*x - y)**2)"
    assert to_text(simplify(residual, domain=positive).expr, unicode=False) == short
    assert to_text(simplify(raw, domain=positive).expr, unicode=False) == "2*x/(s**2 + x**2)"
    assert value_at(simplify(raw).expr, {parse("s"): Fraction(0), parse("x"): Fraction(1)}) is None


@settings(deadline=None, max_examples=15)
@given(texts)
def test_equal_to_the_raw_derivative(text: str) -> None:
    try:
        expr = parse(text)
    except UsageError:
        assume(False)
    assume(expr.has(parse("a")))
    raw = differentiate(expr, parse("a"))
    simplified = simplify(raw).expr
    assert count_ops(simplified) <= count_ops(raw)
    assert parse(to_text(simplified, unicode=False)) == simplified
    _same_values(raw, simplified)


ALL_FORMS = (*forms.CHEAP, *forms.THOROUGH, *forms.OF_SUMS)


@pytest.mark.parametrize("form", ALL_FORMS)
@pytest.mark.parametrize(
    "text",
    [
        "sin(a)**2*x + sin(x)**3 - cos(a)**4/cos(x)**2",
        "sinh(a)**2*x + sinh(x)**3 - cosh(a)**4/cosh(x)**2",
        "abs(a - x)/(a + x) + sign(a - x)*a**2",
        "exp(2*a - x)/exp(a) + x**a*x**2/sqrt(a**2 + x)**3 + exp(-a)",
        "a/(a + x) - x*(a - 3)**2/(a**2 - x**2)",
    ],
)
def test_every_form_keeps_the_value(form: forms.Form, text: str) -> None:
    expr = parse(text)
    _same_values(expr, form(expr))


def test_a_wrong_form_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forms, "CHEAP", (lambda expr: parse("x"),))
    monkeypatch.setattr(forms, "THOROUGH", ())
    expr = parse("a*(x + 1237)")  # which no other test simplifies: what is known is not sought again
    assert simplify(expr).expr == expr


def _same_values(raw: sympy.Expr, simplified: sympy.Expr) -> None:
    """Equal to 50 digits wherever both are defined, at up to three random points."""
    compared = 0
    for point in random_points(raw.free_symbols | simplified.free_symbols):
        expected, value = value_at(raw, point), value_at(simplified, point)
        if expected is not None and value is not None:
            assert expected.overlaps(value), point
            compared += 1
        if compared == 3:
            return


def test_nested_tanh_within_the_budget() -> None:
    raw = differentiate(parse("tanh(a*tanh(a*tanh(a*x + b) + b) + b)"), parse("a"))
    result = simplify(raw)
    assert not result.stopped
    assert agreement(raw, result.expr)


def test_sums_with_many_factors_in_common_end_within_the_budget() -> None:
    """Each of eighteen exponentials is in all other terms over one denominator: they can be taken out in any order."""
    raw = differentiate(parse("(y - " + " - ".join(f"exp(-a{k}*x/{k + 3})" for k in range(18)) + ")**2"), parse("a0"))
    result = simplify(raw)
    assert not result.stopped
    assert agreement(raw, result.expr)


def test_a_stopped_simplification_says_so_and_is_right() -> None:
    raw = sympy.expand(parse("(a*x + b*y + 1)**9/(a + 2*b)**5")).diff(parse("a"))
    result = simplify(raw, budget=Budget(20_000, 600))
    assert result.ending is Ending.TOO_LARGE
    assert agreement(raw, result.expr)


def test_what_is_too_large_to_factor_is_not_begun() -> None:
    """1/(a·x₁ + 1) + … over one denominator has more terms than anybody factors: 2¹² times 13 symbols."""
    raw = sympy.Add(*(1 / (parse("a") * parse(f"x{k}") + k) for k in range(1, 13)))
    result = simplify(raw)
    assert result.ending is Ending.TOO_LARGE
    assert agreement(raw, result.expr)
