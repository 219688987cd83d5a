"""The page of every command in a real browser: it opens in silence, asks for nothing, and can be read on any screen."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from browser import CONTRASTS, console, look, opened, requests
from representatives import these

import diffexplore as dx
from diffexplore.cli.main import main
from diffexplore.pages.sections import KINDS

pytestmark = pytest.mark.browser

PROGRAM = """
import torch

def right(a, b, x, y):
    return ((a * x + b - y) ** 2).mean()

def wrong(a, b, x, y):
    return ((a * x + b - y) ** 2).sum()

class Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx, upstream):
        return upstream * ctx.saved_tensors[0]
"""

#: The commands whose pages are looked at: the kind of page first, and what is special.
COMMANDS: dict[str, list[str]] = {
    "report": ["report", "perpendicular", "--samples", "6", "--scan", "a=-1:1"],
    "report, undecided": ["report", "abs(a*x)", "--at", "a=0", "--samples", "4"],
    "verify": ["verify", "mine.py:right", "--loss", "squared_error"],
    "verify, wrong": ["verify", "mine.py:wrong", "--loss", "squared_error"],
    "prove": ["prove", "mine.py:right", "--loss", "squared_error"],
    "prove, refuted": ["prove", "mine.py:wrong", "--loss", "squared_error"],
    "fit": ["fit", "squared_error", "--lr", "0.1", "--steps", "50"],
    "graph": ["graph", "huber"],
    "derive": ["derive", "cauchy"],
    "bench": ["bench", "squared_error", "--sizes", "10,100", "--methods", "symbolic,reverse,central_difference"],
    "audit": ["audit", "--only", "pow"],
    "gradcheck": ["verify", "mine.py:Square", "--inputs", "x[3,4]"],
}
PAGES = (*COMMANDS, "explore")

#: What these show, others show as well, and test_browser.py.
LIKE_OTHERS = ("report, undecided", "verify", "explore")


@pytest.fixture(scope="module")
def page_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The page of that name, made once."""
    folder = tmp_path_factory.mktemp("pages")
    (folder / "mine.py").write_text(PROGRAM, encoding="utf-8")

    @cache
    def made(name: str) -> Path:
        page = folder / f"{PAGES.index(name)}.html"
        if name == "explore":
            page.write_text(dx.explore("logistic", steps=20).to_html(), encoding="utf-8")
            return page
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(folder)
            assert main([*COMMANDS[name], "--quiet", "--html", str(page)]) in (0, 1, 3)
        return page

    return made


def widths(driver: Any) -> list[int]:
    """What the window has, and what the page takes, with everything that can be unfolded open."""
    found: list[int] = driver.execute_script(
        """for (const part of document.querySelectorAll('details')) part.open = true;
        return [innerWidth, document.documentElement.scrollWidth];"""
    )
    return found


def too_faint(driver: Any) -> list[tuple[str, float]]:
    """Texts whose contrast with what is behind them is below the 4.5 : 1 of WCAG 2.2 (1.4.3)."""
    contrasts = driver.execute_script(CONTRASTS)
    assert len(contrasts) > 10
    return [(text, round(ratio, 2)) for ratio, text in contrasts if ratio < 4.5]


def test_every_kind_of_page_is_looked_at() -> None:
    assert {name.partition(",")[0] for name in PAGES} == set(KINDS)


@pytest.mark.parametrize("name", these(set(PAGES) - set(LIKE_OTHERS), PAGES))
def test_a_page_opens_in_silence_and_is_legible(name: str, driver: Any, page_of: Callable[[str], Path]) -> None:
    page = page_of(name)
    look(driver, width=400, dark=True)
    console(driver), requests(driver)
    opened(driver, page)
    assert widths(driver)[1] <= 400
    assert too_faint(driver) == []
    assert driver.execute_script("return document.querySelectorAll('.modebar-btn').length") == 0
    look(driver, width=1200)
    opened(driver, page)  # it takes its colours anew some time after the reader has chosen others
    assert widths(driver)[1] <= 1200
    assert too_faint(driver) == []
    drawn, figures = driver.execute_script(
        """return [document.querySelectorAll('.js-plotly-plot .main-svg').length,
        document.querySelectorAll('figure[data-figure], .live-plot').length];"""
    )
    assert drawn >= figures
    assert console(driver) == []
    assert requests(driver) == [page.as_uri()] * 2
    assert page.stat().st_size <= 6_000_000


def test_a_wide_page_sends_no_figure_away_and_folds_long_tables(driver: Any, page_of: Callable[[str], Path]) -> None:
    """Plotly's own buttons have one that uploads the numbers to its servers."""
    look(driver, width=1200)
    opened(driver, page_of("report"))
    buttons = driver.execute_script("return [...document.querySelectorAll('.modebar-btn')].map(b => b.dataset.title)")
    assert buttons and not [title for title in buttons if "hare" in title or "loud" in title]
    shown = "return arguments[0].map(id => document.querySelector(`#${id} tbody`).checkVisibility())"
    assert driver.execute_script(shown, ["overview", "comparisons", "samples"]) == [True, False, False]
    driver.execute_script("document.querySelector('#comparisons summary').click()")
    assert driver.execute_script(shown, ["comparisons", "samples"]) == [True, False]
