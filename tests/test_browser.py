"""The live section in a real browser: it opens in silence, asks for nothing, computes what the report says, is legible."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from browser import CONTRASTS, console, look, opened, requests
from flint import arb
from representatives import these

import diffexplore as dx
from diffexplore.cli.main import main
from diffexplore.fitting.reduced import ReducedFormulas, ReducedLoss, point

pytestmark = pytest.mark.browser


#: Few steps are a path as well as many.
LOSSES: dict[str, dict[str, Any]] = {
    "perpendicular": {},
    "cauchy": {"steps": 20},  # three parameters, and a domain
    "poisson": {"steps": 20},
    "line_distance": {"steps": 20},  # a ridge: no minimum
    "lgamma(a) - a*b + (b - x)**2 + erf(b*x)": {
        "at": {"a": 1.5, "b": 0.5}, "data": {"x": [0.25, -1.0, 2.0]}, "lr": 0.01, "steps": 50,
    },
    "(a - 2)**4 + a": {"at": {"a": 1.0}, "steps": 20},  # a curve
}  # fmt: skip


@pytest.fixture(scope="module")
def page_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The page of that loss, made once."""
    folder = tmp_path_factory.mktemp("pages")

    @cache
    def made(name: str) -> Path:
        page = folder / f"page{list(LOSSES).index(name)}.html"
        page.write_text(dx.explore(name, **LOSSES[name]).to_html(), encoding="utf-8")
        return page

    return made


def set_number(driver: Any, part: str, value: float) -> None:
    """As somebody who types into a box; the page draws in the next frame."""
    driver.execute_async_script(
        """const [part, value, done] = arguments, box = document.querySelector(`[data-part="${part}"]`);
        box.value = value; box.dispatchEvent(new Event('change'));
        requestAnimationFrame(() => requestAnimationFrame(done));""",
        part,
        repr(value),
    )


def slide(driver: Any, part: str, share: float) -> None:
    """As somebody who moves a slider to a share of its way."""
    driver.execute_async_script(
        """const [part, share, done] = arguments, slider = document.querySelector(`[data-part="${part}"]`);
        slider.value = Number(slider.min) + share * (slider.max - slider.min); slider.dispatchEvent(new Event('input'));
        requestAnimationFrame(() => requestAnimationFrame(done));""",
        part,
        share,
    )


def shown(driver: Any, part: str) -> float:
    text = driver.execute_script("return document.querySelector(`[data-part='${arguments[0]}']`).dataset.value", part)
    return float(text)


def live(driver: Any, call: str, *arguments: Any) -> Any:
    return driver.execute_script(f"return document.querySelector('.live').explorer.{call}", *arguments)


def message(driver: Any) -> str:
    return str(driver.execute_script("return document.querySelector('[data-part=message]').textContent"))


# ------------------------------------------------------------------------- it stands alone, and computes what is certified
def certified(name: str, at: list[float]) -> tuple[arb, tuple[arb, ...]]:
    """The loss and its gradient, enclosed by Arb."""
    from diffexplore.inputs.losses import loss_given

    options = LOSSES[name]
    loss = loss_given(name, options.get("at"), options.get("data"))
    data = options.get("data") or (loss.default_data() if loss.default_data else {})
    columns = {key: np.array(data[key], dtype=float) for key in loss.data}
    reduced = ReducedLoss(ReducedFormulas(loss), columns, len(next(iter(columns.values()))) if columns else 1)
    return reduced.value(point(at)), reduced.gradient(point(at))


def assert_equal(found: float, truth: arb) -> None:
    """To 1e-12 of the truth; of a sum that cancels to less than 1e-3, to 1e-15."""
    assert abs(found - float(truth.mid())) <= 1e-12 * max(abs(float(truth.mid())), 1e-3)


def assert_legible(driver: Any, width: int) -> None:
    """Every text has contrast, and all of the page and of each plot is within the window."""
    inner, content = driver.execute_script("return [innerWidth, document.documentElement.scrollWidth]")
    assert content <= inner == width
    contrasts = driver.execute_script(CONTRASTS)
    assert len(contrasts) > 30
    assert [(text, round(ratio, 2)) for ratio, text in contrasts if ratio < 4.5] == []
    # Nothing of a plot is cut off, and labels of its axes do not run into each other's plots.
    for left, right in driver.execute_script(
        "return [...document.querySelectorAll('.live-plot')].map(p => [p.getBoundingClientRect().left, p.getBoundingClientRect().right])"
    ):
        assert 0 <= left < right <= width


