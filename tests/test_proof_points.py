"""Single points, edges and corners at which a rule is wrong: each is a counterexample, if there is a derivative there."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from sympy import (
    Abs,
    And,
    Eq,
    Expr,
    Heaviside,
    Integer,
    Max,
    Min,
    Or,
    Piecewise,
    Rational,
    Symbol,
    cos,
    exp,
    log,
    sign,
    sin,
    sqrt,
)  # fmt: skip

import diffexplore as dx
from diffexplore.decide import decide_equal, decide_gradient
from diffexplore.formula.batch_sums import batch_sum
from diffexplore.formula.step_functions import floor, trunc

a, b, c, x = (Symbol(name, real=True) for name in "abcx")
at = {one: Eq(one, 5) for one in (a, b)}


@pytest.fixture(autouse=True)
def _errors_are_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("diffexplore.decide.decide.STRICT", True)


def where(condition: Any, there: Expr, elsewhere: Expr) -> Expr:
    return Piecewise((there, condition), (elsewhere, True))


WRONG_FOR_AB = {
    "corner": (where(And(at[a], at[b]), b + 1, b), "a = 5, b = 5"),
    "corner by inequalities": (where(And(a >= 5, a <= 5, b >= 5, b <= 5), b + 1, b), "a = 5, b = 5"),
    "chain": (where(at[a], where(at[b], b + 1, b), b), "a = 5, b = 5"),
    "negated": (where(Or(~at[a], ~at[b]), b, b + 1), "a = 5, b = 5"),
    "part of an edge": (where(And(at[a], b > 2, b < 3), b + 1, b), "a = 5"),
    "where distances add up to 0": (where(Eq(Abs(a - 5) + Abs(b - 5), 0), b + 1, b), "a = 5, b = 5"),
    "jumps that are multiplied": (b + (1 - Abs(sign(a - 5))) * (1 - Abs(sign(b - 5))), "a = 5, b = 5"),
    "a function of the symbol": (where(Eq(exp(a - 3), 1), b + 1, b), "exp(a − 3) = 1"),
    "whole numbers": (where(Eq(floor(a), a), b + 1, b), "a − floor(a) = 0"),
    "whole numbers at a datum": (where(And(Eq(trunc(a), a), Eq(b, 3)), b + 1, b), ""),
    "an equation that is not solved": (where(Eq(exp(b) + b, 1), b + 1, b), "b + exp(b) = 1"),
}


@pytest.mark.parametrize("name", WRONG_FOR_AB)
def test_a_rule_that_is_wrong_on_a_null_set_is_refuted_there(name: str) -> None:
    claimed, place = WRONG_FOR_AB[name]
    decision = decide_gradient(a * b, claimed, a)
    assert decision.status == "refuted", decision
    assert decision.counterexample is not None
    point = {one: Rational(value) for one, value in decision.counterexample.point.items()}
    known = {symbol: point[symbol.name] for symbol in (a, b)}
    assert claimed.xreplace(known) == b.xreplace(known) + 1  # the rule says so at this very point
    assert not place or decision.place == place


RIGHT_OR_WITHOUT_A_DERIVATIVE = {
    "a tie": (Max(a, b), Heaviside(a - b, Rational(1, 2)), {"a − b ≠ 0"}),
    "a subgradient at a tie": (Max(a, b), Heaviside(a - b, 1), {"a − b ≠ 0"}),
    "the corner of a kink": (Max(a, 0) + Max(b, 0), where(And(Eq(a, 0), Eq(b, 0)), Integer(7), Heaviside(a)), {"a ≠ 0"}),
    "the end of a norm": (sqrt(a**2 + b**2), where(Eq(a**2 + b**2, 0), Integer(0), a / sqrt(a**2 + b**2)), {"a² + b² ≠ 0"}),
    "a jump at the point": (where(And(at[a], at[b]), a * b + 1, a * b), b, {"a ≠ 5"}),
    "the same at the corner": (a * b, where(And(at[a], at[b]), Integer(5), b), {"a ≠ 5"}),
    "no real root": (a * b, where(Eq(a**2 + b**2, -1), b + 1, b), set()),
}  # fmt: skip


@pytest.mark.parametrize("name", RIGHT_OR_WITHOUT_A_DERIVATIVE)
def test_no_convention_at_a_kink_is_refuted(name: str) -> None:
    function, claimed, conditions = RIGHT_OR_WITHOUT_A_DERIVATIVE[name]
    decision = decide_gradient(function, claimed, a)
    assert decision.status == "proved", decision
    assert set(decision.conditions) == conditions


def test_at_a_tie_where_the_derivative_exists_the_rule_must_be_right() -> None:
    total = Max(a, b) + Min(a, b)  # a + b
    assert decide_gradient(total, where(And(Eq(a, b), Eq(b, c)), Integer(0), Integer(1)), a).status == "refuted"
    assert decide_gradient(total, Heaviside(a - b, Rational(1, 2)) + Heaviside(b - a, Rational(1, 2)), a).status == "proved"  # fmt: skip
    gated = Max(a, 0) * b  # where b = 0 it is 0 for every a
    assert (
        decide_gradient(gated, where(And(Eq(a, 0), Eq(b, 0)), Integer(1), b * Heaviside(a, 0)), a).status == "refuted"
    )


@pytest.mark.parametrize(("there", "status"), [(1, "refuted"), (0, "proved")])
def test_where_a_quotient_goes_on_without_a_value_the_derivative_is_its_limit(there: int, status: str) -> None:
    sinc = where(Eq(a, 0), Integer(1), sin(a) / a)
    claimed = where(Eq(a, 0), Integer(there), (a * cos(a) - sin(a)) / a**2)
    assert decide_gradient(sinc, claimed, a).status == status


def test_where_the_function_as_written_has_no_value_there_is_no_truth() -> None:
    claimed = where(Eq(a, 0), Integer(2), Integer(1))  # of exp(log(a)), which SymPy makes a
    assert decide_gradient(a, claimed, a, defined=[a > 0]).status == "proved"
    assert decide_gradient(a, claimed, a).status == "refuted"


@pytest.mark.parametrize("wrong", [And(Eq(a, 5), Eq(x, 2)), And(Eq(a * x, 1), Eq(x, 4)), And(Eq(a, 5), x > 2)])
def test_a_sample_on_a_corner_with_a_parameter_is_looked_at(wrong: Any) -> None:
    claimed = batch_sum(where(wrong, x + 1, x), (x,))
    assert decide_gradient(batch_sum(a * x, (x,)), claimed, a, data=(x,)).status == "refuted"


def test_values_are_held_against_each_other_at_corners_too() -> None:
    unequal = where(And(at[a], at[b]), a * b + 1, a * b)
    assert decide_equal(a * b, unequal, everywhere=True).status == "refuted"
    assert (
        decide_equal(log(b) * a, where(Eq(exp(b) + b, 1 + exp(1)), a + 1, a * log(b)), everywhere=True).status
        == "refuted"
    )


class AtAPoint(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, p: torch.Tensor, q: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(p, q)
        return p * q

    @staticmethod
    def backward(ctx: Any, upstream: torch.Tensor) -> Any:
        p, q = ctx.saved_tensors
        return upstream * torch.where((p == 5) & (q == 5), q + 1, q), upstream * p


@pytest.mark.usefixtures("causes_unsought")
def test_a_backward_that_is_wrong_at_one_point_is_refuted_there() -> None:
    proof = dx.prove(AtAPoint, parameters="p, q", data="")
    assert "its ∂L/∂p is wrong where p = 5, q = 5 (6, should be 5, at p = 5, q = 5); ∂L/∂q is right" in str(proof)


#: Conditions that hold on a small set, where no draw comes to: powers, discs and ellipses, one of them far out.
SMALL_SETS: dict[str, Any] = {
    "power": (a - 1) ** 20 < Rational(1, 10**30),
    "two_places": (a - 1) ** 2 * (a - 3) ** 2 < Rational(1, 10**12),
    "around_a_root": (a**2 - 2) ** 4 < Rational(1, 10**20),
    "far_out": (a - 10**4) ** 2 < Rational(1, 10**8),
    "beside_a_line": (a - b) ** 20 < Rational(1, 10**60),
    "beside_a_circle": (a**2 + b**2 - 1) ** 2 < Rational(1, 10**16),
    "disc": (a - 1) ** 2 + (b - 2) ** 2 < Rational(1, 10**8),
    "ellipse": (a - 1) ** 2 + (a + b - 2) ** 2 < Rational(1, 10**8),
    "absolute": And(Abs(a - 1) < Rational(1, 1000), Abs(b - 1) < Rational(1, 1000)),
}


@pytest.mark.parametrize("name", SMALL_SETS)
def test_a_rule_that_is_wrong_on_a_small_set_is_refuted(name: str) -> None:
    claimed = Piecewise((3 * a * b, SMALL_SETS[name]), (2 * a * b, True))
    assert decide_gradient(a**2 * b, claimed, a).status == "refuted"


_TINY = Rational(1, 10**40)


@pytest.mark.parametrize(
    ("condition", "wrong"),
    [
        ((x - 1) ** 2 + (a - 2) ** 2 < _TINY**2, Integer(0)),
        ((x - 1) ** 2 + (a - 2) ** 2 < _TINY**2, a + (x - 1)),  # right where x = 1, as at the centre
        ((x - 1) ** 2 < _TINY**2, a + (x - 1)),
        (x > Integer(10) ** 200, Integer(0)),
    ],
    ids=["disc", "but for its centre", "strip", "far away"],
)
def test_points_are_as_small_and_as_large_as_a_condition_needs(condition: Any, wrong: Expr) -> None:
    decision = decide_gradient(a * x, where(condition, wrong, a), x)
    assert decision.status == "refuted"
    assert decision.counterexample is not None
    assert all(number.denominator <= 10**60 for number in decision.counterexample.point.values())


def test_a_polynomial_whose_coefficients_are_no_rationals_has_roots_that_are_none() -> None:
    claimed = where(Eq(sin(x) * Min(a, x), 1), 2 * a * x**2 + 1, 2 * a * x**2)
    assert decide_gradient((a * x) ** 2, claimed, a, data=[x]).conditions
