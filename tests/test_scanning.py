"""The V-curve, scans, error maps and histograms: what they show is what single checks say, and predictions can fail."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import replace

import jsonschema
import mpmath
import numpy as np
import pytest
import torch
from matrix import few_samples

import diffexplore as dx
from benchmarks import step_curve as benchmark
from diffexplore import UsageError, losses
from diffexplore.checking.batch import make_batch
from diffexplore.checking.evaluate import Evaluator
from diffexplore.cli.main import main
from diffexplore.figures.records import Bars, Figure, Rule, Series, ValueGrid
from diffexplore.render.schema import schema
from diffexplore.scanning import error_map, places, report_figures, scan
from diffexplore.scanning.places import Places
from diffexplore.scanning.records import Scan
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
@pytest.mark.parametrize(("name", "dtype"), PLACES)
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
@pytest.mark.parametrize("name", CURVES)
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


# --------------------------------------------------------------------------------------------------------- error maps
def grid_of(figure: Figure) -> ValueGrid:
    return next(layer for layer in figure.layers if isinstance(layer, ValueGrid))


def mapped(formula: str, methods: str = "reverse", **at: float) -> dict[str, Figure]:
    """Error maps of a formula in a and b without data, by the partial."""
    loss = dx.Loss(formula, parameters="a, b")
    plane = error_map.plane_of(("a", "b"), [at or {"a": 0.5, "b": 0.5}], cells=20)
    figures = error_map.error_maps(
        setting_of(loss, make_batch(loss), methods=methods), at or {"a": 0.5, "b": 0.5}, plane
    )
    return {figure.title[len("Error of ") :].partition(" ")[0]: figure for figure in figures}


def noted(figure: Figure, part: str) -> set[tuple[float, float]]:
    """Where a note says something."""
    grid = grid_of(figure)
    return {(round(grid.x[column], 9), round(grid.y[row], 9)) for column, row, text in grid.notes if part in text}


def test_a_map_names_kinks_and_singularities_where_they_are() -> None:
    maps = mapped("abs(a - 1) + sqrt(b)")
    x, y = grid_of(maps["∂L/∂a"]).x, grid_of(maps["∂L/∂a"]).y
    ys = {round(value, 9) for value in y}
    assert 1.0 in {round(value, 9) for value in x} and 0.0 in ys
    assert noted(maps["∂L/∂a"], "kink") == {(1.0, value) for value in ys if value >= 0}
    assert noted(maps["∂L/∂b"], "singular or undefined") == {
        (round(a, 9), value) for a in x for value in ys if value <= 0
    }
    values = grid_of(maps["∂L/∂b"]).values
    assert all((row[0] is None) == (b <= 0) for b, row in zip(y, values, strict=True))


def test_a_map_says_where_digits_cancel() -> None:
    maps = mapped("(1 - cos(a))/a**2 * b", a=1e-6, b=0.5)
    grid = grid_of(maps["∂L/∂b"])
    assert noted(maps["∂L/∂b"], "singular or undefined") >= {(0.0, 1.0)}
    assert all(value is None or value >= 0.1 for row in grid.values for value in row)
    near = mapped("((a + 1)**2 - 1 - 2*a - a**2)*1e6 + b*(exp(a) - 1)", a=1e-12, b=0.5)
    assert grid_of(near["∂L/∂b"]).unit == "ulp"


def test_a_map_says_where_the_samples_cancel() -> None:
    """The mean of 2 (a − y) is 0 at the mean of y, and at a place beside it 1/100 of its terms and less is left."""
    loss = dx.Loss("(a - y)**2 + b", parameters="a, b", data="y")
    where = setting_of(loss, make_batch(loss, {"y": [-1.0, 1.0, 0.002]}), methods="reverse")
    plane = error_map.plane_of(("a", "b"), [{"a": 0.0, "b": 0.0}], cells=20)
    by_a = error_map.error_maps(where, {"a": 0, "b": 0}, plane)[0]
    assert {x for x, _ in noted(by_a, "cancel")} == {0.0}


def test_a_truth_of_zero_is_no_hole_without_a_word() -> None:
    by_a = mapped("a**2 + b")["∂L/∂a"]
    assert {x for x, _ in noted(by_a, "the partial is 0")} == {0.0}


def test_what_rounding_hides_takes_no_colour() -> None:
    """Beside 2a/(a² + b²) = 1, at (0.2, 0.6) rounded, the partial is 1e-17: a number of ulps there would outshine all."""
    plane = error_map.Plane(("a", "b"), (0.2, 0.3), (0.5, 0.6))
    loss = dx.Loss("log(a**2 + b**2) + abs(a - 1)", parameters="a, b")
    (by_a, _) = error_map.error_maps(setting_of(loss, make_batch(loss), methods="reverse"), {"a": 0.2, "b": 0.6}, plane)
    assert noted(by_a, "hides") == {(0.2, 0.6)}
    (lower, upper) = grid_of(by_a).values
    assert upper[0] is None and None not in (*lower, upper[1])


def test_a_wrong_method_shows_in_its_map(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: reverse mode is made wrong for a > 1, and exactly there the map says so."""
    genuine = Places.estimates

    def planted(self: Places, running: object) -> object:
        found = genuine(self, running)  # type: ignore[arg-type]  # it is passed on as it came
        assert not isinstance(found, str)
        wrong = torch.as_tensor(self.along["a"] > 1)
        return {n: replace(e, value=torch.where(wrong, e.value * (1 + 1e-9), e.value)) for n, e in found.items()}

    monkeypatch.setattr(Places, "estimates", planted)
    by_a = mapped("exp(a)*b")["∂L/∂a"]
    assert {x for x, _ in noted(by_a, "wrong")} == {round(x, 9) for x in grid_of(by_a).x if x > 1}


