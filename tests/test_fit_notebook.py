"""A line fitted by gradient descent on the perpendicular distance, without the ½: the figures of a known run.

docs/fit.md runs and prints the same, each time that the tests run: what is read off that run here are slow tests.
"""

from __future__ import annotations

import math

import pytest
from fitting_cases import notebook_points

import diffexplore as dx
from diffexplore.fitting.records import Finding, Fit, Run

FORMULA = "(a*x - y + b)**2 / (a**2 + 1)"


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(notebook_points(tmp_path_factory.mktemp("points") / "points.csv"))


@pytest.fixture(scope="module")
def fitted(table: str) -> Fit:
    return fit_to(table, steps=1000)


@pytest.fixture(scope="module")
def few_steps(table: str) -> Fit:
    return fit_to(table, steps=100)


def fit_to(table: str, *, steps: int) -> Fit:
    return dx.fit(
        dx.Loss("(a*x-y+b)**2/(a**2+1)", parameters="a, b", data="x, y"), table, {"a": 0, "b": 0},
        methods=("reverse", "symbolic"), dtype="float32,float64", steps=steps,
    )  # fmt: skip


def run_of(fit: Fit, method: str, dtype: str) -> Run:
    return next(run for run in fit.runs if (run.method, run.dtype) == (method, dtype))


def finding(fit: Fit, key: str) -> Finding | None:
    return next((one for one in fit.explanation if one.key == key), None)


def said(fit: Fit, key: str) -> str:
    found = finding(fit, key)
    assert found is not None, key
    return found.sentence


@pytest.mark.slow
def test_the_run_in_float32(fitted: Fit) -> None:
    run = run_of(fitted, "reverse", "float32")
    assert run.first.loss == pytest.approx(2.12e4, rel=2e-3)
    assert run.steps == 1000 and run.ended is None
    assert run.last.loss == pytest.approx(4.2046, abs=5e-5)
    assert run.last.point == pytest.approx({"a": 2.5131, "b": 0.0268}, abs=5e-5)
    assert len(run.path) == 1001
    assert fitted.path is fitted.runs[0].path and fitted.best is not None and fitted.best.step == 997


def test_the_optimum_is_certified(few_steps: Fit) -> None:
    assert few_steps.optimum is not None
    assert few_steps.optimum.kind == "minimum"
    assert few_steps.optimum.point == pytest.approx({"a": 2.52097, "b": -0.49526}, abs=5e-6)
    assert few_steps.optimum.value == pytest.approx(4.19523, abs=5e-6)
    assert all(float(truth.rad) < 1e-25 for truth in few_steps.optimum.box.values())
    assert few_steps.optimum.formulas is not None and few_steps.optimum.formulas["b"] == "mean(y) − a·mean(x)"
    assert "√(" in few_steps.optimum.formulas["a"] and "mean(x·y)" in few_steps.optimum.formulas["a"]
    assert few_steps.terrain.complete
    (saddle,) = (point for point in few_steps.terrain.stationary if point.kind == "saddle")
    assert saddle.point == pytest.approx({"a": -0.397, "b": 145.64}, abs=5e-3)


def test_the_curvatures(few_steps: Fit) -> None:
    at_optimum, at_start = few_steps.optimum_curvature, few_steps.start
    assert at_optimum is not None and at_start is not None
    assert [round(one.value, 3) for one in at_optimum.directions] == pytest.approx([0.068, 911], abs=0.5)
    assert at_optimum.directions[0].value == pytest.approx(0.068, abs=5e-4)
    assert at_optimum.condition == pytest.approx(13_351, abs=0.5)
    assert at_optimum.stability_limit == pytest.approx(2.2e-3, abs=5e-5)
    assert at_optimum.directions[0].steps_per_e == pytest.approx(1.5e6, rel=0.03)
    assert at_start.definite == "indefinite"
    assert [one.value for one in at_start.directions] == pytest.approx([-3.6e4, 2.3], rel=0.02)
    assert few_steps.path_curvature is not None and few_steps.path_curvature.times_rate == pytest.approx(0.2, abs=0.05)
    assert few_steps.centred is not None and few_steps.centred.columns == ("x", "y")
    assert few_steps.centred.condition == pytest.approx(840, abs=1)


@pytest.mark.slow
def test_the_rises_are_rounding(fitted: Fit) -> None:
    run = run_of(fitted, "reverse", "float32")
    assert (run.rises.count, run.rises.first) == (48, 779)
    assert (run.rises.checked, run.rises.falls, run.rises.climbs) == (48, 48, 0)
    assert run.mean_change == pytest.approx(5.2e-7, abs=5e-9)
    assert run.ulp == 2.0**-21
    assert all(one.rises.count == 0 for one in fitted.runs if one.dtype == "float64")


