"""Where expressions have no value nothing is claimed, and that is said."""

from __future__ import annotations

import pytest
import sympy
from sympy import Abs, And, Max, Ne, Or, exp, log, sqrt

from benchmarks.proof_pairs import a, b, real, w, x, y
from diffexplore.decide import decide_equal, decide_gradient
from diffexplore.formula.batch_sums import batch_sum

(z,) = real("z")


@pytest.fixture(autouse=True)
def _errors_are_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("diffexplore.decide.decide.STRICT", True)


@pytest.mark.parametrize(
    ("forward", "needs", "conditions"),
    [
        (z**2, (z > 0,), ("z > 0",)),
        (z**2, (z >= 0,), ("z ≥ 0",)),
        (z**2, (z < 3, Ne(z, 1)), ("z < 3", "z ≠ 1")),
        (z**2, (And(z > -1, z < 1),), ("z > −1", "z < 1")),
        (z**2, (Or(z > 0, y > 0),), ("y > 0 or z > 0",)),
        (z**2, (Ne(Max(z, 0), 0),), ("z > 0",)),
        (z**2, (Ne(z**2 + 1, 0), exp(z) > 0, Max(z, 1) > 0, Or(z > 0, exp(y) > 0), sympy.true), ()),
        (log(z), (z > 0,), ()),
        (sqrt(z), (z > 0,), ("z ≠ 0",)),
        (1 / z, (z > 0,), ("z > 0",)),
        (Abs(z) * z, (z > 0,), ("z > 0",)),
        (sympy.Piecewise((z**2, z > 0), (z**3, True)), (z > 0, y > 0), ("z > 0", "y > 0")),
        (log(z), (Or(z > 0, y > 0),), ()),
    ],
)
def test_a_need_is_stated_where_it_is_not_certain(
    forward: sympy.Expr, needs: tuple[sympy.Basic, ...], conditions: tuple[str, ...]
) -> None:
    claimed = sympy.diff(forward, z) if not forward.has(Abs) else sympy.Piecewise((2 * z, z > 0), (-2 * z, True))
    decision = decide_gradient(forward, claimed, z, needs=needs)
    assert decision.status == "proved", decision
    assert sorted(decision.conditions) == sorted(conditions)
    assert sorted(decide_equal(forward, forward, needs=needs).conditions) == sorted(conditions)


def test_a_difference_where_a_need_fails_is_no_counterexample() -> None:
    claimed = sympy.Piecewise((2 * x, x > 0), (7, True))
    decision = decide_gradient(x**2, claimed, x, needs=[x > 0])
    assert (decision.status, decision.conditions) == ("proved", ("x > 0",))
    assert decide_gradient(x**2, claimed, x, needs=[x > -1]).status == "refuted"
    assert decide_gradient(x**2, 3 * x, x, needs=[x > 100]).counterexample.point["x"] > 100
    assert decide_gradient(x**2, 3 * x, x, needs=[x > 1, x < 0]).status == "unknown"
    assert decide_gradient(x**2, 2 * x, x, needs=[x > 1, x < 0]).status == "unknown"
    total, half = batch_sum(x**2 * w, (x,)), batch_sum(claimed * x / 2, (x,))
    decision = decide_gradient(total, half, w, data=(x,), needs=[x > 0])
    assert (decision.status, decision.conditions) == ("proved", ("x > 0 for every sample",))


def test_a_need_of_data_is_one_of_every_sample() -> None:
    decision = decide_gradient(batch_sum(a * x, (x,)), batch_sum(x, (x,)), a, data=(x,), needs=[x > 0, a > 0])
    assert set(decision.conditions) == {"x > 0 for every sample", "a > 0"}
    decision = decide_gradient(batch_sum(a * x, (x,)), a, x, data=(x,), needs=[x > 0])
    assert decision.conditions == ("x > 0 for every sample",)
    decision = decide_gradient(
        batch_sum(log(x) * b, (x,)), batch_sum(log(x), (x,)), b, data=(x,), needs=[x > 0, Or(x > 1, a > 0)]
    )
    assert decision.conditions == ("a > 0 or x > 1 for every sample",)


def test_what_a_sum_needs_of_every_sample_it_needs_of_the_one_outside() -> None:
    decision = decide_gradient(batch_sum(log(x), (x,)), 1 / x, x, data=(x,), needs=[x > 0])
    assert (decision.status, decision.conditions) == ("proved", ())
    decision = decide_gradient(
        batch_sum(Abs(x) * log(y), (x, y)), log(y) * sympy.sign(x), x, data=(x, y), needs=[x > 0]
    )
    assert (decision.status, decision.conditions) == ("proved", ("x > 0 for every sample",))
    decision = decide_gradient(batch_sum(x**w, (x,)), w * x ** (w - 1), x, data=(x,))
    assert (decision.status, decision.conditions) == ("proved", ("x > 0 for every sample",))


@pytest.mark.parametrize("wrong", [x, 3, None, "x + 1"])
def test_what_is_no_condition_is_refused(wrong: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        decide_equal(x, x, needs=[wrong])
