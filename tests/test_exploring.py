"""Surfaces, windows, valleys, fitted curves and pages of losses, as data; how a page computes is in test_browser.py."""

from __future__ import annotations

import functools
import json
import math
import re
import sys
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import sympy
import torch
from representatives import one_in, slow, these

import diffexplore as dx
from diffexplore.errors import UsageError
from diffexplore.exploring.fitted import fitted_curve
from diffexplore.figures.plotly import script
from diffexplore.figures.records import Arrows, Series, ValueGrid
from diffexplore.figures.terminal import draw
from diffexplore.pages.live import live_html, live_script

LINE = {"x": [0.0, 1.0, 2.0, 3.0], "y": [1.1, 2.9, 5.2, 6.9]}
NAMES = [name for name in dx.losses.names() if dx.losses.get(name).parameters]

#: Those of other tests: the others are alike.
EACH_TIME = ("perpendicular", "softplus")


@functools.cache
def explored(name: str) -> dx.Explorer:
    return dx.explore(name, steps=200)


def by_hand(name: str, a: float, b: float) -> float:
    """Losses of the line a·x + b in NumPy."""
    entry = dx.losses.get(name)
    assert entry.default_data is not None
    x, y = (np.array(entry.default_data()[key]) for key in "xy")
    r = a * x + b - y
    terms = {
        "perpendicular": lambda: r**2 / (2 * (a**2 + 1)), "squared_error": lambda: r**2, "absolute_error": lambda: abs(r),
        "poisson": lambda: np.exp(a * x + b) - y * (a * x + b), "softplus": lambda: np.log1p(np.exp(-y * (a * x + b))),
    }  # fmt: skip
    return float(np.mean(terms[name]()))


# ------------------------------------------------------------------------------------------------------------ surfaces
@pytest.mark.parametrize(
    "name", these(EACH_TIME, ["perpendicular", "squared_error", "absolute_error", "poisson", "softplus"])
)
def test_the_values_of_a_surface(name: str) -> None:
    surface = explored(name).surface
    assert surface is not None
    for row in (0, 17, 60):
        for column in (0, 31, 60):
            expected = by_hand(name, surface.x[column], surface.y[row])
            assert surface.values[row][column] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("name", these(EACH_TIME, NAMES))
def test_start_path_and_minimum_are_in_the_picture(name: str) -> None:
    explorer = explored(name)
    window = explorer.windows[0]
    places = [explorer.start, *(step.point for step in explorer.path)]
    places += [explorer.minimum.point] if explorer.minimum else []
    for place in places:
        assert window.holds([place[axis] for axis in explorer.axes])
    # They fill most of it, along each axis by itself: a narrow valley is seen.
    for k, axis in enumerate(explorer.axes):
        values = [place[axis] for place in places]
        assert max(values) - min(values) >= 0.6 * (window.high[k] - window.low[k])


@pytest.mark.parametrize("name", these(EACH_TIME, NAMES))
def test_the_default_rate_never_rises_at_first(name: str) -> None:
    explorer = explored(name)
    losses = [step.loss for step in explorer.path]
    assert all(math.isfinite(loss) for loss in losses if loss is not None) and None not in losses
    assert all(after <= before * (1 + 1e-12) for before, after in pairwise(losses))  # type: ignore[operator]
    assert losses[-1] < losses[0]  # type: ignore[operator]


@pytest.mark.parametrize("name", ["perpendicular", slow("poisson"), "softplus"])
def test_arrows_lead_down_and_have_one_length_on_the_screen(name: str) -> None:
    explorer = explored(name)
    field, window = explorer.downhill, explorer.windows[0]
    assert field is not None and len(field.x) == 13 * 13
    width, height = (b - a for a, b in zip(window.low, window.high, strict=True))
    for x, y, dx_, dy_ in zip(field.x, field.y, field.dx, field.dy, strict=True):
        assert math.hypot(dx_ / width, dy_ / height) == pytest.approx(0.62 / 13)
        middle, small = (x + dx_ / 2, y + dy_ / 2), 1e-4
        ahead = by_hand(name, middle[0] + small * dx_, middle[1] + small * dy_)
        assert ahead < by_hand(name, middle[0] - small * dx_, middle[1] - small * dy_)


