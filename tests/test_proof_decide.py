"""Decisions: what is proved and under which conditions, what is refuted, and the traps in which a prover is wrong."""

from __future__ import annotations

from fractions import Fraction

import pytest
import sympy
from representatives import one_in
from sympy import (
    Abs,
    Max,
    Min,
    Ne,
    Piecewise,
    Rational,
    acosh,
    asin,
    atan,
    cos,
    exp,
    gamma,
    log,
    pi,
    sign,
    sin,
    sqrt,
    tan,
)

import diffexplore as dx
from benchmarks.proof_pairs import Pair, a, b, batched, elementwise, p, perceptron, real, w, x, y
from diffexplore.decide import Decision, decide_equal, decide_gradient
from diffexplore.decide.values import value
from diffexplore.formula.batch_sums import SAMPLES, batch_sum
from diffexplore.formula.functions_sympy import sigmoid

N = SAMPLES
(z,) = real("z")
TINY = Rational(1, 10**9)
_RATIO = log(x / y)
_WEIGHTS = batch_sum(exp(w * x), (x,))
_SQUARES = batch_sum((w * x - y) ** 2, (x, y))
LINEAR = "torch's softplus is linear above its threshold"


@pytest.fixture(autouse=True)
def _errors_are_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("diffexplore.decide.decide.STRICT", True)


def _decide(pair: Pair) -> Decision:
    return decide_gradient(pair.forward, pair.claimed, pair.symbol, data=pair.data, domain=pair.domain)


@pytest.mark.parametrize("pair", one_in(4, [*elementwise(), *batched()]), ids=lambda pair: pair.name)
def test_derivatives_written_by_hand_are_proved(pair: Pair) -> None:
    decision = _decide(pair)
    assert decision.status == "proved", decision
    assert decision.tried and decision.counterexample is None


def test_a_perceptron_of_width_three_is_proved_in_all_thirteen_partials_within_ten_seconds() -> None:
    decisions = [_decide(pair) for pair in perceptron()]
    assert [decision.status for decision in decisions] == ["proved"] * 13
    assert "for every number of samples" in decisions[1].tried[0]


@pytest.mark.parametrize("name", one_in(6, dx.losses.names(), first=2))
def test_every_loss_of_the_catalogue_is_proved_in_both_forms(name: str) -> None:
    loss = dx.losses.get(name)
    data = [loss.symbols[entry] for entry in loss.data]
    gradient = loss.gradient((*loss.parameters, *loss.data))
    total = batch_sum(loss.expression, data) / N
    for entry in gradient:
        for form in {gradient[entry], gradient.raw[entry]}:
            claimed = form / N if entry in loss.data else batch_sum(form, data) / N
            decision = decide_gradient(total, claimed, loss.symbols[entry], data=data, domain=loss.domain)
            assert decision.status == "proved", (entry, form, decision)


