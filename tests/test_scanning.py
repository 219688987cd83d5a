"""The V-curve and scans: what they show is what single checks say, and predictions can fail."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import jsonschema
import mpmath
import numpy as np
import pytest
import torch
from matrix import few_samples
from representatives import one_in

import diffexplore as dx
from benchmarks import step_curve as benchmark
from diffexplore import UsageError, losses
from diffexplore.checking.batch import make_batch
from diffexplore.checking.evaluate import Evaluator
from diffexplore.cli.main import main
from diffexplore.figures.records import Series
from diffexplore.render.schema import schema
from diffexplore.scanning import places, scan
from diffexplore.scanning.places import Places
from diffexplore.scanning.setting import Setting, of_first_sample, setting_of
from diffexplore.scanning.span import MOST, parse_span
from diffexplore.scanning.step_curve import StepCurve, step_curves

#: Smooth losses and one with kinks, with a domain, with three parameters.
PLACES = [("perpendicular", "float64"), ("line_distance", "float64"), ("poisson", "float64"), ("logistic", "float32")]

CURVES = ("perpendicular", "line_distance", "graph_sum", "poisson")


def setting(name: str, methods: str | None = None, dtype: str = "float64") -> Setting:
    loss = losses.get(name)
    return setting_of(loss, make_batch(loss, few_samples(name)), methods=methods, dtype=dtype)


def along(name: str, count: int = 5) -> tuple[dict[str, float], dict[str, np.ndarray]]:
    """A point of a loss, and several values of its first parameter."""
    point = dict(losses.get(name).default_points[-1])
    first = next(iter(point))
    return point, {first: point[first] * np.linspace(0.9, 1.2, count)}


# ------------------------------------------------------------------------------------------------- many places at once
@pytest.mark.parametrize(("name", "dtype"), one_in(4, PLACES, first=2))
def test_many_places_in_one_call_give_what_single_calls_give(name: str, dtype: str) -> None:
    """Values, bounds and truths, of every method that takes all places together."""
    where = setting(name, ",".join(sorted(places._TOGETHER)), dtype)
    point, moved = along(name)
    together = Places(where, point, moved)
    truths = together.truths()
    first = next(iter(moved))
    single = [Evaluator(where.problem, {**point, first: x}, where.columns, where.n) for x in moved[first]]
    compared = 0
    for running in where.running:
        found = together.estimates(running)
        assert not isinstance(found, str), found
        for i, evaluator in enumerate(single):
            for partial, alone in evaluator.reduced(running).items():
                value, bound = float(found[partial].value[i]), float(found[partial].bound[i])
                allowed = float(alone.bound) + bound
                assert math.isnan(allowed) or abs(value - float(alone.value)) <= allowed
                # Two orders of summation are bounded alike; a bound on a wide interval may be refined alone.
                assert bound >= 0.4 * float(alone.bound)
                compared += 1
    assert compared >= 5 * len(where.running)
    for i, evaluator in enumerate(single):
        enclosures, sums = evaluator.truths(evaluator.values(), where.n, {})
        for partial in where.problem.parameters:
            ball = sums[partial] / where.n if where.problem.loss.reduction == "mean" else sums[partial]
            assert truths.enclosures[partial].status[i] == enclosures[partial].status.max()
            assert truths.enclosures[partial].ball(i).overlaps(ball)


# -------------------------------------------------------------------------------------------------------- the V-curve
@pytest.mark.parametrize("name", one_in(4, CURVES, first=2))
def test_measured_errors_lie_below_their_bounds_and_near_their_predictions(name: str) -> None:
    """At one point; benchmarks/step_curve.py measures it for all losses at all points, with more steps."""
    loss, batch, point = losses.get(name), make_batch(losses.get(name)), {}
    if loss.parameters:
        point = dict(loss.default_points[-1])
    else:
        loss, batch, point = of_first_sample(loss, batch)
    where = setting_of(loss, batch, methods=benchmark.METHODS)
    compared = 0
    for curve in step_curves(where, point, per_decade=4):
        beside = benchmark._beside(where, curve) if curve.method == "complex_step" else None
        outcome = benchmark.outcome(name, curve, beside, fewest=3)
        assert outcome.violations == 0
        for regime, most in (("truncation", 2), ("roundoff", 5)):
            ratio = middle(outcome, regime)
            assert ratio is None or 1 / most < ratio < most
            compared += ratio is not None
    assert compared >= 4


def middle(outcome: benchmark.Outcome, regime: str) -> float | None:
    """The median of predicted over measured; None where nothing is compared."""
    ratios = [one.ratio for one in outcome.compared if one.regime == regime]
    return float(np.median(ratios)) if ratios else None


@pytest.mark.parametrize("factor", [10, 0.1])
def test_a_prediction_that_is_off_by_ten_is_noticed(factor: float) -> None:
    """Planted in both parts: the comparison would notice it."""
    loss = losses.get("perpendicular")
    where = setting_of(loss, make_batch(loss), methods="central_difference", wrt="a")
    (curve,) = step_curves(where, {"a": 2.5, "b": 1.0}, per_decade=10)
    planted = replace(curve, predicted=tuple(None if value is None else factor * value for value in curve.predicted))
    for regime, most in (("truncation", 2), ("roundoff", 5)):
        right, off = (middle(benchmark.outcome("perpendicular", one), regime) for one in (curve, planted))
        assert right is not None and 1 / most < right < most
        assert off is not None and not 1 / most < off < most


def test_truncation_is_that_of_the_exact_difference() -> None:
    """Against mpmath, at steps that are so large that rounding does not matter."""
    loss = dx.Loss("exp(3*a)*sin(a)", parameters="a")
    where = setting_of(loss, make_batch(loss))
    steps = [2.0**-3, 2.0**-5, 2.0**-7]
    exact = {
        "forward_difference": lambda f, x, h: (f(x + h) - f(x)) / h,
        "central_difference": lambda f, x, h: (f(x + h) - f(x - h)) / (2 * h),
        "richardson": lambda f, x, h: (8 * (f(x + h / 2) - f(x - h / 2)) - (f(x + h) - f(x - h))) / (6 * h),
        "complex_step": lambda f, x, h: mpmath.im(f(x + 1j * h)) / h,
    }
    with mpmath.workdps(40):
        x, curves = mpmath.mpf(0.75), step_curves(where, {"a": 0.75}, steps)
        true = mpmath.diff(lambda a: mpmath.exp(3 * a) * mpmath.sin(a), x)
        for curve in curves:
            for step, truncation in zip(steps, curve.truncation, strict=True):
                difference = exact[curve.method](lambda a: mpmath.exp(3 * a) * mpmath.sin(a), x, mpmath.mpf(step))
                assert truncation == pytest.approx(float(abs(difference - true)), rel=1e-6)
    assert len(curves) == 4


def test_nothing_is_predicted_beyond_a_kink() -> None:
    loss = dx.Loss("abs(a - 1)*a", parameters="a")
    where = setting_of(loss, make_batch(loss), methods="forward_difference")
    (curve,) = step_curves(where, {"a": 0.75}, [0.125, 0.2, 0.2501, 0.4])
    assert [value is None for value in curve.predicted] == [False, False, True, True]
    assert all(error is not None for error in curve.error)


def test_the_chosen_step_is_near_the_lowest_measured_error() -> None:
    """A step that is 1,000 times too large or too small would not be."""
    where = setting("logistic", "central_difference,forward_difference,richardson")
    for curve in step_curves(where, {"a": 0.5, "b": 0.25}):
        assert near_the_best(curve, curve.chosen)
        assert not near_the_best(curve, curve.chosen * 1e3)
        assert not near_the_best(curve, curve.chosen / 1e3)


def near_the_best(curve: StepCurve, step: float) -> bool:
    """Whether the prediction at a step is within 100 times the best one: roundings are below their bounds by as much."""
    known = [(abs(math.log(at / step)), value) for at, value in zip(curve.steps, curve.predicted, strict=True) if value]
    return min(known)[1] <= 100 * min(value for _, value in known)


def test_the_user_s_function_is_what_is_measured() -> None:
    """Of a loss that was read from a torch function the curve is that of the function, one step at a time."""

    def loss(a: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        calls.append(tuple(a.shape))
        return (torch.exp(a * x)).mean()

    calls: list[tuple[int, ...]] = []
    read = dx.Loss.from_torch(loss, parameters="a", data="x")
    where = setting_of(read, make_batch(read, {"x": [0.5, 1.0]}), methods="central_difference")
    calls.clear()
    (curve,) = step_curves(where, {"a": 0.5}, [1e-3, 1e-5])
    assert set(calls) == {()} and len(calls) >= 4
    for error, bound in zip(curve.error, curve.bound, strict=True):
        assert error is not None and bound is not None and error <= bound


# -------------------------------------------------------------------------------------------------------------- scans
def test_a_scan_along_a_parameter_is_what_a_check_says_at_each_place() -> None:
    data = few_samples("perpendicular")
    found = scan("perpendicular", "a=-1:2:4", data, {"a": 0, "b": 0.5}, methods="reverse,central_difference")
    assert (found.kind, found.values, dict(found.point)) == ("parameter", (-1.0, 0.0, 1.0, 2.0), {"b": 0.5})
    for i, a in enumerate(found.values):
        report = dx.check("perpendicular", data, {"a": a, "b": 0.5}, methods="reverse,central_difference")
        rows = {(row.parameter, row.method): row for row in report.rows if row.sample is None and row.probe is None}
        for curve in found.curves:
            row = rows[curve.parameter, curve.method]
            assert curve.error_ulp[i] == pytest.approx(row.error_ulp, rel=1e-6, abs=1e-3)
            assert row.error_rel is not None and curve.digits[i] is not None
            assert curve.digits[i] == pytest.approx(min(17, -math.log10(row.error_rel)), abs=0.1)


def test_a_scan_along_the_step_has_the_digits_of_the_differences() -> None:
    """On a²/2 at 1 the forward difference is off by h/2, and the central one by rounding alone."""
    loss = dx.Loss("a**2/2", parameters="a")
    found = scan(loss, "h=1e-4:1e-1:4", at={"a": 1})
    digits = {curve.method: curve.digits for curve in found.curves}
    assert set(digits) == {"forward_difference", "central_difference", "richardson", "complex_step"}
    assert digits["forward_difference"] == pytest.approx([-math.log10(h / 2) for h in found.values], abs=1e-3)
    assert all(value is not None and value > 11 for value in digits["central_difference"])
    assert all(curve.chosen is not None and curve.chosen > 0 for curve in found.curves)


def test_kinks_are_named_and_have_no_digits() -> None:
    """|a| has no derivative at 0; beside it a difference whose step reaches 0 has no bound, and is compared."""
    found = scan(dx.Loss("abs(a)", parameters="a"), "a=-1:1:5", at={"a": 1}, methods="reverse")
    (curve,) = found.curves
    assert curve.causes == (None, None, "kink", None, None)
    assert curve.digits == (17.0, 17.0, None, 17.0, 17.0)
    (figure,) = found.figures()
    bad = [layer for layer in figure.layers if isinstance(layer, Series) and layer.role == "bad"]
    assert [(layer.name, layer.x) for layer in bad] == [("kink: no gradient exists", (0.0,))]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("q=1:2", "unknown parameter of a scan 'q': choose from a, b, h"),
        ("aa=1:2", "did you mean 'a'?"),
        ("x=1:2", "'x' is data of the loss: a scan goes along a, b or the step h"),
        ("h=0:1", "a step is positive"),
        ("h=-1e-3:1", "a step is positive"),
        ("a=3:-3", "does not go up"),
        ("a=1:1", "does not go up"),
        ("a=1:2:1e9", "from 2 to 2,000 places, not '1e9'"),
        ("a=1:2:1", "from 2 to 2,000 places"),
        ("a=1:2:2.5", "from 2 to 2,000 places"),
        ("a=1", "write NAME=LOW:HIGH"),
        ("a", "write NAME=LOW:HIGH"),
        ("a=1:2:3:4", "write NAME=LOW:HIGH"),
        ("a=:2", "write NAME=LOW:HIGH"),
        ("a=one:2", "'one'"),
        ("a=1:1e999", "beyond the range"),
        ("a=nan:1", "'nan'"),
    ],
)
def test_scans_that_cannot_be_run(text: str, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UsageError) as raised:
        scan("perpendicular", text)
    assert words in str(raised.value)
    assert main(["report", "--scan", text]) == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "dtype", "methods", "words"),
    [
        ("a=1:1e300", "float32", None, "beyond the range of float32"),
        ("a=1:1.00001", "bfloat16", None, "bfloat16 cannot tell"),
        ("h=1e-30:1e-29", "float16", "central_difference", "float16 cannot tell"),
        ("h=1e-3:1e-1", "float64", "reverse", "no method that takes a step runs here"),
    ],
)
def test_scans_that_a_dtype_or_a_method_cannot_run(text: str, dtype: str, methods: str | None, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        scan("perpendicular", text, few_samples("perpendicular"), methods=methods, dtype=dtype)


def test_a_parameter_called_h_comes_before_the_step() -> None:
    found = scan(dx.Loss("h**2", parameters="h"), "h=-1:1:3", at={"h": 1}, methods="reverse")
    assert found.kind == "parameter"


def test_spans_are_linear_or_logarithmic() -> None:
    assert parse_span("a=-3:3").places()[:2] == [-3.0, -2.9]
    assert parse_span("h = 1e-4 : 1").places()[::8] == pytest.approx([1e-4, 1e-3, 1e-2, 1e-1, 1])
    assert len(parse_span("h=1e-300:1e300").places()) == MOST


def test_the_command_shows_a_scan_and_writes_it(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["report", "a*x**2", "--at", "a=2", "--points", "3", "--scan", "a=1:4:4"]
    assert main([*arguments, "--json", "-"]) == 0
    document = json.loads(capsys.readouterr().out)
    jsonschema.validate(document, schema("report"))
    (found,) = document["scans"]
    assert (found["kind"], found["along"], found["values"]) == ("parameter", "a", [1.0, 2.0, 3.0, 4.0])
    assert {curve["method"] for curve in found["curves"]} == {
        "symbolic", "reverse", "forward_difference", "central_difference", "richardson", "complex_step",
    }  # fmt: skip
    assert main([*arguments, "--full"] if "--full" in help_of_report(capsys) else arguments) == 0
    shown = capsys.readouterr().out
    assert "Correct digits of ∂L/∂a along a" in shown
    assert max(map(len, shown.splitlines())) <= 80


def help_of_report(capsys: pytest.CaptureFixture[str]) -> str:
    main(["report", "--help"])
    return capsys.readouterr().out
