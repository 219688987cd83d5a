"""sinc and its derivatives, at 0 and near it, by every method and in every output."""

from __future__ import annotations

import math

import mpmath
import pytest
import torch
from representatives import each_value, these

import diffexplore as dx
from tests.reference import evaluate

EXACT = "symbolic,symbolic_raw,reverse,forward,vmap"


@pytest.mark.parametrize(
    ("formula", "dtype"),
    each_value(["sinc(3*a)", "sinc(a)**2", "sinc(a*x)", "a*sinc(a)"], ["float64", "float32", "bfloat16", "float16"]),
)
def test_the_derivative_at_0_is_a_number(formula: str, dtype: str) -> None:
    data = {"x": [2.0, 0.0]} if "x" in formula else None
    loss = dx.Loss(formula, parameters="a", data="x" if data else ())
    report = dx.check(loss, data, {"a": 0.0}, dtype=dtype, methods=EXACT)
    assert report.verdict == "pass"
    rows = [row for row in report.rows if (row.sample, row.probe) == (None, None)]
    assert {row.verdict for row in rows} == {"pass"}
    assert {row.value for row in rows} == {1.0 if formula == "a*sinc(a)" else 0.0}


@pytest.mark.parametrize("method", ["symbolic", "numpy"])
@pytest.mark.parametrize("at", [1e-300, 1e-9, 1e-3, 0.5, 1.0, 1.0859375, 2.0, 4.5, 30.0, -0.75])
def test_near_0_and_beyond_nothing_cancels(at: float, method: str) -> None:
    report = dx.check(dx.Loss("sinc(a)", parameters="a"), at={"a": at}, methods=method)
    row = report.rows[0]
    assert (row.verdict, row.truth is not None) == ("pass", True)
    # (x cos x − sin x)/x², in 700 digits: sin x − x cos x begins with x³/3.
    with mpmath.workdps(700):
        x = mpmath.mpf(at)
        expected = (x * mpmath.cos(x) - mpmath.sin(x)) / x**2 if abs(at) > 1e-200 else -x / 3
    assert row.value == pytest.approx(float(expected), rel=1e-14 if at != 4.5 else 1e-12)
    assert row.truth is not None
    assert float(row.truth.mid) == pytest.approx(float(expected), rel=1e-15)


@pytest.mark.parametrize("order", these([1, 3], [1, 2, 3, 6]))
def test_its_own_derivatives(order: int) -> None:
    loss = dx.Loss(f"dsinc({order}, a*x)", parameters="a", data="x")
    xs = [0.0, 1e-6, 0.7, 2.5, -9.0]
    report = dx.check(loss, {"x": xs}, {"a": 1.0}, methods="symbolic,reverse,forward,complex_step")
    assert report.verdict == "pass"
    assert not [row for row in report.rows if row.verdict == "fail"]
    slope = loss.gradient()["a"]
    values = [evaluate(slope, {"a": 1.0, "x": x}) for x in xs]
    truth = report.rows[0].truth
    assert truth is not None
    assert float(truth.mid) == pytest.approx(float(sum(values) / len(xs)), rel=1e-14)


def test_the_second_derivative_at_0_is_a_third() -> None:
    hessian = dx.Loss("sinc(a)", parameters="a").hessian()["a", "a"]
    assert float(evaluate(hessian, {"a": 0.0})) == pytest.approx(-1 / 3)
    assert str(dx.Loss("sinc(a)", parameters="a").gradient()) == "Gradient(a: dsinc(1, a))"
    assert "sinc}'" in dx.Loss("sinc(a)", parameters="a").gradient().latex()


def test_the_truth_of_many_samples_is_that_of_each() -> None:
    loss = dx.Loss("sinc(a*x)", parameters="a", data="x")
    xs = torch.linspace(-3, 3, 301, dtype=torch.float64).tolist()
    report = dx.check(loss, {"x": xs}, {"a": 1.0}, methods="symbolic")
    row = report.rows[0]
    # The partial is x·sinc'(x) = cos x − sin(x)/x.
    expected = math.fsum(math.cos(x) - (math.sin(x) / x if x else 1.0) for x in xs) / len(xs)
    assert row.truth is not None
    assert float(row.truth.mid) == pytest.approx(expected, rel=1e-12)


def test_torchs_sinc_is_proved() -> None:
    assert dx.prove(lambda x: torch.sinc(x)).status == "proved"
    own = dx.prove(lambda a: torch.sinc(a / torch.pi), dx.Loss("sinc(a)", parameters="a"))
    assert own.status == "proved"
