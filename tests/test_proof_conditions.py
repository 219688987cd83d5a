"""How side conditions are stated: once each, in their shortest form, for one sample or for every sample."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
import sympy
from sympy import Abs, Eq, Max, Piecewise, Rational, exp, log, pi, sign, sqrt

from benchmarks.proof_pairs import a, b, real, w, x, y
from diffexplore.decide import decide_equal, decide_gradient
from diffexplore.decide.domain_conditions import DomainCondition
from diffexplore.decide.side_conditions import SideCondition, shortest
from diffexplore.formula.batch_sums import SAMPLES, BatchSum, batch_sum

(z,) = real("z")
DATA = frozenset((x, y))


@pytest.fixture(autouse=True)
def _errors_are_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("diffexplore.decide.decide.STRICT", True)


def worded(conditions: Iterable[SideCondition]) -> list[str]:
    """The conditions as texts."""
    return [one.text for one in shortest(conditions)]


def _nonzero(*expressions: sympy.Expr) -> list[SideCondition]:
    return [SideCondition(DomainCondition(expr, "nonzero")) for expr in expressions]


@pytest.mark.parametrize(
    ("expressions", "texts"),
    [
        ((sqrt(x**2 + y**2), x**2 + y**2), ["x² + y² ≠ 0"]),
        ((2 * a * x - 6, 3 - a * x), ["a·x ≠ 3"]),
        ((pi * (a * x + b), sympy.expand(pi * (a * x + b) ** 2)), ["a·x + b ≠ 0"]),
        ((-y * (a * x + b) - 20,), ["y·(a·x + b) ≠ −20"]),
        (((x - a) ** 2 + y**2, sympy.expand((x - a) ** 2 + y**2)), ["y² + (x − a)² ≠ 0"]),
        ((x * sqrt(y) / 3, x * y), ["x·y ≠ 0"]),
        ((batch_sum(x**2, (x,)) / (SAMPLES - 1), 2 * batch_sum(x**2, (x,))), ["Σ(x²) ≠ 0"]),
        ((sqrt(x**2 + y**2) - 1,), ["√(x² + y²) ≠ 1"]),
        ((exp(x) * y, sympy.Integer(3)), ["y ≠ 0"]),
    ],
)
def test_a_condition_is_stated_once_in_its_shortest_form(expressions: list[sympy.Expr], texts: list[str]) -> None:
    assert worded(_nonzero(*expressions)) == texts


def test_what_follows_is_not_stated() -> None:
    assert worded([*_nonzero(a), SideCondition(DomainCondition(a, "positive"))]) == ["a > 0"]
    assert worded(
        [SideCondition(DomainCondition(a, "nonnegative")), SideCondition(DomainCondition(a - 1, "positive"))]
    ) == ["a > 1"]
    assert worded(
        [SideCondition(DomainCondition(a, "positive")), SideCondition(DomainCondition(a + 1, "positive"))]
    ) == ["a > 0"]
    assert worded(
        [SideCondition(DomainCondition(a * exp(x), "positive")), SideCondition(DomainCondition(a, "positive"))]
    ) == ["a > 0"]
    assert worded([*_nonzero(a + 1), SideCondition(DomainCondition(a, "positive"))]) == ["a > 0"]


def test_what_does_not_follow_stays() -> None:
    assert worded([*_nonzero(a - 1), SideCondition(DomainCondition(a, "positive"))]) == ["a ≠ 1", "a > 0"]
    assert worded(
        [SideCondition(DomainCondition(a, "positive")), SideCondition(DomainCondition(-a - b, "positive"))]
    ) == ["a > 0", "a + b < 0"]
    assert worded([SideCondition(DomainCondition(a, "no pole")), SideCondition(DomainCondition(b, "positive"))]) == [
        "a is not 0, −1, −2, …",
        "b > 0",
    ]
    # What holds of one sample says nothing of every sample; the other way round it does.
    one, every = DomainCondition(x, "positive"), SideCondition(DomainCondition(x, "nonzero"), DATA)
    assert worded([SideCondition(one), every]) == ["x > 0", "x ≠ 0 for every sample"]
    assert worded([SideCondition(one, DATA), *_nonzero(x)]) == ["x > 0 for every sample"]


def test_a_condition_on_data_in_sums_is_for_every_sample_and_one_on_parameters_is_not() -> None:
    forward, claimed = batch_sum(Abs(w * x), (x,)), batch_sum(x * sign(w * x), (x,))
    decision = decide_gradient(forward, claimed, w, data=(x,))
    assert (decision.status, decision.conditions) == ("proved", ("w·x ≠ 0 for every sample",))
    decision = decide_gradient(BatchSum(x * Abs(a), (x,)), BatchSum(x * sign(a), (x,)), a, data=(x,))
    assert (decision.status, decision.conditions) == ("proved", ("a ≠ 0",))
    total = batch_sum(x, (x,))
    decision = decide_equal(total, batch_sum(x + log(x) + log(a) - log(a * x), (x,)))
    assert (decision.status, decision.conditions) == ("proved", ("a > 0", "x > 0 for every sample"))


def test_a_norm_that_is_compared_with_zero_is_one_condition() -> None:
    norm = sqrt((x - a) ** 2 + (y - b) ** 2)
    claimed = batch_sum(Piecewise((0, Eq(norm, 0)), ((a - x) / norm, True)), (x, y))
    decision = decide_gradient(batch_sum(norm, (x, y)), claimed, a, data=(x, y))
    assert (decision.status, decision.conditions) == ("proved", ("(x − a)² + (y − b)² ≠ 0 for every sample",))


def test_a_boundary_that_matters_for_one_case_only_is_stated() -> None:
    forward = Max(z, 0) + Max(z - 1, 0) ** 2
    claimed = Piecewise((0, z < 0), (1, z < 1), (1 + 2 * (z - 1), True))
    assert decide_gradient(forward, claimed, z).conditions == ("z ≠ 0",)
    assert decide_gradient(forward / 2, claimed / 2 + Rational(0), z).conditions == ("z ≠ 0",)