def test_planes_have_round_numbers_and_hold_their_points() -> None:
    for points in ([{"a": 0.0, "b": 1.0}], [{"a": 2.5, "b": -1e6}, {"a": 0.1, "b": 3.0}], [{"a": 1e-9, "b": 0.0}]):
        plane = error_map.plane_of(("a", "b"), points)
        for name, axis in zip(plane.names, (plane.x, plane.y), strict=True):
            assert 20 <= len(axis) <= 60
            assert 0.0 in axis
            assert all(axis[0] <= point[name] <= axis[-1] for point in points)


# --------------------------------------------------------------------------------------------------------- histograms
def bars(figure: Figure) -> Iterator[Bars]:
    for layer in figure.layers:
        if isinstance(layer, Bars):
            yield layer


def test_a_histogram_counts_every_sample() -> None:
    """Its bars hold the errors of the samples' rows: each in the power of two that it is in."""
    n = 5
    data = {name: column[:n] for name, column in few_samples("perpendicular").items()}
    report = dx.check("perpendicular", data, {"a": 1.5, "b": 0.5}, methods="reverse,central_difference")
    by_a = next(figure for figure in report.figures() if "∂a" in figure.title)
    found = {layer.name: layer for layer in bars(by_a)}
    assert set(found) == {"reverse mode", "the central difference"}
    for method, name in (("reverse", "reverse mode"), ("central_difference", "the central difference")):
        rows = [row for row in report.rows if row.sample is not None and (row.method, row.parameter) == (method, "a")]
        errors = [row.error_ulp for row in rows if row.error_ulp is not None]
        assert len(errors) == n and sum(found[name].counts) == n
        expected, _ = np.histogram(np.maximum(errors, 2.0**-11), found[name].edges)
        assert tuple(expected) == found[name].counts


