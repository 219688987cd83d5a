"""The page of every command in a real browser: it opens in silence, asks for nothing, and can be read on any screen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from browser import CONTRASTS, console, look, opened, requests

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


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """All pages, made once."""
    folder = tmp_path_factory.mktemp("pages")
    found = {name: folder / f"{place}.html" for place, name in enumerate(PAGES)}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        Path("mine.py").write_text(PROGRAM, encoding="utf-8")
        for name, command in COMMANDS.items():
            assert main([*command, "--quiet", "--html", str(found[name])]) in (0, 1, 3)
    found["explore"].write_text(dx.explore("logistic").to_html(), encoding="utf-8")
    return found


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


@pytest.mark.parametrize("name", PAGES)
def test_a_page_opens_in_silence_and_is_legible(name: str, driver: Any, pages: dict[str, Path]) -> None:
    look(driver, width=400, dark=True)
    console(driver), requests(driver)
    opened(driver, pages[name])
    assert widths(driver)[1] <= 400
    assert too_faint(driver) == []
    look(driver, width=1200)
    assert widths(driver)[1] <= 1200
    assert too_faint(driver) == []
    drawn, figures = driver.execute_script(
        """return [document.querySelectorAll('.js-plotly-plot .main-svg').length,
        document.querySelectorAll('figure[data-figure], .live-plot').length];"""
    )
    assert drawn >= figures
    assert console(driver) == []
    assert requests(driver) == [pages[name].as_uri()]
    assert pages[name].stat().st_size <= 6_000_000


def test_nothing_of_a_figure_is_sent_away(driver: Any, pages: dict[str, Path]) -> None:
    """Plotly's own buttons have one that uploads the numbers to its servers."""
    look(driver, width=1200)
    opened(driver, pages["report"])
    buttons = driver.execute_script("return [...document.querySelectorAll('.modebar-btn')].map(b => b.dataset.title)")
    assert buttons and not [title for title in buttons if "hare" in title or "loud" in title]
    look(driver, width=400)
    opened(driver, pages["report"])
    assert driver.execute_script("return document.querySelectorAll('.modebar-btn').length") == 0


def test_long_tables_are_folded_and_the_digits_are_not(driver: Any, pages: dict[str, Path]) -> None:
    look(driver, width=1200)
    opened(driver, pages["report"])
    shown = "return arguments[0].map(id => document.querySelector(`#${id} tbody`).checkVisibility())"
    assert driver.execute_script(shown, ["overview", "comparisons", "samples"]) == [True, False, False]
    driver.execute_script("document.querySelector('#comparisons summary').click()")
    assert driver.execute_script(shown, ["comparisons", "samples"]) == [True, False]