@pytest.mark.parametrize("name", these(set(LOSSES) - {"poisson"}, LOSSES))
def test_it_opens_in_silence_asks_for_nothing_is_legible_and_has_the_certified_gradient(
    name: str, driver: Any, page_of: Callable[[str], Path]
) -> None:
    page = page_of(name)
    look(driver, width=1280)
    console(driver), requests(driver)
    opened(driver, page)
    assert_legible(driver, 1280)
    assert driver.execute_script("return document.querySelectorAll('.js-plotly-plot').length") >= 2
    slide(driver, "slider-rate", 0.9)
    slide(driver, "slider-parameter-0", 0.2)
    names = live(driver, "state.start.length")
    for values in ([1.3, 0.7, 0.9, 1.1], [2.5, 1.0, 0.4, -0.3], [0.125, -3.5, 2.0, 0.5]):
        at = values[:names]
        for place, value in enumerate(at):
            set_number(driver, f"box-parameter-{place}", value)
        value, gradient = certified(name, at)
        assert_equal(shown(driver, "start-loss"), value)
        for place, slope in enumerate(gradient):
            assert_equal(shown(driver, f"start-slope-{place}"), slope)
    assert console(driver) == []
    assert requests(driver) == [page.as_uri()]
    assert page.stat().st_size < 6_000_000


def test_the_page_of_a_fit(driver: Any, tmp_path: Path) -> None:
    page = tmp_path / "fit.html"
    assert (
        main(["fit", "cauchy", "--lr", "0.1", "--steps", "100", "--axes", "s,b", "--html", str(page), "--quiet"]) == 0
    )
    look(driver, width=400, dark=True)
    console(driver), requests(driver)
    opened(driver, page)
    axes = "(l => [l.xaxis.title.text, l.yaxis.title.text])(document.querySelector('[data-part=surface]').layout)"
    assert driver.execute_script(f"return {axes}") == ["s", "b"]
    before = shown(driver, "end-loss")
    slide(driver, "slider-steps", 0.1)
    assert shown(driver, "end-loss") > before
    inner, content = driver.execute_script("return [innerWidth, document.documentElement.scrollWidth]")
    assert content <= inner == 400
    assert console(driver) == []
    assert requests(driver) == [page.as_uri()]
    assert page.stat().st_size < 6_000_000


def test_a_frame_of_a_notebook_works(driver: Any, tmp_path: Path) -> None:
    page = tmp_path / "notebook.html"
    page.write_text(f"<meta charset='utf-8'><body>{dx.explore('squared_error')._repr_html_()}</body>", encoding="utf-8")
    console(driver), requests(driver)
    opened(driver, page)
    driver.switch_to.frame(0)
    assert driver.execute_script("return document.querySelectorAll('.js-plotly-plot').length") == 3
    before = shown(driver, "end-loss")
    slide(driver, "slider-steps", 0.1)
    assert shown(driver, "end-loss") > before
    driver.switch_to.default_content()
    assert console(driver) == []
    assert [url for url in requests(driver) if url not in (page.as_uri(), "about:srcdoc")] == []


# ------------------------------------------------------------------------------------------- it is the descent of the fit
def test_the_live_descent_is_that_of_the_fit(driver: Any, tmp_path: Path) -> None:
    fit = dx.fit("perpendicular", methods="symbolic")
    page = tmp_path / "fit.html"
    page.write_text(fit.explore().to_html(), encoding="utf-8")
    opened(driver, page)
    assert fit.run.last.loss is not None
    assert shown(driver, "end-loss") == pytest.approx(fit.run.last.loss, rel=1e-12)
    for place, value in enumerate(fit.run.last.point.values()):
        assert shown(driver, f"end-value-{place}") == pytest.approx(value, rel=1e-10)
    assert "0.5 % above the minimum" in message(driver)
    assert fit.path_curvature is not None and fit.path_curvature.times_rate is not None
    assert f"times the rate is {fit.path_curvature.times_rate:.2g} < 2" in message(driver)
    set_number(driver, "box-steps", 1)
    (times,) = re.findall(r"; (\d+) times the minimum", message(driver))
    assert fit.optimum is not None
    assert float(times) == pytest.approx(shown(driver, "end-loss") / fit.optimum.value, rel=0.05)


