"""No error leaves a decision; points are found in thin regions and where branches are told apart by equality."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import pytest
import sympy
import torch
from representatives import one_in, slow
from sympy import Abs, Eq, Max, Piecewise, cos, exp, gamma, sign, sin, sqrt

import diffexplore as dx
from benchmarks.proof_pairs import Pair, a, pairs, real, w, x, y
from diffexplore.decide import branches, decide, decide_equal, decide_gradient, refute
from diffexplore.decide.points import points_in
from diffexplore.decide.regions import Region
from diffexplore.formula.batch_sums import SAMPLES, batch_sum
from diffexplore.formula.budget import Budget
from diffexplore.functions import OPERATIONS

(z,) = real("z")


def _fails(*arguments: Any, **options: Any) -> Any:
    raise ZeroDivisionError("a rule failed")


def test_an_error_in_the_algebra_is_noted_and_what_is_wrong_is_still_refuted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OPERATIONS["sin"].facts.normal_form, "_found", _fails)
    decision = decide_equal(sin(x) ** 2 + cos(x) ** 2, sympy.Integer(1))
    assert decision.status == "unknown"
    assert "internal error in the algebra: ZeroDivisionError: a rule failed" in decision.tried
    assert decide_equal(sin(x), 2 * sin(x) + 1).status == "refuted"


def test_an_error_in_the_search_for_points_proves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refute, "points_in", _fails)
    decision = decide_equal(x * (x + 1), x**2 + x)
    assert decision.status == "unknown"
    assert "internal error in the search for points: ZeroDivisionError: a rule failed" in decision.tried


def test_tests_can_ask_for_the_error_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OPERATIONS["sin"].facts.normal_form, "_found", _fails)
    monkeypatch.setattr(decide, "STRICT", True)
    with pytest.raises(ZeroDivisionError):
        decide_equal(sin(x) ** 2 + cos(x) ** 2, sympy.Integer(1))


@pytest.mark.parametrize("pair", one_in(8, pairs()), ids=lambda pair: pair.name)
def test_no_derivative_written_by_hand_meets_an_internal_error(pair: Pair) -> None:
    decision = decide_gradient(pair.forward, pair.claimed, pair.symbol, data=pair.data, domain=pair.domain)
    assert not any(decide.INTERNAL in text for text in decision.tried), decision.tried


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ((1 + x) ** (10**6), (1 + x) ** (10**6) + 1),
        ((x + y + z) ** 900, (x + y + z) ** 899 * (x + y) + z),
        (sin(10**6 * x), x),
        (sympy.nan, x),
        (sympy.zoo, x),
        (x * sympy.I, x),
        (sympy.floor(x), x),
        (sympy.Derivative(sympy.Function("f")(x), x), x),
        (sympy.LambertW(x), x),
        (sympy.Integral(x, (x, 0, y)), y**2 / 2),
        (sympy.Integer(0) ** x, x),
        (exp(exp(exp(exp(10 + x**2)))), x),
    ],
)
def test_no_expression_leaves_with_an_error_or_is_proved_wrongly(left: sympy.Expr, right: sympy.Expr) -> None:
    _assert_not_proved(left, right)


def _root(u: sympy.Expr) -> sympy.Expr:
    return sqrt(u + 1)


@pytest.mark.parametrize(
    ("step", "height"),
    [
        pytest.param(lambda u: exp(u + 1), 40, id="exp"),
        pytest.param(_root, 16, id="sqrt"),
        slow(lambda u: exp(u + 1), 60, id="exp, high"),
        slow(_root, 60, id="sqrt, high"),
    ],
)
def test_no_tower_leaves_with_an_error(step: Callable[[sympy.Expr], sympy.Expr], height: int) -> None:
    tower: sympy.Expr = x
    for _ in range(height):
        tower = step(tower)
    _assert_not_proved(tower, x)


def _assert_not_proved(left: sympy.Expr, right: sympy.Expr) -> None:
    for decision in (decide_equal(left, right), decide_gradient(left, right, x), decide_gradient(right, left, x)):
        assert decision.status in ("unknown", "refuted")
        assert decision.tried


@pytest.mark.parametrize("wrong", [x > 0, None, "x + 1", (x, y)])
def test_what_is_no_expression_is_refused(wrong: Any) -> None:
    with pytest.raises((TypeError, ValueError)):  # SymPy's own is a ValueError
        decide_equal(wrong, x)


@pytest.mark.parametrize("summed", [False, slow(True)])
def test_the_maximum_norm_with_its_ties_divided_by_their_count(summed: bool) -> None:
    mean = (lambda summand: batch_sum(summand, (x, y)) / SAMPLES) if summed else (lambda summand: summand)
    entries = [Abs(w * x), Abs(a * y)]
    largest = Max(*entries)
    first, second = (Piecewise((1, Eq(entry, largest)), (0, True)) for entry in entries)
    claimed, forward = mean(x * first * sign(w * x) / (first + second)), mean(largest)
    decision = decide_gradient(forward, claimed, w, data=(x, y))
    assert decision.status == "proved", decision
    assert any("a·y − w·x ≠ 0" in text for text in decision.conditions), decision.conditions
    assert decide_gradient(forward, claimed * (1 + first / 10**9), w, data=(x, y)).status == "refuted"


def test_points_are_found_near_the_origin_of_a_norm() -> None:
    norm = sqrt(x**2 + y**2 + z**2)
    inside = Region().split(norm - sympy.Rational(1, 10**8))[1]
    points = list(points_in(inside, [x, y, z], count=8))
    assert len(points) >= 4 and all(all(point.values()) for point in points)
    assert all(sum(number**2 for number in point.values()) < sympy.Rational(1, 10**16) for point in points)


def test_a_departure_of_some_samples_is_no_counterexample() -> None:
    forward = batch_sum(gamma(x + 1), (x,))
    claimed = batch_sum(Piecewise((0, x > 1), (x * gamma(x), True)), (x,))  # beyond the identities that are known here
    assert decide_equal(forward, claimed, conventions={x > 1: "there it is 0 on purpose"}).status == "unknown"
    assert decide_equal(forward, claimed).status == "refuted"


@pytest.mark.parametrize("bound", [False, True])
def test_a_proof_with_a_wrong_branch_is_contradicted_by_values(monkeypatch: pytest.MonkeyPatch, bound: bool) -> None:
    """A second line of defence: what branches were resolved to is held against the expressions as they were given."""
    last = lambda resolver, expr: resolver(expr.args[-1].expr)  # noqa: E731
    monkeypatch.setitem(branches._RULES, Piecewise, last)
    left, right = 2 * x, Piecewise((x, x > 0), (2 * x, True))
    if bound:
        left, right = batch_sum(left, (x,)), batch_sum(right, (x,))
    decision = decide_equal(left, right)
    assert decision.status == "unknown"
    assert "a proof was contradicted by certified values" in decision.tried


def test_the_partials_of_a_proof_share_one_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is too large is unknown, by name, and the number of partials does not multiply the work."""
    monkeypatch.setattr(importlib.import_module("diffexplore.proving.prove"), "BUDGET", Budget(6_000, 600.0))
    powers = torch.arange(1.0, 10.0).reshape(3, 3)  # no two partials are alike
    proof = dx.prove(lambda x: x.softmax(-1) ** powers.to(x.dtype), parameters="x[3,3]", data=[])
    statuses = [statement.decision.status for statement in proof.statements]
    assert (proof.status, statuses[0], statuses[-1]) == ("unknown", "proved", "unknown")
    assert "was stopped: too large" in " ".join(proof.statements[-1].decision.tried)


def test_partials_that_differ_by_where_numbers_stand_take_little_of_the_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Fourier series of fifty frequencies, whose partials are not renamings of each other, ends within its budget."""
    monkeypatch.setattr(importlib.import_module("diffexplore.proving.prove"), "BUDGET", Budget(25_000, 600.0))
    frequencies = torch.arange(1.0, 6.0)

    def series(a: torch.Tensor, b: torch.Tensor, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        angles = x[:, None] * frequencies.to(x.dtype)
        return ((torch.cos(angles) @ a + torch.sin(angles) @ b - y) ** 2).mean()

    assert dx.prove(series, parameters="a[5] b[5]", data="x y").status == "proved"