def test_valleys_are_the_certified_directions() -> None:
    fit = dx.fit("perpendicular", methods="symbolic", steps=50)
    explorer, curvature = fit.explore(), fit.optimum_curvature
    assert curvature is not None and len(explorer.valleys) == 2
    for valley, direction in zip(explorer.valleys, curvature.directions, strict=True):
        assert direction.along is not None
        assert valley.curvature == pytest.approx(direction.value, rel=1e-9)
        cosine = sum(valley.along[name] * direction.along[name] for name in "ab")
        assert abs(cosine) == pytest.approx(1, abs=1e-12)


def test_close_to_the_minimum_its_ellipses_are_seen() -> None:
    explorer = dx.fit("perpendicular", methods="symbolic").explore()
    near = explorer.near
    assert near is not None and explorer.minimum is not None
    edge = [*near.values[0], *near.values[-1], *(row[0] for row in near.values), *(row[-1] for row in near.values)]
    above = [value - explorer.minimum.loss for value in edge if value is not None]
    assert max(above) / min(above) < 40  # 13,351 where both axes had one scale


@pytest.mark.parametrize("name", these(EACH_TIME, NAMES))
def test_levels_lie_between_the_lowest_and_the_highest_value(name: str) -> None:
    explorer = explored(name)
    surface = explorer.surface
    assert surface is not None
    known = [value for row in surface.values for value in row if value is not None]
    assert len(surface.levels) >= 10 and list(surface.levels) == sorted(surface.levels)
    lowest = explorer.minimum.loss if explorer.minimum else min(known)
    assert lowest < surface.levels[0] and surface.levels[-1] < max(known)


def test_outside_the_domain_a_surface_is_blank() -> None:
    explorer = dx.fit("cauchy", at={"a": 0.5, "b": 0.0, "s": 3.0}, lr=0.1, steps=200, methods="symbolic").explore("a,s")
    surface = explorer.surface
    assert surface is not None and min(surface.y) < 0
    for s, row in zip(surface.y, surface.values, strict=True):
        assert all((value is None) == (s <= 0) for value in row)
    assert "the loss is defined where s > 0; elsewhere nothing is drawn" in explorer.notes
    assert "blank" in explorer.figure().caption or "elsewhere nothing is drawn" in explorer.figure().caption


