"""Derivations read as a student learns them, and every line equals the one before."""

from __future__ import annotations

from itertools import pairwise

import pytest
import sympy
from formulas import texts
from hypothesis import assume, given, settings

from diffexplore.errors import UsageError
from diffexplore.formula.compare import agreement
from diffexplore.formula.latex import to_latex
from diffexplore.formula.parse import names_in, parse
from diffexplore.formula.rules import apply_rule
from diffexplore.formula.steps import derivation
from diffexplore.formula.text import to_text
from diffexplore.loss import Loss

PERPENDICULAR = Loss("(a*x - y + b)**2/(2*(a**2 + 1))", parameters="a, b", data="x, y")


def test_the_derivation_of_the_perpendicular_distance() -> None:
    steps = derivation(PERPENDICULAR, "a")
    assert to_text(steps[0].before) == "∂/∂a[(a·x + b − y)²/(2·(a² + 1))]"
    assert [(to_text(step.after), step.rule) for step in steps] == [
        ("∂/∂a[u²/(2·v)]", "let u = a·x + b − y, v = a² + 1"),
        ("∂/∂a[u²/v]/2", "constant factor"),
        ("(v·∂/∂a[u²] − u²·∂v/∂a)/(2·v²)", "quotient rule"),
        ("(2·u·v·∂u/∂a − u²·∂v/∂a)/(2·v²)", "power rule and chain rule"),
        ("(2·x·u·v − 2·a·u²)/(2·v²)", "∂u/∂a = x, ∂v/∂a = 2·a"),
        ("(2·x·(a² + 1)·(a·x + b − y) − 2·a·(a·x + b − y)²)/(2·(a² + 1)²)", "put the inner functions back"),
        ("(a·x + b − y)·(x + a·(y − b))/(a² + 1)²", "simplify"),
    ]
    assert {step.how for step in steps} == {"symbolically"}


def test_lines_follow_each_other_and_end_in_the_gradient() -> None:
    steps = derivation(PERPENDICULAR, "a")
    assert all(step.after == following.before for step, following in pairwise(steps))
    assert steps[-1].after == PERPENDICULAR.gradient()["a"]


@pytest.mark.parametrize(
    ("text", "rules"),
    [
        (
            "tanh(a*tanh(a*x + b) + b)",
            ["chain rule with tanh'(t) = 1 − tanh(t)²", "u = a·tanh(v) + b, let v = a·x + b"],
        ),
        ("a*exp(x*a)", ["product rule", "chain rule with exp'(t) = exp(t)"]),
        ("a**x + 2**a", ["sum rule", "power rule", "exponential rule"]),
        ("a**a", ["logarithmic derivative, f' = f·(log f)'"]),
        ("where(a > x, a**2, sin(a))", ["each branch on its own"]),
        ("max(a, a*x)*atan2(a, x)", ["product rule"]),
        ("sqrt(u**2 + a**2)", ["let v = a² + u²"]),
        ("a*x", ["derivative of a multiple of a"]),
        ("abs(log(a))*sign(a)*heaviside(a - x)", ["product rule"]),
    ],
)
def test_rules(text: str, rules: list[str]) -> None:
    steps = derivation(Loss(text, parameters=names_in(text)), "a")
    said = [step.rule for step in steps]
    assert [rule for rule in rules if rule not in said] == []
    assert all(step.checked and step.how and step.rule for step in steps)
    assert all(to_latex(step.after) for step in steps)


def test_ascii() -> None:
    steps = derivation(PERPENDICULAR, "a", unicode=False)
    assert all(step.rule.isascii() for step in steps)


def test_unknown_symbol() -> None:
    with pytest.raises(UsageError, match="unknown symbol"):
        derivation(PERPENDICULAR, "c")


@settings(deadline=None, max_examples=15)
@given(texts)
def test_every_line_of_any_derivation_is_checked(text: str) -> None:
    try:
        expr = parse(text)
    except UsageError:
        assume(False)
    assume(parse("a") in expr.free_symbols and _is_defined_somewhere(expr))
    names = sorted(symbol.name for symbol in expr.free_symbols)
    steps = derivation(Loss(expr, parameters=names), "a")
    assert all(step.checked for step in steps if _is_defined_somewhere(step.after)), steps


def _is_defined_somewhere(expr: sympy.Expr) -> bool:
    return agreement(expr, sympy.Add(expr, 0, evaluate=False)) is not None


def test_a_wrong_rule_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(node: sympy.Derivative, **_: bool) -> tuple[str, sympy.Expr]:
        return "wrong rule", 2 * apply_rule(node)[1]

    monkeypatch.setattr("diffexplore.formula.steps.apply_rule", wrong)
    steps = derivation(PERPENDICULAR, "a")
    assert {step.rule for step in steps if not step.checked} >= {"wrong rule", "simplify"}


def test_a_wrong_line_is_seen() -> None:
    right, wrong = parse("x*tanh(a*x)"), parse("x*tanh(a*x) + 1/10**20")
    assert agreement(right, right + parse("sin(a)**2 + cos(a)**2 - 1")) is not None
    assert agreement(right, wrong) is None