def torch_path(optimizer: str, columns: Iterable[list[float]], rate: float, steps: int) -> list[list[float]]:
    """The steps of torch.optim from (1, 1/2), down the mean of log(1 + (a·x + b − y)²)."""
    x, y = (torch.tensor(column, dtype=torch.float64) for column in columns)
    a, b = (torch.tensor(value, dtype=torch.float64, requires_grad=True) for value in (1.0, 0.5))
    rule = {
        "gd": lambda: torch.optim.SGD([a, b], lr=rate),
        "momentum": lambda: torch.optim.SGD([a, b], lr=rate, momentum=0.9),
        "adam": lambda: torch.optim.Adam([a, b], lr=rate),
    }[optimizer]()
    path = []
    for _ in range(steps):
        rule.zero_grad()
        torch.log(1 + (a * x + b - y) ** 2).mean().backward()
        rule.step()
        path.append([a.item(), b.item()])
    return path


def test_the_live_path_of_each_optimizer_is_that_of_torch(driver: Any, tmp_path: Path) -> None:
    """The page takes the steps of torch.optim: of the fit's optimizer at first, and of the one that is chosen."""
    at, steps, rate = {"a": 1.0, "b": 0.5}, 60, 0.02
    page = tmp_path / "fit.html"
    data = {"x": [0.5, -1.0, 2.0], "y": [1.0, 0.5, -1.0]}
    fit = dx.fit("log(1 + (a*x + b - y)**2)", data, at, optimizer="adam", lr=rate, steps=steps, methods="symbolic")
    page.write_text(fit.explore().to_html(), encoding="utf-8")
    opened(driver, page)
    assert driver.execute_script("return document.querySelector('[data-part=optimizer]').value") == "adam"
    for optimizer in ("adam", "gd", "momentum"):
        if optimizer != "adam":
            driver.execute_async_script(
                """const select = document.querySelector('[data-part=optimizer]'), [chosen, done] = arguments;
                select.value = chosen; select.dispatchEvent(new Event('change'));
                requestAnimationFrame(() => requestAnimationFrame(done));""",
                optimizer,
            )
        assert live(driver, "state.optimizer") == optimizer
        found = live(driver, "descent(arguments[0], arguments[1], arguments[2]).path", [1.0, 0.5], rate, steps)
        path = [place["point"] for place in found]
        assert np.allclose(path[1:], torch_path(optimizer, data.values(), rate, steps), rtol=1e-12, atol=1e-13)
        assert ("times the rate" in message(driver)) == (optimizer == "gd")


def test_the_live_hessian_and_its_largest_eigenvalue(driver: Any, page_of: Callable[[str], Path]) -> None:
    opened(driver, page_of("cauchy"))
    at = [1.25, 0.5, 0.75]
    loss = dx.losses.get("cauchy")
    assert loss.default_data is not None
    columns = {name: torch.tensor(values, dtype=torch.float64) for name, values in loss.default_data().items()}

    def value(p: torch.Tensor) -> torch.Tensor:
        r = p[0] * columns["x"] + p[1] - columns["y"]
        return (torch.log(math.pi * p[2]) + torch.log1p((r / p[2]) ** 2)).mean()

    expected = torch.autograd.functional.hessian(value, torch.tensor(at, dtype=torch.float64))
    found = live(driver, "hessian(arguments[0])", at)
    assert np.allclose(found, expected.numpy(), rtol=1e-11)
    largest = live(driver, "largestCurvature(arguments[0])", at)
    assert largest == pytest.approx(float(torch.linalg.eigvalsh(expected)[-1]), rel=1e-6)


