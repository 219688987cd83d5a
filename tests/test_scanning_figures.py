"""Error maps, histograms and the figures of a report: what they show is what is there, and what is planted shows."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch
from matrix import few_samples
from representatives import one_in

import diffexplore as dx
from diffexplore import losses
from diffexplore.checking.batch import make_batch
from diffexplore.figures.records import Bars, Figure, Rule, Series, ValueGrid
from diffexplore.scanning import error_map, report_figures, scan
from diffexplore.scanning.places import Places
from diffexplore.scanning.records import Scan
from diffexplore.scanning.setting import setting_of


# --------------------------------------------------------------------------------------------------------- error maps
def grid_of(figure: Figure) -> ValueGrid:
    return next(layer for layer in figure.layers if isinstance(layer, ValueGrid))


def mapped(loss: str | dx.Loss, methods: str = "reverse", cells: int = 20, **at: float) -> dict[str, Figure]:
    """Error maps of a loss in a and b without data, by the partial."""
    loss = dx.Loss(loss, parameters="a, b") if isinstance(loss, str) else loss
    plane = error_map.plane_of(("a", "b"), [at or {"a": 0.5, "b": 0.5}], cells=cells)
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
@pytest.mark.parametrize("name", one_in(2, ["line_distance", "graph_sum"]))
def test_every_figure_of_a_report_can_be_drawn(name: str) -> None:
    """Coordinates are finite, and positive on a logarithmic axis; notes name cells of the grid."""
    loss, data = losses.get(name), few_samples(name)
    points = loss.default_points[:1] or ({},)
    report = dx.check(loss, data, points, methods="reverse,central_difference,complex_step")
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
    return report_figures(loss, make_batch(loss, data), (at,), dx.check(loss, data, at, methods="symbolic,reverse"))


def test_a_users_function_is_mapped_by_calling_it() -> None:
    """At every place of the map the function itself is called, and its kink is where it is."""
    called = []

    def function(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        called.append(a)
        return torch.relu(a) * torch.exp(b)

    loss = dx.Loss.from_torch(function, parameters=["a", "b"], data=[], name="mine")
    (by_a, by_b) = mapped(loss, cells=11, a=1.0, b=0.5).values()
    grid = grid_of(by_a)
    assert len(called) >= len(grid.x) * len(grid.y) > 50
    assert by_a.title == "Error of ∂L/∂a by reverse mode"
    assert noted(by_a, "kink") == {(0.0, round(y, 9)) for y in grid.y}
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