def test_a_report_plots_its_scan_or_its_errors() -> None:
    pytest.importorskip("matplotlib")
    report = dx.check("perpendicular", few_samples("perpendicular"), {"a": 1.5, "b": 0.5}, methods="reverse,forward")
    assert report.plot().axes[0].get_title().startswith("Errors of")
    found = scan("perpendicular", "a=0:1:3", few_samples("perpendicular"), methods="reverse")
    with_scan = replace(report, scans=(found,))
    assert with_scan.plot().axes[0].get_title() == "Correct digits of ∂L/∂a along a"
    assert isinstance(found, Scan) and with_scan.to_dict()["scans"] == [found.to_dict()]


# ------------------------------------------------------------------------------------------------------------ figures
@pytest.mark.parametrize("name", ["line_distance", "graph_sum"])
def test_every_figure_of_a_report_can_be_drawn(name: str) -> None:
    """Coordinates are finite, and positive on a logarithmic axis; notes name cells of the grid."""
    loss, data = losses.get(name), few_samples(name)
    report = dx.check(loss, data)
    points = loss.default_points or ({},)
    found = report_figures(loss, make_batch(loss, data), points, report)
    assert {"steps", "samples"} <= set(found)
    assert ("maps" in found) == (len(loss.parameters) >= 2)
    for figure in (figure for figures in found.values() for figure in figures):
        assert figure.caption.endswith(".")
        json.dumps(figure.to_dict(), allow_nan=False)
        for layer in figure.layers:
            if isinstance(layer, Series):
                assert len(layer.x) == len(layer.y) > 0
                assert all(map(math.isfinite, (*layer.x, *layer.y)))
                assert figure.x.scale == "linear" or min(layer.x) > 0
                assert figure.y.scale == "linear" or min(layer.y) > 0
            elif isinstance(layer, Rule):
                assert math.isfinite(layer.at) and (figure.x.scale == "linear" or layer.at > 0)
            elif isinstance(layer, ValueGrid):
                assert all(0 <= column < len(layer.x) and 0 <= row < len(layer.y) for column, row, _ in layer.notes)


def figures_of(
    loss: dx.Loss, data: dict[str, list[float]] | None, at: dict[str, float]
) -> dict[str, tuple[Figure, ...]]:
    return report_figures(loss, make_batch(loss, data), (at,), dx.check(loss, data, at))


def test_a_users_function_is_mapped_by_calling_it() -> None:
    """At every place of the map the function itself is called, and its kink is where it is."""
    called = []

    def function(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        called.append(a)
        return torch.relu(a) * torch.exp(b)

    loss = dx.Loss.from_torch(function, parameters=["a", "b"], data=[], name="mine")
    (by_a, by_b) = figures_of(loss, None, {"a": 1.0, "b": 0.5})["maps"]
    grid = grid_of(by_a)
    assert len(called) >= len(grid.x) * len(grid.y) > 100
    assert by_a.title == "Error of ∂L/∂a by reverse mode"
    assert noted(by_a, "kink") == {(0.0, y) for y in grid.y}
    assert all(value is not None and value < 4 for row in grid_of(by_b).values for value in row if value is not None)


def test_one_parameter_has_a_curve_in_the_place_of_a_map() -> None:
    found = figures_of(dx.Loss("abs(a) + a*x", parameters="a", data="x"), {"x": [0.5, 2.0]}, {"a": 2.0})
    assert "maps" not in found
    (curve,) = found["along"]
    assert curve.title == "Correct digits of ∂L/∂a along a"
    reverse = next(layer for layer in curve.layers if layer.name == "reverse mode")
    assert isinstance(reverse, Series)
    assert min(reverse.x) < 0 < 2 < max(reverse.x)
    assert 0.0 not in reverse.x, "there is no derivative at the kink"
    assert min(reverse.y) > 14

    def function(w: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        return torch.sin(w * x).mean()

    read = dx.Loss.from_torch(function, parameters=["w"], data=["x"])
    (curve,) = figures_of(read, {"x": [0.5, 2.0, 3.0]}, {"w": 1.0})["along"]
    assert {layer.name for layer in curve.layers} == {"the simplified gradient", "reverse mode"}