def test_the_runs_drift_apart_by_rounding_within_its_bound(few_steps: Fit) -> None:
    assert {drift.dtype for drift in few_steps.drifts} == {"float32", "float64"}
    for drift in few_steps.drifts:
        assert drift.methods == ("reverse", "symbolic")
        assert drift.bound is not None and drift.gradient_error is not None and drift.gradient_error > 0
        for name in ("a", "b"):
            assert drift.last[name] <= drift.largest[name]
            assert drift.last[name] <= drift.bound[name] < 1e-3


@pytest.mark.slow
def test_the_explanation(fitted: Fit) -> None:
    first = fitted.explanation[0].sentence
    assert first == "stopped 0.22 % above the minimum: a has arrived, b has hardly left its start"
    assert "the curvature at the minimum is 0.068" in said(fitted, "slow_direction")
    assert "1.5 million steps" in said(fitted, "slow_direction")
    assert "220 times below the stability limit" in said(fitted, "stable")
    assert said(fitted, "rises").startswith("in float32 the computed loss rises at 48 of 1,000 steps (reverse)")
    assert "in float64 none rises" in said(fitted, "rises")
    assert said(fitted, "plain_newton") == "plain Newton from (0, 0) ends at the saddle (−0.3967, 145.6) after 5 steps"
    assert "is 13,351;" in said(fitted, "centring") and "it would be 840" in said(fitted, "centring")
    assert "indefinite" in said(fitted, "indefinite_start")
    assert finding(fitted, "too_slow") is None and finding(fitted, "diverged") is None


@pytest.mark.slow
def test_a_rate_ten_times_smaller_is_too_slow(table: str) -> None:
    fit = dx.fit("(a*x-y+b)**2/(a**2+1)", table, {"a": 0, "b": 0}, lr=1e-6, methods="reverse", dtype="float32")
    assert fit.path[-2].step == 999 and fit.path[-2].loss == pytest.approx(39.8, abs=0.05)
    assert fit.run.last.loss == pytest.approx(39.7, abs=0.05)
    assert said(fit, "too_slow").startswith("1e-6 is too slow: the loss is 39.7 after 1,000 steps; even along a,")
    assert fit.drifts == ()


@pytest.mark.slow
def test_trust_region_newton_finds_the_minimum_where_plain_newton_finds_the_saddle(table: str) -> None:
    fit = dx.fit("(a*x-y+b)**2/(a**2+1)", table, {"a": 0, "b": 0}, optimizer="newton", methods="symbolic")
    assert fit.run.steps < 30
    assert fit.run.last.point == pytest.approx({"a": 2.5209652, "b": -0.4952648}, abs=1e-4)
    assert fit.excess is not None and 0 <= fit.excess < 1e-12
    assert "a and b have arrived" in fit.explanation[0].sentence
    assert fit.plain_newton is not None and fit.plain_newton.end.kind == "saddle"


def test_a_run_that_begins_at_the_minimum_is_not_too_slow(table: str) -> None:
    at = {"a": 2.5209652390645765, "b": -0.4952648285500487}
    fit = dx.fit("(a*x-y+b)**2/(a**2+1)", table, at, lr=1e-6, steps=3, methods="reverse")
    assert fit.explanation[0].sentence.startswith("arrived at the minimum")
    assert finding(fit, "too_slow") is None


def test_a_rate_that_would_be_best_is_the_one_that_shrinks_all_directions_alike(table: str, few_steps: Fit) -> None:
    """2/(λ₁ + λ₂) (Polyak 1963): along both directions a step leaves the part (κ − 1)/(κ + 1) of the distance."""
    assert few_steps.optimum_curvature is not None
    low, high = (one.value for one in few_steps.optimum_curvature.directions)
    best = finding(few_steps, "best_rate")
    assert best is not None and best.sentence.startswith("near the minimum a rate of 0.0022 would be best, with 6,676 ")
    rate = best.values["best_rate"]
    assert rate == pytest.approx(2 / (low + high)) and 1 - rate * low == pytest.approx(rate * high - 1, abs=1e-9)
    worst = {lr: max(abs(1 - lr * low), abs(1 - lr * high)) for lr in (rate / 4, 0.999 * rate, rate, 1.001 * rate)}
    assert min(worst, key=lambda lr: worst[lr]) == rate
    assert best.values["steps_per_e"] == pytest.approx(-1 / math.log(worst[rate]), rel=1e-6)