# ------------------------------------------------------------------------------------------------------------- what is read
def line(a: torch.Tensor, b: torch.Tensor, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return ((a * x + b - y) ** 2).mean()


@pytest.mark.parametrize(
    "loss",
    [
        slow("squared_error", id="name"),
        slow("(a*x + b - y)**2", id="text"),
        slow(dx.losses.get("squared_error"), id="loss"),
        slow(sympy.sympify("(a*x + b - y)**2"), id="expression"),
        pytest.param(line, id="function"),
    ],
)
def test_the_same_things_stand_for_a_loss_as_elsewhere(loss: Any) -> None:
    explorer = dx.explore(loss, LINE, {"a": 0.0, "b": 0.0})
    assert explorer.minimum is not None
    assert explorer.minimum.point == pytest.approx({"a": 1.97, "b": 1.07})  # by the normal equations
    assert explorer.fitted is not None and explorer.fitted.formula == "a·x + b"


def test_five_parameters_and_the_two_that_are_drawn() -> None:
    text = "(p - 1)**2 + 2*(q - 2)**2 + (r*p - 3)**2 + (s + q)**2 + (t - s)**2"
    at = dict.fromkeys("pqrst", 0.5)
    fit = dx.fit(text, at=at, methods="symbolic", steps=50)
    assert fit.explore().axes == ("p", "q")
    explorer = fit.explore("t, r")
    assert explorer.axes == ("t", "r") and explorer.minimum is not None
    assert explorer.minimum.point == pytest.approx({"p": 1, "q": 2, "r": 3, "s": -2, "t": -2})
    assert any(
        note.startswith("the surface is a slice at the minimum, p = 1, q = 2, s = −2") for note in explorer.notes
    )
    assert explorer.surface is not None
    for row in (0, 30):
        for column in (7, 60):
            r, t = explorer.surface.y[row], explorer.surface.x[column]
            assert explorer.surface.values[row][column] == pytest.approx((r - 3) ** 2 + (t + 2) ** 2, abs=1e-12)
    assert fit.explore(["s"]).profile is not None


def test_one_parameter_is_a_curve() -> None:
    explorer = dx.explore("(a*x - y)**2 + a", LINE, {"a": 0.0})
    assert explorer.axes == ("a",) and explorer.surface is None and explorer.profile is not None
    for a, value, slope in zip(*(getattr(explorer.profile, key) for key in ("x", "values", "slopes")), strict=True):
        x, y = np.array(LINE["x"]), np.array(LINE["y"])
        assert value == pytest.approx(np.mean((a * x - y) ** 2) + a)
        assert slope == pytest.approx(np.mean(2 * x * (a * x - y)) + 1, abs=1e-12)
    assert [layer.name for layer in explorer.figure().layers] == ["loss", "path", "start", "end", "minimum, proved"]


@pytest.mark.parametrize(
    ("loss", "options", "words"),
    [
        ("graph_sum", {}, "no parameters: there is nothing to explore"),
        ("perpendicular", {"axes": "a, c"}, "unknown parameter 'c'"),
        ("perpendicular", {"axes": "a, a"}, "one or two different parameters of a, b"),
        ("cauchy", {"axes": ["a", "b", "s"]}, "one or two different parameters of a, b, s"),
        ("cauchy", {"axes": []}, "one or two different parameters"),
        ("cauchy", {"at": {"a": 1.0, "b": 0.0, "s": -1.0}}, "lies outside the domain|not finite at the start"),
        ("log(a)", {"at": {"a": -1.0}}, "not finite at the start|is nan at the start"),
        ("perpendicular", {"lr": 0.0}, "positive number"),
        ("perpendicular", {"lr": math.nan}, "the learning rate"),
        ("perpendicular", {"steps": -1}, "steps"),
        ("(a*x - y)**2", {"at": {"a": 1.0}}, "no value for x, y"),
    ],
)
def test_what_cannot_be_explored(loss: str, options: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        dx.explore(loss, **options)


@pytest.mark.parametrize(
    ("loss", "options", "words"),
    one_in(
        2,
        [
            ("a**2 - b**2", {"at": {"a": 1.0, "b": 1.0}, "steps": 10}, "a saddle is all that there is"),
            ("line_distance", {}, "no minimum is isolated (a ridge"),
            ("exp(-a) + b**2", {"at": {"a": 1.0, "b": 1.0}}, "its gradient is 0 nowhere"),
            ("softplus", {"data": {"x": [-2, -1, 1, 3], "y": [-1, -1, 1, 1]}}, "at infinity"),
            ("a*b + 1e-3*a", {"at": {"a": 1.0, "b": -1.0}, "steps": 50}, "saddle"),
            ("2*a - b", {"at": {"a": 1.0, "b": 1.0}}, "linear in its parameters"),
            ("squared_error", {"data": {"x": [1.0, 1.0], "y": [0.0, 1.0]}}, "no minimum could be certified"),
        ],
    ),
)
def test_where_there_is_no_minimum_it_is_said(loss: str, options: dict[str, Any], words: str) -> None:
    explorer = dx.explore(loss, **options)
    assert explorer.minimum is None and explorer.valleys == () and explorer.near is None
    assert any(note.startswith("no minimum is marked: ") and words in note for note in explorer.notes)
    assert words in explorer.figure().caption
    assert not any(getattr(layer, "role", "") == "optimum" for layer in explorer.figure().layers)


@pytest.mark.parametrize(
    ("loss", "options"),
    [
        ("a**2 - b**2", {"at": {"a": 1.0, "b": 1.0}}),  # to minus infinity
        ("squared_error", {"lr": 1.0}),  # overshoots, and runs away
        slow("-exp(a)", {"at": {"a": 1.0}, "lr": 10.0}),
        slow("0*a*b + 3", {"at": {"a": 1.0, "b": 1.0}}),  # constant
        ("a**4 + b**4", {"at": {"a": 0.0, "b": 0.0}}),  # it starts where it ends
    ],
)
def test_pictures_of_descents_that_lead_nowhere(loss: str, options: dict[str, Any]) -> None:
    explorer = dx.explore(loss, **options)
    low, high = explorer.windows[0].low, explorer.windows[0].high
    assert all(0 < b - a < 1e4 for a, b in zip(low, high, strict=True))
    document = json.dumps(explorer.to_dict(), allow_nan=False)
    assert "NaN" not in document
    for figure in explorer.figures():
        assert draw(figure, 80)
        for layer in figure.layers:
            if isinstance(layer, Series):
                assert all(map(math.isfinite, (*layer.x, *layer.y)))


def test_a_path_that_leaves_the_picture_is_said() -> None:
    explorer = dx.fit("squared_error", lr=1.0, methods="symbolic", steps=100).explore()
    assert "leaves the picture with step 1" in explorer.figure().caption


# --------------------------------------------------------------------------------------------------------- fitted curves
@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        ("perpendicular", ("y", "a*x + b")),
        ("line_distance", ("y", "-(A*x + C)/B")),
        ("line_distance_squared", ("y", "-(A*x + C)/B")),
        ("huber", ("y", "a*x + b")),
        ("log_cosh", ("y", "a*x + b")),
        ("cauchy", ("y", "a*x + b")),  # s is no parameter of the line: each sample pulls at it
        ("logistic", ("y", "1/(1 + exp(-a*x - b))")),
        ("poisson", ("y", "exp(a*x + b)")),
        ("softplus", None),  # labels of −1 and 1: each sample pulls
        ("hyperplane", None),  # three columns
        ("(a*sin(b*x) - y)**2", ("y", "a*sin(b*x)")),
        ("(x - a*y**2)**2", ("x", "a*y**2")),
        ("(x - a)**2 + (y - b)**2", None),
        ("a*x*y", None),
        ("a*(x**2 + y**2 - b)**2", None),
    ],
)
def test_the_curve_that_is_fitted(loss: str, expected: tuple[str, str] | None) -> None:
    known = (
        dx.losses.get(loss)
        if loss.isidentifier()
        else dx.Loss(loss, parameters=[n for n in "ab" if n in loss], data="x, y")
    )
    curve = fitted_curve(known)
    if expected is None:
        assert curve is None
        return
    assert curve is not None and curve.response == expected[0]
    values = {name: 0.25 + place / 8 for place, name in enumerate(known.symbols)}
    at = {symbol: values[name] for name, symbol in known.symbols.items()}
    assert float(curve.expression.subs(at)) == pytest.approx(float(sympy.sympify(expected[1]).subs(values)))


