"""Expressions print as a person writes them, read back as themselves, and are counted as a person counts."""

from __future__ import annotations

import pytest
import sympy
from formulas import texts
from hypothesis import assume, given, settings
from representatives import one_in
from sample_calls import call_of

from diffexplore.errors import UsageError
from diffexplore.formula.latex import to_latex
from diffexplore.formula.order import count_ops
from diffexplore.formula.parse import parse
from diffexplore.formula.text import to_text
from diffexplore.functions import TABLE, Function


@pytest.mark.parametrize(
    ("text", "ascii_text", "unicode_text", "operations"),
    [
        ("b - y + a*x", "a*x + b - y", "a·x + b − y", 3),
        ("(a*x - y + b)**2/(2*(a**2 + 1))", "(a*x + b - y)**2/(2*(a**2 + 1))", "(a·x + b − y)²/(2·(a² + 1))", 8),
        ("a*(y - b) + x", "x + a*(y - b)", "x + a·(y − b)", 3),
        ("x - 2*y/3", "x - 2*y/3", "x − 2·y/3", 3),
        ("-x", "-x", "−x", 1),
        ("-x - y", "-x - y", "−x − y", 2),
        ("(-x)**3*y", "-x**3*y", "−x³·y", 3),
        ("1/x", "1/x", "1/x", 1),
        ("1/(x*y)", "1/(x*y)", "1/(x·y)", 2),
        ("x**(-1/2)", "1/sqrt(x)", "1/√x", 2),
        ("x**(2/3)", "x**(2/3)", "x^(2/3)", 1),
        ("1/sqrt(2*pi)", "1/sqrt(2*pi)", "1/√(2·π)", None),
        ("(1/2)**x", "2**(-x)", "2^(−x)", None),
        ("(2**(-3/2))**(-3/2)", "4*2**(1/4)", "4·2^(1/4)", 2),
        ("abs(sigmoid(x))", "sigmoid(x)", "σ(x)", 1),
        ("abs(x - y)", "abs(x - y)", "|x − y|", 2),
        ("e**x*pi", "pi*exp(x)", "π·exp(x)", 2),
        ("digamma(x)", "digamma(x)", "digamma(x)", 1),
        ("where(x <= 1, x, 2*x)", "where(x <= 1, x, 2*x)", "where(x ≤ 1, x, 2·x)", 3),
        ("where(x > 1 or not (y > 0 and a > 1), 1, 2)", None, None, None),
        ("heaviside(x)", "heaviside(x)", "heaviside(x)", 1),
        ("max(a, b, x)", "max(a, b, x)", "max(a, b, x)", 2),
        ("x - (a + b)", "x - (a + b)", "x − (a + b)", 2),
        ("-(a + b)*(x + y)", "-(a + b)*(x + y)", "−(a + b)·(x + y)", 4),
    ],
)
def test_as_a_person_writes(
    text: str, ascii_text: str | None, unicode_text: str | None, operations: int | None
) -> None:
    expr = parse(text)
    assert parse(to_text(expr, unicode=False)) == expr
    if ascii_text is not None:
        assert to_text(expr, unicode=False) == ascii_text
        assert to_text(expr) == unicode_text
    if operations is not None:
        assert count_ops(expr) == operations


@settings(deadline=None, max_examples=75)
@given(texts)
def test_reads_back_as_itself(text: str) -> None:
    try:
        expr = parse(text)
    except UsageError:
        assume(False)
    ascii_text = to_text(expr, unicode=False)
    assert ascii_text.isascii()
    assert parse(ascii_text) == expr
    assert to_text(parse(ascii_text)) == to_text(expr)


def test_latex() -> None:
    expr = parse("(a*x - y + b)**2/(2*(a**2 + 1))")
    assert to_latex(expr) == r"\frac{\left(a x + b - y\right)^{2}}{2 \left(a^{2} + 1\right)}"
    assert r"a x_{i} + b - y_{i}" in to_latex(expr, indexed=("x", "y"))
    assert to_latex(parse("sigmoid(x)**2*softplus(x)")) == (
        r"\sigma^{2}\left(x\right) \operatorname{softplus}\left(x\right)"
    )


@settings(deadline=None, max_examples=60)
@given(texts)
def test_latex_of_anything(text: str) -> None:
    try:
        expr = parse(text)
    except UsageError:
        assume(False)
    latex = to_latex(expr)
    assert latex.count("{") == latex.count("}")
    assert all(sympy.latex(symbol) in latex for symbol in expr.free_symbols)


@pytest.mark.parametrize("exponent", one_in(3, ["2", "1/2", "-1", "-3/2", "y"]))
@pytest.mark.parametrize("function", TABLE, ids=lambda function: function.name)
def test_powers_of_every_function_are_printed(function: Function, exponent: str) -> None:
    base = parse(call_of(function.name, "x", "y"))
    power = sympy.Pow(base, parse(exponent), evaluate=False)
    for expression in (power, sympy.Mul(power, sympy.Symbol("z", real=True), evaluate=False), 1 + power):
        assert to_latex(expression)
        assert to_text(expression)