# ------------------------------------------------------------------------------------------------------------ it is alive
def test_sliders_and_zooms_move_and_numbers_follow(driver: Any, page_of: Callable[[str], Path]) -> None:
    opened(driver, page_of("perpendicular"))
    seen = [(shown(driver, "start-loss"), shown(driver, "end-loss"), shown(driver, "end-value-1"))]
    for part, share in [
        ("slider-parameter-0", 0.9),
        ("slider-parameter-1", 0.1),
        ("slider-rate", 0.3),
        ("slider-steps", 0.2),
    ]:
        slide(driver, part, share)
        seen.append((shown(driver, "start-loss"), shown(driver, "end-loss"), shown(driver, "end-value-1")))
        traces = driver.execute_script(
            "return document.querySelector('[data-part=surface]').data.find(t => t.name === 'start').x[0]"
        )
        assert traces == live(driver, "state.start[0]")
    assert len(set(seen)) == len(seen)
    driver.execute_async_script(
        "const done = arguments[0]; document.querySelector('[data-part=again]').click();"
        "requestAnimationFrame(() => requestAnimationFrame(done));"
    )
    assert (shown(driver, "start-loss"), shown(driver, "end-loss"), shown(driver, "end-value-1")) == seen[0]
    # A zoom is computed afresh.
    driver.execute_async_script(
        """const done = arguments[0], plot = document.querySelector('[data-part=surface]');
        Plotly.relayout(plot, {'xaxis.range[0]': 2.4, 'xaxis.range[1]': 2.6, 'yaxis.range[0]': -1, 'yaxis.range[1]': 0})
          .then(() => requestAnimationFrame(() => requestAnimationFrame(done)));"""
    )
    x, y, values = driver.execute_script(
        "const t = document.querySelector('[data-part=surface]').data[0]; return [t.x, t.y, t.customdata]"
    )
    assert (x[0], x[-1], y[0], y[-1]) == (2.4, 2.6, -1, 0)
    assert_equal(values[0][0], certified("perpendicular", [2.4, -1.0])[0])


def test_a_rate_that_is_too_large_is_said(driver: Any, page_of: Callable[[str], Path]) -> None:
    opened(driver, page_of("perpendicular"))
    set_number(driver, "box-parameter-0", 2.4)
    set_number(driver, "box-rate", 0.01)
    assert "> 2, where steps overshoot" in message(driver)
    opened(driver, page_of("poisson"))
    set_number(driver, "box-rate", 50)
    assert "is not finite; the lowest loss was" in message(driver)


def test_the_axes_can_be_chosen_and_outside_the_domain_nothing_is_drawn(
    driver: Any, page_of: Callable[[str], Path]
) -> None:
    opened(driver, page_of("cauchy"))
    driver.execute_async_script(
        """const done = arguments[0], choice = document.querySelector('[data-part=axis-1]');
        choice.value = 's'; choice.dispatchEvent(new Event('change'));
        requestAnimationFrame(() => requestAnimationFrame(done));"""
    )
    surface = "document.querySelector('[data-part=surface]')"
    assert driver.execute_script(f"return {surface}.layout.yaxis.title.text") == "s"
    ground = driver.execute_script(f"const t = {surface}.data[0]; return [t.y, t.customdata.map(row => row[0])]")
    below = [value for s, value in zip(*ground, strict=True) if s <= 0]
    assert below and all(value is None or (isinstance(value, float) and math.isnan(value)) for value in below)
    set_number(driver, "box-parameter-2", -0.5)
    assert math.isnan(shown(driver, "start-loss")) and math.isnan(shown(driver, "start-slope-0"))
    assert "outside the domain" in message(driver)
    assert console(driver) == []


# ------------------------------------------------------------------------------------------------------- it can be read
@pytest.mark.parametrize(
    ("name", "width", "dark"),
    these(
        [("cauchy", 400, True)],
        itertools.product(["perpendicular", "cauchy", "(a - 2)**4 + a"], [400, 1280], [False, True]),
    ),
)
def test_it_is_legible_on_any_screen(
    name: str, width: int, dark: bool, driver: Any, page_of: Callable[[str], Path]
) -> None:
    look(driver, width=width, dark=dark)
    opened(driver, page_of(name))
    assert_legible(driver, width)