@pytest.mark.parametrize(
    ("forward", "claimed", "conditions"),
    [
        (Abs(x), sign(x), ("x ≠ 0",)),
        (x**2, 2 * x, ()),
        (x**2, 2 * (x**2 + x) / (x + 1), ("x ≠ −1",)),
        (sqrt(x), 1 / (2 * sqrt(x)), ("x ≠ 0",)),
        (log(x**2), 2 / x, ()),
        (x * log(x), log(x) + 1, ()),
        (sqrt(_SQUARES), batch_sum((w * x - y) * x, (x, y)) / sqrt(_SQUARES), ("Σ((w·x − y)²) ≠ 0",)),
        (batch_sum(Abs(w * x), (x,)), batch_sum(x * sign(w * x), (x,)), ("w·x ≠ 0 for every sample",)),
    ],
)
def test_side_conditions_are_stated(forward: sympy.Expr, claimed: sympy.Expr, conditions: tuple[str, ...]) -> None:
    symbol = w if forward.has(w) or not forward.has(x) else x
    decision = decide_gradient(forward, claimed, symbol)
    assert (decision.status, decision.conditions) == ("proved", conditions)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (log(1 + exp(-x)) + x, log(1 + exp(x))),
        (sin(x + y), sin(x) * cos(y) + cos(x) * sin(y)),
        (tan(x) ** 2 + 1, 1 / cos(x) ** 2),
        (sqrt(x**2 - 2 * x + 1), Abs(x - 1)),
        (Max(x, y, z), Max(x, Max(y, z))),
        (Max(x, y, z) + Min(x, y, z), x + y + z - Max(Min(x, y), Min(Max(x, y), z))),
        (Abs(x) + Abs(Abs(x) - 1), Piecewise((1, Abs(x) < 1), (2 * Abs(x) - 1, True))),
        (batch_sum((x - a) ** 2, (x,)), batch_sum(x**2, (x,)) - 2 * a * batch_sum(x, (x,)) + N * a**2),
        (acosh(x), log(x + sqrt(x - 1) * sqrt(x + 1))),
        (sympy.asinh(2 * x), log(2 * x + sqrt(4 * x**2 + 1))),
        (_WEIGHTS * log(_WEIGHTS) + _WEIGHTS, _WEIGHTS * (1 + log(_WEIGHTS))),
        (batch_sum(x / (x**2 + 1) + x**3 / (x**2 + 1), (x,)), batch_sum(x, (x,))),
        (batch_sum(Max(x, 0), (x,)) ** 2, (batch_sum(x + Abs(x), (x,)) / 2) ** 2),
        (Piecewise((x, Ne(x, 0)), (5, True)), x),
        (exp(x / y + z), exp(x / y) * exp(z)),
        (exp(z + x / sqrt(y)), exp(z) * exp(x * sqrt(y) / y)),
        (sin(x / y + z), sin(x / y) * cos(z) + cos(x / y) * sin(z)),
        (x * exp(-((z**2 + 2 * _RATIO) ** 2) / (8 * z**2)), y * exp(-((z**2 - 2 * _RATIO) ** 2) / (8 * z**2))),
    ],
)
def test_equal_expressions_are_proved(left: sympy.Expr, right: sympy.Expr) -> None:
    assert decide_equal(left, right).status == "proved"
    assert decide_equal(right, left).status == "proved"


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (sqrt(x**2 + 2 * x + 1), x + 1),  # |x + 1|
        (sqrt(sympy.expand((x**2 - 3) ** 2)), x**2 - 3),
        (log(x**2), 2 * log(-x) + 1),
        (atan(x) + atan(1 / x), pi / 2),
        (exp(log(x**2) / 2), x),
        (exp(_RATIO / 2) ** 2, y / x),
        (exp(_RATIO / 2) * log(x), sqrt(y / x) * log(x)),
        (asin(sin(x)), x),
        (tan(x), tan(x) + sympy.Rational(1, 10**40)),
        (acosh(x), sqrt(x - 1)),
        (Abs(x + y), Abs(x) + Abs(y)),
        (Max(x, y, z), Max(x, y)),
        (Piecewise((x, x < 1), (x + TINY, x < 1 + TINY), (x, True)), x),
        (Piecewise((x, x > y), (y, True)), x),
        (Piecewise((Piecewise((x, y > 1), (2 * x, True)), x > 0), (x, True)), x),
        (sin(x) * sin(y), cos(x - y) / 2 - cos(x + y) * Rational(1, 2) + TINY),
        (Piecewise((1, batch_sum(x, (x,)) > 0), (0, True)), sympy.S.One),
        (batch_sum(x, (x,)) / N, batch_sum(x, (x,)) / 3),
        (batch_sum(x, (x,)) ** 2, batch_sum(x**2, (x,))),
        (batch_sum(Piecewise((x, x < a), (x + TINY, x < a + TINY), (x, True)), (x,)), batch_sum(x, (x,))),
        (gamma(x + 1), x * gamma(x) + TINY),
    ],
)
def test_unequal_expressions_are_refuted_by_certified_values(left: sympy.Expr, right: sympy.Expr) -> None:
    for first, second in ((left, right), (right, left)):
        decision = decide_equal(first, second)
        assert decision.status == "refuted", decision
        found = decision.counterexample
        assert found is not None
        point = {sympy.Symbol(name, real=True): number for name, number in found.point.items()}
        samples = [{sympy.Symbol(name, real=True): number for name, number in one.items()} for one in found.samples]
        values = [value(side, point, samples) for side in (first, second)]
        assert values[0] is not None and values[1] is not None and not values[0].overlaps(values[1])
        middles = [Fraction(ball.middle) for ball in (found.left, found.right)]
        assert abs(middles[0] - middles[1]) > Fraction(found.left.radius) + Fraction(found.right.radius)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (x, x / (sin(x) ** 2 + cos(x) ** 2 - 1)),  # 0 below
        (x, x * log(-1 - x**2 - y**2) / (log(-(x**2) - y**2 - 1) + sqrt(-1 - y**2))),
        (x, x + asin(x**2 + 2) - asin(4 + x**2) + asin(4 + x**2) * sqrt(-1 - x**2)),
        (gamma(x + 1), x * gamma(x)),  # true, and beyond the identities that are known here
        (sympy.Symbol("x"), x),  # two symbols with one name
        (x, x * sympy.I / sympy.I + sympy.I * y - sympy.I * y + sympy.root(-8, 3)),
    ],
)
def test_what_cannot_be_decided_is_unknown_and_says_what_was_tried(left: sympy.Expr, right: sympy.Expr) -> None:
    decision = decide_equal(left, right)
    assert decision.status == "unknown", decision
    assert decision.tried and decision.counterexample is None


