"""Finite differences: their steps, errors below the bounds at every step, and no bound where there is a kink."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
import torch
from matrix import DTYPES, few_samples
from representatives import each_value, slow

from diffexplore import Loss, UsageError, check, losses, methods
from diffexplore.checking.records import Report, Row
from diffexplore.methods._along import Along
from diffexplore.methods._difference import Difference
from diffexplore.methods.problem import Problem

NAMES = ("forward_difference", "central_difference", "richardson")
#: What has power needs no probes, which take most of the time of a check and say nothing here.
WITH_AN_EXACT_ONE = ("symbolic", *NAMES)
AT = {
    "perpendicular": {"a": 1.5, "b": -0.5},
    "log_cosh": {"a": 0.75, "b": 0.25},
    "logistic": {"a": 0.5, "b": -1.25},
    "poisson": {"a": 0.25, "b": 0.5},
}


def difference(name: str) -> Difference:
    (entry,) = methods.select([name])
    method = entry.load()
    assert isinstance(method, Difference)
    return method


def error_and_bound(row: Row) -> tuple[Fraction, Fraction]:
    assert row.value is not None and row.truth is not None and row.bound is not None
    return abs(Fraction(row.value) - Fraction(row.truth.mid)) - Fraction(row.truth.rad), Fraction(row.bound)


def one_sample(formula: str, x: float, method: str, step: float | None = None, dtype: str = "float64") -> Row:
    """The reduced row of ∂/∂a of a formula in a."""
    report = check(Loss(formula, parameters="a"), at={"a": x}, methods=method, step=step, dtype=dtype)
    return next(row for row in report.rows if row.sample is None and row.probe is None)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", NAMES)
def test_steps_are_powers_of_two(name: str, dtype: str) -> None:
    """Of each sample and of the whole: x + h and x - h are exact then, or nearly always."""
    loss = losses.get("logistic")
    problem = Problem(loss, ("a",), getattr(torch, dtype), torch.device("cpu"))
    columns = {key: torch.tensor(column, dtype=torch.float64) for key, column in few_samples("logistic").items()}
    values = problem.values(AT["logistic"], columns)
    n = len(columns["x"])
    own = {**values, "a": values["a"].expand(n).clone()}
    for along in (Along(problem, values, "a", n, problem.reduce), Along(problem, own, "a", n, lambda each: each)):
        step = difference(name).choose_step(along)
        assert step.shape == along.x.shape
        assert bool((step > 0).all())
        assert bool((torch.frexp(step).mantissa == 0.5).all())
        # It is neither lost beside the parameter nor so large that the formula is another one there.
        assert bool(((along.x + step).to(problem.dtype) != along.x.to(problem.dtype)).all())
        assert bool((step <= 0.125).all())


@pytest.mark.parametrize("exponent", [-30, -20, -10, -3])
def test_a_given_step_is_used(exponent: int) -> None:
    """On a², a forward difference is off by the step itself, and a central one by nothing."""
    h = 2.0**exponent
    forward = one_sample("a**2", 0.75, "forward_difference", step=h)
    assert forward.value == pytest.approx(1.5 + h, abs=2.0**-50 / h)
    central = one_sample("a**2", 0.75, "central_difference", step=h)
    assert central.value == pytest.approx(1.5, abs=2.0**-50 / h)
    for row in (forward, central):
        error, bound = error_and_bound(row)
        assert error <= bound
    # The truncation is bounded nearly sharply: c·h·sup|f''| is h for a².
    assert forward.bound == pytest.approx(h, rel=0.25, abs=2.0**-50 / h)


@pytest.mark.parametrize("step", [0.0, -1e-3, math.nan, math.inf])
def test_a_step_that_cannot_be_used(step: float) -> None:
    with pytest.raises(UsageError, match="step"):
        one_sample("a**2", 0.75, "central_difference", step=step)


@pytest.mark.parametrize(("loss", "dtype"), each_value(tuple(AT), DTYPES))
def test_errors_stay_below_the_bounds_at_every_step(loss: str, dtype: str) -> None:
    """Over the whole curve: where truncation rules, where roundoff does, and where the step is not a power of two.

    Two losses share the steps of a dtype, each taking every second one.
    """
    compared = 0
    lowest = -18 if dtype == "float16" else -40
    for i, exponent in list(enumerate(range(lowest, -1, -lowest // 6)))[list(AT).index(loss) % 2 :: 2]:
        h = (1.0 if i // 2 % 2 else 0.7) * 2.0**exponent
        report = compared_at(loss, dtype, h)
        for row in report.rows:
            if row.method in NAMES and row.probe is None and row.value is not None and row.bound is not None:
                error, bound = error_and_bound(row)
                assert error <= bound, (h, row)
                compared += 1
        assert report.summary.failed == 0
    assert compared >= 30


def compared_at(loss: str, dtype: str, step: float) -> Report:
    return check(loss, few_samples(loss, 3), AT[loss], methods=WITH_AN_EXACT_ONE, dtype=dtype, step=step, device="cpu")


@pytest.mark.parametrize("formula", [slow("log(cosh(a))*exp(a)"), slow("softplus(3*a)"), "1/(1 + a**2)"])
def test_the_chosen_step_is_as_good_as_any(formula: str) -> None:
    """Its bound is within a small factor of the best over powers of four, for each method."""

    def bounds(step: float | None) -> dict[str, float]:
        report = check(Loss(formula, parameters="a"), at={"a": 0.75}, methods=WITH_AN_EXACT_ONE, step=step)
        rows = [row for row in report.rows if row.sample is None and row.probe is None and row.method in NAMES]
        return {row.method: math.inf if row.bound is None else row.bound for row in rows}

    at_steps = [bounds(2.0**exponent) for exponent in range(-34, -2, 2)]
    chosen = bounds(None)
    assert set(chosen) == set(NAMES)
    for name in NAMES:
        assert chosen[name] <= 4 * min(found[name] for found in at_steps) < math.inf


@pytest.mark.parametrize(
    ("kinked", "name"),
    each_value(
        [
            ("abs(a - 1)", 1.03125, 0.0625),
            ("max(a, 0)*a", 0.03125, 0.0625),
            ("where(a < 1, a, a**2)", 1 - 2.0**-6, 0.125),
        ],
        NAMES,
    ),
)
def test_no_bound_across_a_kink(kinked: tuple[str, float, float], name: str) -> None:
    """The derivative at x exists; the interval of the step holds a kink beside it."""
    formula, x, step = kinked
    row = one_sample(formula, x, name, step=step)
    assert row.verdict == "inconclusive"
    assert row.cause is not None
    assert row.cause.key == "no_bound"
    assert "the interval of the step holds a kink" in row.cause.message


@pytest.mark.parametrize(("function", "name"), each_value(["floor", "ceil", "trunc", "round"], NAMES))
def test_a_jump_has_a_bound_away_from_it_and_none_beside_it(function: str, name: str) -> None:
    """Between its jumps a step is a constant: the truncation is that of a² beside it, 2 · 1.25 + 1 · the step."""
    away = one_sample(f"a*{function}(a) + a**2", 1.25, name, step=2.0**-6)
    assert away.verdict == "pass"
    error, bound = error_and_bound(away)
    assert error <= bound <= Fraction(1, 32)
    beside = one_sample(f"a*{function}(a) + a**2", (1.5 if function == "round" else 1.0) - 2.0**-7, name, step=2.0**-6)
    assert beside.verdict == "inconclusive"
    assert beside.cause is not None
    assert "a jump" in beside.cause.message


@pytest.mark.parametrize("name", NAMES)
def test_a_chosen_step_stays_on_one_side_of_a_kink(name: str) -> None:
    row = one_sample("abs(a - 1)*a", 1.03125, name)
    assert row.verdict == "pass"
    error, bound = error_and_bound(row)
    assert error <= bound <= Fraction(1, 100)


@pytest.mark.parametrize("name", NAMES)
def test_at_a_kink_nothing_is_concluded(name: str) -> None:
    row = one_sample("abs(a - 1)", 1.0, name)
    assert row.verdict == "inconclusive"
    assert row.cause is not None
    assert row.cause.key == "kink"


@pytest.mark.parametrize("name", NAMES)
def test_no_bound_over_a_singularity(name: str) -> None:
    row = one_sample("log(a)", 0.0625, name, step=0.125)
    assert row.verdict == "inconclusive"
    assert row.cause is not None
    assert row.cause.key in ("no_bound", "step")