def test_lines_over_the_data() -> None:
    explorer = explored("perpendicular")
    data = next(figure for figure in explorer.figures() if figure.title.startswith("Data"))
    assert [layer.name for layer in data.layers] == ["data", "start", "end", "minimum"]
    line = data.layers[-1]
    assert isinstance(line, Series) and explorer.minimum is not None
    a, b = explorer.minimum.point.values()
    assert list(line.y) == pytest.approx([a * x + b for x in line.x])


# ---------------------------------------------------------------------------------------------------------------- pages
class Outline(HTMLParser):
    """Tags that are open at the end, the ids, and the addresses of everything that could be fetched."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.fetched: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.ids += [found["id"] or ""] if "id" in found else []
        self.fetched += [found[key] or "" for key in ("src", "href", "action") if key in found]
        self.fetched = [address for address in self.fetched if not address.startswith("#")]
        if tag not in ("meta", "input", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("loss", ["perpendicular", "where(a < x, (a - x)**2, -a*b)*b", "(a - 2)**4"])
def test_the_html_is_well_formed_and_fetches_nothing(loss: str) -> None:
    at = None if loss == "perpendicular" else {name: 1.0 for name in "ab" if name in loss}
    explorer = dx.explore(loss, {"x": [0.5, 1.5]} if "x" in loss else None, at, steps=20)
    page = Outline()
    page.feed(explorer.to_html())
    assert page.open == [] and page.fetched == []
    assert len(page.ids) == len(set(page.ids))
    script = live_script(explorer)
    assert "</" not in script.replace("<\\/", "") or "</script" not in script
    assert set(re.findall(r'part\("([\w-]+)"\)', script)) <= {
        *re.findall(r'data-part="([\w-]+)"', live_html(explorer)),
        *("window", "data"),  # not everywhere
    }
    for control in ("parameter-0", "rate", "steps"):
        assert f'data-part="slider-{control}"' in live_html(explorer)


def test_more_data_than_a_page_carries() -> None:
    n = 20_001
    x = np.linspace(-1, 1, n)
    explorer = dx.explore("(a*x + b - y)**2", {"x": x, "y": 2 * x + 1}, {"a": 0.0, "b": 0.0}, steps=20)
    assert explorer.live is None and explorer.not_live is not None
    assert "its data are 40,002 numbers, and a page carries 40,000 at most" in explorer.not_live
    assert explorer.surface is not None  # the picture is drawn all the same
    html = explorer.to_html()
    assert "40,002 numbers" in html and "diffexploreLive" not in html and len(html) < 6_000_000
    assert live_script(explorer) == ""


def test_a_surface_that_takes_too_many_operations_is_not_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("diffexplore.exploring.surface._MOST_OPERATIONS", 1_000)
    explorer = dx.explore("squared_error", steps=20)
    assert explorer.surface is None
    assert any("the surface is not drawn" in note and "operations" in note for note in explorer.notes)
    assert not any(isinstance(layer, (ValueGrid, Arrows)) for layer in explorer.figure().layers)


def test_missing_plotly_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    script.cache_clear()
    monkeypatch.setattr("diffexplore.figures.plotly.find_spec", lambda name: None)
    with pytest.raises(UsageError, match="python -m pip install plotly"):
        explored("perpendicular").to_html()


def test_in_a_notebook() -> None:
    explorer = explored("perpendicular")
    html = explorer._repr_html_()
    assert html.startswith("<iframe srcdoc=") and html.count("<iframe") == 1
    assert sys.getsizeof(html) < 8_000_000, "marimo shows no output that takes more memory"
    assert explorer._mime_() == ("text/html", html)
    assert repr(explorer) == "<Explorer of perpendicular: the loss over a and b>"


def test_it_is_the_same_every_time() -> None:
    assert dx.explore("poisson", steps=30).to_html() == dx.explore("poisson", steps=30).to_html()


def test_figures_go_to_every_medium() -> None:
    explorer = explored("perpendicular")
    assert explorer.plot() is not None
    lines = draw(explorer.figure(), 80, ascii=True)
    assert all(len(line) <= 80 and line.isascii() for line in lines)
    kinds = [type(layer) for layer in explorer.figure().layers]
    assert kinds[:2] == [ValueGrid, Arrows] and kinds.count(Series) >= 5