def test_the_largest_difference_seen_is_told_where_nothing_is_decided() -> None:
    decision = decide_equal(gamma(x + 1), x * gamma(x))
    assert decision.status == "unknown" and decision.largest_difference is not None
    assert float(decision.largest_difference) < 1e-20


@pytest.mark.parametrize(
    ("left", "right", "condition"),
    [
        (x, x + log(x) - log(x * y) + log(y), "x > 0"),
        (log(x * y), log(x) + log(y), "x > 0"),
        (x + 1, (x**2 + x) / x + sin(x) / sin(x) - 1, "x ≠ 0"),
        (x, Piecewise((x, x > 0), (x + log(-1 - x**2), True)), "not where x < 0: there the right side has no value"),
        (batch_sum(x, (x,)), batch_sum(Piecewise((x, x > 0), (log(-1 - x**2), True)), (x,)),
         "no sample where x < 0: there the right side has no value"),
    ],
)  # fmt: skip
def test_where_only_one_side_has_a_value_a_condition_says_so(
    left: sympy.Expr, right: sympy.Expr, condition: str
) -> None:
    decision = decide_equal(left, right)
    assert decision.status == "proved", decision
    assert condition in decision.conditions


def test_what_holds_on_the_domain_only_is_proved_there_and_refuted_without_it() -> None:
    assert decide_equal(sqrt(x**2), x, domain=[x > 0]).status == "proved"
    assert decide_equal(sqrt(x**2), x).status == "refuted"
    total, plain = batch_sum(Abs(x), (x,)), batch_sum(x, (x,))
    assert decide_equal(total, plain, domain=[x >= 0]).status == "proved"
    assert decide_equal(total, plain, domain=[x >= -TINY]).status == "refuted"
    assert decide_gradient(Max(x, a), sympy.S.One, x, domain=[x > a]).conditions == ()


def test_conditions_of_a_domain_that_no_point_meets_prove_nothing() -> None:
    assert decide_equal(x, 2 * x, domain=[x > 1, x < 0]).status == "unknown"
    assert decide_equal(x * (x + 1), x**2 + x, domain=[x > y, y > 1, x < 0]).status == "unknown"
    assert decide_equal(x * (x + 1), x**2 + x, domain=[sin(x) > 2]).status == "unknown"  # no witness is found


def test_a_departure_on_purpose_is_a_condition_and_a_difference_elsewhere_is_not_excused() -> None:
    claimed = Piecewise((1, x > 20), (sigmoid(x), True))
    forward, conventions = log(1 + exp(x)), {x > 20: LINEAR}
    decision = decide_gradient(forward, claimed, x, conventions=conventions)
    assert (decision.status, decision.conditions) == ("proved", (f"for x ≤ 20: {LINEAR}",))
    assert decide_gradient(forward, claimed, x).status == "refuted"
    assert decide_gradient(forward, claimed * (1 + TINY), x, conventions=conventions).status == "refuted"
    everywhere = {sympy.Or(x > 20, x <= 20): LINEAR}
    assert decide_gradient(forward, 2 * claimed, x, conventions=everywhere).status != "proved"


