"""What has no value, or another one in torch than in the algebra: regions are left out only where a condition says so."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
import sympy
from sympy import Abs, Heaviside, Integer, Max, Piecewise, Rational, atan2, exp, log, loggamma, sign, sqrt, tanh

from benchmarks.proof_pairs import a, p, real, x, y
from diffexplore.decide import decide_equal, decide_gradient
from diffexplore.formula.batch_sums import SAMPLES, batch_sum

(z,) = real("z")
N = SAMPLES
relu = Max(x, 0)
TRAP = Piecewise((1, x > 0), (0, True)) / (2 * sqrt(x))
LOWER = Piecewise((x, log(x) < 0), (x**2, True))


@pytest.fixture(autouse=True)
def _errors_are_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("diffexplore.decide.decide.STRICT", True)


@pytest.mark.parametrize(
    ("forward", "claimed", "conditions"),
    [
        (x**p, p * x ** (p - 1), {"x > 0"}),
        (x**p, p * Abs(x) ** (p - 1), {"x > 0"}),  # at x = −2, p = 2 it is wrong
        (relu**p, Piecewise((p * x ** (p - 1), x > 0), (0, x >= 0), (7, True)),
         {"x ≠ 0", "not where x < 0: there the left side has no value"}),
        (exp(-1 / relu), Piecewise((exp(-1 / x) / x**2, x > 0), (7, True)),
         {"x ≠ 0", "not where x < 0: there the left side has no value"}),  # torch: exp(−1/0) = 0
        (tanh(1 / x), (tanh(1 / x) ** 2 - 1) / x**2, {"x ≠ 0"}),  # torch: tanh(1/0) = 1
        (1 / x, -1 / x**2, set()),
        (x**Rational(3, 2), Piecewise((sqrt(x) * 3 / 2, x > 0), (7, True)), {"x ≠ 0"}),  # NaN in torch for x < 0
        (log(log(x)), 1 / (x * log(x)), set()),
        (loggamma(x), sympy.digamma(x), {"x > 0"}),  # torch's lgamma has values for x < 0
        (atan2(x, y), y / (x**2 + y**2), {"x² + y² ≠ 0", "x ≠ 0 or y > 0"}),
        (LOWER, Piecewise((1, x < 1), (2 * x, True)), {"log(x) ≠ 0", "x > 0"}),  # log(−2) < 0 is false
        (sign(sqrt(x) + 1) * x, Integer(1), {"x ≥ 0"}),
        (Max(log(x), 0), Piecewise((1 / x, x > 1), (0, True)), {"log(x) ≠ 0", "x > 0"}),  # fmax(NaN, 0) is 0
        (Piecewise((sqrt(x), x > 0), (0, True)), TRAP, {"x > 0"}),
        (relu**2, 2 * relu * (1 + Heaviside(-x, 0) * log(x)), {"x > 0"}),
        (x**2, 2 * x + Heaviside(x, 0) * 0 * log(x), set()),
    ],
)  # fmt: skip
def test_a_region_is_left_out_in_silence_only_where_torch_has_no_value(
    forward: sympy.Expr, claimed: sympy.Expr, conditions: set[str]
) -> None:
    decision = decide_gradient(forward, claimed, x)
    assert decision.status == "proved", decision
    assert set(decision.conditions) == conditions


@pytest.mark.parametrize(
    ("left", "right", "conditions"),
    [
        (sign(x) * Abs(x) ** p, x**p, {"x > 0"}),
        (x**p, sign(x) * Abs(x) ** p, {"x > 0"}),
        (Piecewise((x**p, x > 0), (0, True)), x**p, {"x > 0"}),
        (Piecewise((x, x < 1), (x**2, True)), LOWER, {"x > 0"}),
        (1 / x, ((log(x) + 1) ** 2 - log(x) ** 2 - 2 * log(x)) / x, {"x > 0"}),  # 1/x needs but x ≠ 0
        (1 / x, ((sqrt(x) + 1) ** 2 - x - 2 * sqrt(x)) / x, {"x ≥ 0"}),
    ],
)
def test_what_one_side_asks_of_what_has_no_value_is_stated(
    left: sympy.Expr, right: sympy.Expr, conditions: set[str]
) -> None:
    decision = decide_equal(left, right)
    assert decision.status == "proved", decision
    assert set(decision.conditions) == conditions


@pytest.mark.parametrize(
    ("summand", "claimed", "conditions"),
    [
        (a * x**p, Piecewise((x**p, x > 0), (7, True)), {"x > 0 for every sample"}),
        (a * LOWER, Piecewise((x, x < 1), (x**2, True)), {"x > 0 for every sample"}),
        (a * log(x), Piecewise((log(x), x > 0), (7, True)), set()),  # NaN for x < 0, −inf at 0
        (exp(a * log(x)), Piecewise((log(x) * x**a, x > 0), (7, True)), {"x ≠ 0 for every sample"}),
        (a * Piecewise((1, x > 0), (0, True)) * (sqrt(x) + 1), Piecewise((sqrt(x) + 1, x > 0), (0, True)),
         set()),
    ],
)  # fmt: skip
def test_the_same_holds_for_samples(summand: sympy.Expr, claimed: sympy.Expr, conditions: set[str]) -> None:
    decision = decide_gradient(batch_sum(summand, (x,)), batch_sum(claimed, (x,)), a, data=(x,))
    assert decision.status == "proved", decision
    assert set(decision.conditions) == conditions


def test_a_condition_inside_a_sum_that_is_compared_is_no_value_of_the_sum() -> None:
    positive = batch_sum(log(x), (x,)) > 0
    decision = decide_gradient(Piecewise((a, positive), (3 * a, True)), Piecewise((1, positive), (3, True)), a)
    assert decision.status == "proved"
    assert "x > 0 for every sample" in decision.conditions


def test_the_sign_of_a_power_is_that_of_a_positive_base_only() -> None:
    decision = decide_gradient(Piecewise((a, x**p > 0), (3 * a, True)), Integer(1), a)
    assert (decision.status, decision.place) == ("refuted", "x^p = 0")  # at x = 0, p = 1/2
    decision = decide_gradient(Piecewise((a, x**p > 0), (3 * a, True)), Integer(1), a, domain=[x > 0])
    assert (decision.status, decision.conditions) == ("proved", ())


def test_no_counterexample_lies_where_a_condition_asks_for_what_has_no_value() -> None:
    right = Piecewise((2 * x, x < 0), (1, x < 1), (2 * x, True))  # torch takes x² for x < 0
    assert decide_gradient(LOWER, right, x).status == "proved"
    wrong = decide_gradient(LOWER, 3 * right, x)
    assert wrong.counterexample is not None and wrong.counterexample.point["x"] > 0


@pytest.mark.parametrize(
    "never",
    [
        batch_sum(x, (x,)) ** 2 > N * batch_sum(x**2, (x,)),  # Cauchy and Schwarz
        Abs(batch_sum(x, (x,))) > batch_sum(Abs(x), (x,)),
        batch_sum(x, (x,)) > batch_sum(x + 1, (x,)),
        x**2 > batch_sum(x**2, (x,)),
        sympy.And(N > 2, N < 3),
    ],
)
def test_a_counterexample_lies_certainly_in_its_region(never: Any) -> None:
    decision = decide_gradient(Piecewise((a**2, never), (a, True)), Integer(1), a, data=(x,))
    assert decision.status == "unknown", decision
    sometimes = decide_gradient(Piecewise((a**2, sympy.Not(never)), (a, True)), Integer(1), a, data=(x,))
    assert sometimes.status == "refuted"
    assert sometimes.counterexample is not None
    assert bool(sometimes.counterexample.samples) == sympy.sympify(never).has(x)


def test_a_counterexample_tells_the_number_of_samples_that_its_region_is_about() -> None:
    decision = decide_gradient(Piecewise((a**2, N > 2), (a, True)), Integer(1), a)
    assert decision.counterexample is not None
    assert decision.counterexample.point["N"] > 2


def _norm(order: sympy.Rational, outer: sympy.Rational) -> sympy.Expr:
    return (Abs(x) ** order + Abs(y) ** order) ** outer


_TENTH = Rational(0.10000000000000009)  # what C++ has for 1.1 − 1


@pytest.mark.parametrize(
    ("forward", "claimed", "statuses"),
    [
        (_norm(Rational(11, 10), Rational(10, 11)),
         sign(x) * Abs(x) ** Rational(1, 10) * _norm(Rational(11, 10), Rational(-1, 11)), {"proved"}),
        (_norm(Rational(11, 10), Rational(10, 11)),
         sign(x) * Abs(x) ** _TENTH * _norm(Rational(11, 10), Rational(-1, 11)), {"unknown", "refuted"}),
        (_norm(Rational(1.1), Rational(1 / 1.1)),
         sign(x) * Abs(x) ** _TENTH * _norm(Rational(1.1), Rational(1 / 1.1 - 1)), {"unknown", "refuted"}),
        ((exp(x / 997) + exp(x / 991) + exp(x / 983)) / (1 + exp(x / 7)),
         1 / (exp(x / 997) + exp(x / 991) + exp(x / 983) + sympy.sin(x)), {"unknown", "refuted"}),
        (log((x**400 + y**399 + x * y + 1) * (x**401 + y**403 + 2)), 400 / x, {"unknown", "refuted"}),
    ],
)  # fmt: skip
def test_high_roots_and_degrees_end(forward: sympy.Expr, claimed: sympy.Expr, statuses: set[str]) -> None:
    assert decide_gradient(forward, claimed, x).status in statuses


def test_points_of_a_counterexample_are_exact() -> None:
    decision = decide_equal(x**p, x**p + Heaviside(x - 1, 0))
    assert decision.counterexample is not None
    assert all(isinstance(number, Fraction) for number in decision.counterexample.point.values())
    assert decision.counterexample.point["x"] > 1
