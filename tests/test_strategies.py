"""Strategies for points and batches: within the domain of a loss, and simple where they shrink to."""

from __future__ import annotations

import sys
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, assume, find, given, settings
from hypothesis import strategies as st
from representatives import one_in

import diffexplore as dx
from diffexplore import Loss, UsageError, losses
from diffexplore.inputs.points import make_points
from diffexplore.strategies import batches, points

few = settings(max_examples=12, suppress_health_check=[HealthCheck.too_slow], deadline=None)
#: Conditions on one symbol, on several, and on data and a parameter together.
AWKWARD = Loss(
    "log(p*x) + sqrt(1 - q) + c",
    parameters="p, q, c",
    data="x",
    domain="p > 0 and p < 1/4 and x*p > 0 and q <= 1 and c**2 > 2 and q + c > -3",
)


def meets_domain(loss: Loss, values: dict[str, float]) -> bool:
    exact = {loss.symbols[name]: Fraction(value) for name, value in values.items()}
    known = [condition for condition in loss.domain if condition.free_symbols <= set(exact)]
    return all(bool(condition.subs({s: str(v) for s, v in exact.items()})) for condition in known)


@pytest.mark.parametrize("name", one_in(6, losses.names()))
def test_points_and_batches_are_in_the_domain(name: str) -> None:
    loss = losses.get(name)

    @few
    @given(st.data())
    def run(data: st.DataObject) -> None:
        point = data.draw(points(loss))
        batch = data.draw(batches(loss, 2, 4, at=point))
        make_points(loss, point)
        assert list(batch) == list(loss.data)
        assert all(2 <= len(column) <= 4 for column in batch.values())
        for row in zip(*batch.values(), strict=True):
            assert meets_domain(loss, {**point, **dict(zip(loss.data, row, strict=True))})

    run()


@settings(max_examples=3, suppress_health_check=list(HealthCheck), deadline=None)
@given(st.data())
def test_conditions_on_several_symbols(data: st.DataObject) -> None:
    point = data.draw(points(AWKWARD))
    assert meets_domain(AWKWARD, point)
    assert 0 < point["p"] < 0.25
    for x in data.draw(batches(AWKWARD, at=point))["x"]:
        assert x * point["p"] > 0


def test_a_scale_is_positive() -> None:
    assert find(points("cauchy"), lambda point: True) == {"a": 0.0, "b": 0.0, "s": 1.0}


@pytest.mark.parametrize("threshold", one_in(3, [0.3, 1.2345, 7.0]))
def test_what_fails_shrinks_to_short_decimals(threshold: float) -> None:
    point = find(points("squared_error"), lambda point: abs(point["a"]) > threshold)
    assert point["b"] == 0
    assert len(str(point["a"])) <= 4
    batch = find(batches("squared_error"), lambda batch: any(x > threshold for x in batch["x"]))
    assert set(batch["y"]) == {0.0}
    assert all(len(str(x)) <= 4 for x in batch["x"])
    assert sum(x != 0 for x in batch["x"]) == 1


def test_values_are_not_only_integers() -> None:
    point = find(points("squared_error"), lambda point: 0 < point["a"] < 0.01)
    assert 0 < point["a"] < 0.01


def test_a_batch_of_a_loss_without_data_is_empty() -> None:
    loss = Loss("a**2", parameters="a")
    assert find(batches(loss), lambda batch: True) == {}


def test_a_condition_between_data_and_parameters_needs_the_point() -> None:
    with pytest.raises(UsageError, match=r"relates data to p: give the point, batches\(loss, at=...\)"):
        batches(AWKWARD)


def test_a_domain_without_short_decimals() -> None:
    loss = Loss("a*x", parameters="a", data="x", domain="a > 1e6")
    with pytest.raises(UsageError, match="found no short decimal for a in the domain of the loss"):
        points(loss)


def test_without_hypothesis_there_is_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "hypothesis", None)
    with pytest.raises(UsageError, match="pip install hypothesis"):
        points("cauchy")


@settings(max_examples=5, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.data())
def test_they_serve_a_check(data: st.DataObject) -> None:
    point = data.draw(points("squared_error"))
    batch = data.draw(batches("squared_error", 3, 5))
    assume(len(set(batch["x"])) > 1)
    formulas = {"a": "2*x*(a*x + b - y)", "b": "2*(a*x + b - y)"}
    report = dx.assert_gradient(formulas, "squared_error", batch, point, allow_inconclusive=True)
    assert report.verdict in ("pass", "inconclusive")