def test_a_departure_of_some_samples_is_a_condition_on_samples() -> None:
    forward = batch_sum(log(1 + exp(w * x)), (x,)) / N
    claimed = batch_sum(x * Piecewise((1, w * x > 20), (sigmoid(w * x), True)), (x,)) / N
    decision = decide_gradient(forward, claimed, w, data=(x,), conventions={w * x > 20: LINEAR})
    assert (decision.status, decision.conditions) == ("proved", (f"for w·x ≤ 20: {LINEAR}",))
    assert decide_gradient(forward, claimed, w, data=(x,)).status == "refuted"


def _huber(residual: sympy.Expr) -> tuple[sympy.Expr, sympy.Expr]:
    forward = Piecewise((residual**2 / 2, Abs(residual) < b), (b * (Abs(residual) - b / 2), True))
    return forward, Piecewise((residual, Abs(residual) < b), (b * sign(residual), True))


def test_a_boundary_is_a_condition_only_where_something_happens() -> None:
    forward, claimed = _huber(x - y)
    assert decide_gradient(forward, claimed, x, domain=[b > 0]).conditions == ()
    total, slope = (batch_sum(part, (x, y)) for part in (forward.subs(x, w * x), x * claimed.subs(x, w * x)))
    assert decide_gradient(total, slope, w, domain=[b > 0]).conditions == ()
    jump = Piecewise((x**2, x < 1), (x**2 + 1, True))
    assert decide_gradient(jump, 2 * x, x).conditions == ("x ≠ 1",)
    odd = Piecewise((2 * x, Ne(x, 1)), (7, True))
    wrong = decide_gradient(x**2, odd, x)  # at x = 1 alone
    assert wrong.counterexample is not None and wrong.counterexample.point == {"x": Fraction(1)}
    assert (wrong.counterexample.left.middle, wrong.counterexample.right.middle) == ("2", "7")
    assert decide_gradient(Max(x, 0) ** 2, 2 * Max(x, 0), x).conditions == ()
    assert decide_gradient(Max(x, 0), Piecewise((1, x > 0), (0, True)), x).conditions == ("x ≠ 0",)


def test_a_condition_that_never_holds_hides_nothing() -> None:
    never = Ne(exp(x + 1) * exp(-x), exp(1))
    assert decide_equal(x, Piecewise((x, never), (2 * x, True))).status == "refuted"
    assert decide_equal(x, Piecewise((2 * x, never), (x, True))).status == "proved"


def test_a_real_root_of_a_negative_number_has_no_value() -> None:
    assert decide_equal(sympy.root(-8, 3) + x, x - 2).status == "unknown"
    assert decide_gradient(x ** Rational(1, 3), x ** Rational(-2, 3) / 3, x).conditions == ("x ≠ 0",)


def test_a_derivative_by_data_reaches_through_every_sum() -> None:
    mean = batch_sum(x, (x,)) / N
    forward = batch_sum((x - mean) ** 3, (x,))
    right = 3 * (x - mean) ** 2 - 3 * batch_sum((x - mean) ** 2, (x,)) / N
    assert decide_gradient(forward, right, x, data=(x,)).status == "proved"
    assert decide_gradient(forward, 3 * (x - mean) ** 2, x, data=(x,)).status == "refuted"


def test_floats_are_the_rationals_that_they_are() -> None:
    assert decide_equal(x * sympy.Float(0.5), x / 2).status == "proved"
    assert decide_equal(x * sympy.Float(0.1), x / 10).status == "refuted"


def test_powers_with_a_symbol_above_are_those_of_positive_numbers() -> None:
    assert decide_equal(x**p * x**b, x ** (p + b), domain=[x > 0]).conditions == ()
    assert decide_equal(exp(p * log(x)), x**p * y**0).status == "proved"


@pytest.mark.parametrize("known", [True, False])
def test_a_product_with_a_square_that_is_not_negative_tells_no_sign_where_the_square_is_zero(known: bool) -> None:
    """(x − a)²·y ≥ 0 holds at x = a for negative y, too, where √(y²) is −y."""
    product, root = sympy.expand((x - a) ** 2 * y), sqrt((y + 1) ** 2 - 2 * y - 1)
    domain, both = ([product >= 0], 0) if known else ([], b * sqrt(product))
    assert decide_equal(both + root, both + y, domain=domain).status != "proved"
    assert decide_equal(both + root, both + sympy.Abs(y), domain=domain).status == "proved"
