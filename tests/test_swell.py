"""The page on expression swell shows what the benchmark measures, and its pictures are those of today."""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks.swell import Costs, costs, drawn, table
from diffexplore.graphing import graph_of, to_svg

DOCS = Path(__file__).parent.parent / "docs"


@pytest.fixture(scope="module")
def few() -> list[Costs]:
    return list(costs(7))


def test_the_page_has_the_counts(few: list[Costs]) -> None:
    page = (DOCS / "swell.md").read_text(encoding="utf-8")
    for line in table(few).splitlines():
        assert line in page


def test_formulas_swell_and_graphs_do_not(few: list[Costs]) -> None:
    steps = [later.graph - earlier.graph for earlier, later in itertools.pairwise(few)]
    assert set(steps) == {2}
    assert {row.autograd - 3 * row.n for row in few} == {2}
    assert {row.traced - 10 * row.n for row in few} == {0}
    assert all(later.derivative > 2 * earlier.derivative for earlier, later in itertools.pairwise(few))
    assert few[-1].expanded == 5141


def test_the_figure_is_drawn(few: list[Costs]) -> None:
    root = ElementTree.fromstring(drawn(few))
    curves = list(root.iter("{http://www.w3.org/2000/svg}polyline"))
    assert len(curves) == 6
    assert all(len(curve.get("points", "").split()) == 7 for curve in curves)


@pytest.mark.slow
def test_the_page_and_the_figure_are_current() -> None:
    rows = list(costs())
    page = (DOCS / "swell.md").read_text(encoding="utf-8")
    assert table(rows) in page
    assert (DOCS / "images" / "swell.svg").read_text(encoding="utf-8") == drawn(rows)


def test_the_picture_of_the_graph_is_that_of_today() -> None:
    picture = (DOCS / "images" / "graph.svg").read_text(encoding="utf-8")
    assert picture == to_svg(graph_of("graph_sum")), "run python docs/picture.py"


@pytest.mark.parametrize("name", ["graph.svg", "swell.svg"])
def test_pictures_are_small_and_follow_the_scheme_of_the_page(name: str) -> None:
    path = DOCS / "images" / name
    text = path.read_text(encoding="utf-8")
    assert path.stat().st_size < 20_000
    assert "prefers-color-scheme: dark" in text
    assert not re.search(r"url\(|href|<script|@import", text)
