"""Pages: one HTML document that holds all it needs, whatever the names in it are."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from figure_examples import EVERYTHING, LAYERS, figure
from pages_read import Element, read_page
from representatives import one_in

import diffexplore as dx
from diffexplore.cli.main import main
from diffexplore.errors import UsageError
from diffexplore.figures.plotly import script
from diffexplore.figures.records import Series, ValueGrid
from diffexplore.graphing import graph_of
from diffexplore.pages.document import document
from diffexplore.pages.records import Fragment, Page, Section
from diffexplore.pages.sections import KINDS
from diffexplore.writing.blocks import (
    Block,
    Column,
    Formula,
    FormulaList,
    Heading,
    Headline,
    Note,
    Picture,
    Table,
    text,
)

HOSTILE = "\"><script>alert('a')</script><img src=http://example.org/x onerror=alert(1)> & </style> ${1} $x$"

COMMANDS: dict[str, list[str]] = {
    "report": ["report", "perpendicular", "--points", "12", "--methods", "reverse,central_difference"],
    "verify": ["verify", "mine.py:loss", "--loss", "squared_error"],
    "prove": ["prove", "mine.py:loss", "--loss", "squared_error"],
    "fit": ["fit", "squared_error", "--lr", "0.1", "--steps", "20", "--dtype", "float64"],
    "graph": ["graph", "huber"],
    "derive": ["derive", "logistic"],
    "audit": ["audit", "--only", "pow"],
}
PROGRAM = """
import torch

def loss(a, b, x, y):
    return ((a * x + b - y) ** 2).sum() / 7
"""


@cache
def _page(kind: str) -> str:
    """The page of a command, made once."""
    import os
    import tempfile

    here = os.getcwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            Path("mine.py").write_text(PROGRAM, encoding="utf-8")
            assert main([*COMMANDS[kind], "--quiet", "--html", "page.html"]) in (0, 1)
            return Path("page.html").read_text(encoding="utf-8")
        finally:
            os.chdir(here)


@cache
def _root(kind: str) -> Element:
    """The same as elements, but for plotly's library."""
    return read_page(_without_plotly(_page(kind)))


def _without_plotly(html: str) -> str:
    """The page but for the library, which speaks of addresses that it never fetches here."""
    return html.replace(script().replace("</script", r"<\/script"), "")


every_kind = pytest.mark.parametrize("kind", COMMANDS)


def test_every_command_has_a_kind_of_page() -> None:
    assert set(COMMANDS) <= set(KINDS)


# -------------------------------------------------------------------------------------------------------- what all pages are
@every_kind
def test_a_page_is_well_formed_and_small_enough(kind: str) -> None:
    html = _page(kind)
    root = read_page(html)
    assert html.startswith("<!doctype html>") and len(root.all("main")) == len(root.all("h1")) == 1
    assert len(html.encode()) <= 6_000_000
    ids = [element.attributes["id"] for element in root.all() if "id" in element.attributes]
    assert len(ids) == len(set(ids))


@every_kind
def test_a_page_fetches_nothing(kind: str) -> None:
    html, root = _without_plotly(_page(kind)), _root(kind)
    policy = root.all("meta", **{"http-equiv": "Content-Security-Policy"})[0].attributes["content"]
    assert policy.startswith("default-src 'none'") and "http" not in policy
    for element in root.all():
        for name in ("src", "href", "action", "data", "poster", "srcset", "xlink:href"):
            assert element.attributes.get(name, "#").startswith("#"), (element.tag, name)
    assert not root.all("link") and not root.all("iframe") and not root.all("img")
    assert not re.search(r"@import|url\(", html)
    assert set(re.findall(r"https?://[^\s\"'<>]+", html)) <= {"http://www.w3.org/2000/svg"}


@every_kind
def test_plotly_is_there_once_and_only_where_a_figure_needs_it(kind: str) -> None:
    html = _page(kind)
    figures = _root(kind).all("figure", **{"data-figure": "1"})
    assert html.count(script()) == (1 if figures else 0)
    assert (len(html) < 300_000) == (not figures)


@every_kind
def test_links_lead_to_sections(kind: str) -> None:
    root = _root(kind)
    sections = {element.attributes["id"]: element for element in root.all("section")}
    links = [link.attributes["href"].removeprefix("#") for nav in root.all("nav") for link in nav.all("a")]
    assert links == (list(sections) if len(sections) > 1 else [])
    for key, section in sections.items():
        (title,) = section.all("h2")
        assert title.attributes["id"] == section.attributes["aria-labelledby"] == f"{key}-title"
        assert title.words()


@every_kind
def test_a_page_is_light_dark_and_printed(kind: str) -> None:
    root = _root(kind)
    assert root.all("meta", name="color-scheme")[0].attributes["content"] == "light dark"
    assert root.all("meta", name="viewport")[0].attributes["content"].startswith("width=device-width")
    style = root.all("style")[0].text
    assert "(prefers-color-scheme: dark)" in style and "@media print" in style and "(max-width: 40rem)" in style


def _luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", one_in(2, [0, 1]), ids=["light", "dark"])
@pytest.mark.parametrize("name", ["ink", "quiet", "link", "good", "bad", "doubt"])
@pytest.mark.parametrize("ground", ["page", "card", "good-ground", "bad-ground", "doubt-ground", "strong-ground"])
def test_letters_are_legible(scheme: int, name: str, ground: str) -> None:
    """WCAG 2 asks for a contrast of 4.5 : 1."""
    style = _root("graph").all("style")[0].text
    rules = re.findall(r":root \{(.*?)\}", style, re.DOTALL)[scheme]
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", rules))
    lighter, darker = sorted((_luminance(colours[name]), _luminance(colours[ground])), reverse=True)
    assert (lighter + 0.05) / (darker + 0.05) >= 4.5


# --------------------------------------------------------------------------------------------------------- what they hold
def test_the_page_of_a_report_has_formulas_tables_derivation_and_graph() -> None:
    root = _root("report")
    assert root.all("h1")[0].words() == "perpendicular"
    assert root.all(class_="verdict")[0].words().startswith("PASS every partial agrees")
    keys = [section.attributes["id"] for section in root.all("section")]
    mine = ["loss", "comparisons", "samples", "derivation", "graph"]
    assert [key for key in keys if key in mine] == mine
    annotations = [element.text for element in root.all("annotation")]
    assert "mean[(a·x + b − y)/(a² + 1)]" in annotations and "∂L/∂b" in annotations
    assert any(text.startswith("∂/∂a[") for text in annotations)
    methods = [cell.words() for cell in root.all("th", scope="row")]
    assert {"truth", "reverse", "central_difference"} <= set(methods)
    (drawing,) = root.all("svg")
    assert "value" in drawing.words() and "∂L/∂a = " in drawing.words()


def test_the_page_of_a_wrong_gradient_says_what_is_wrong_first() -> None:
    root = _root("verify")
    assert root.all("section")[0].attributes["id"] == "failures"
    assert "factor" in root.all("section")[0].words() or "divided" in root.all("section")[0].words()
    assert "bad" in root.all(class_="verdict")[0].attributes["class"]


def test_the_page_of_a_fit_has_its_findings_and_the_numbers_of_its_curve() -> None:
    fit = dx.fit("squared_error", lr=0.1, steps=20)
    root = _root("fit")
    said = root.all("section", id="why")[0].words()
    assert all(" ".join(finding.sentence.split()) in said for finding in fit.explanation[1:])
    (drawn,) = root.all("figure", id="figure-1")
    (label,) = [element.attributes["aria-label"] for element in drawn.all("div", role="img")]
    assert label.startswith("Loss curve of squared_error") and "the minimum is" in label
    data = json.loads(drawn.all("script")[0].text)["data"]
    rows = drawn.all("details")[0].all("tr")[1:]
    assert len(rows) == len(data[0]["x"]) == 21
    assert float(rows[-1].all("td")[1].words()) == pytest.approx(fit.path[-1].loss)


def test_the_page_of_a_proof_has_its_counterexample() -> None:
    root = _root("prove")
    assert root.all(class_="verdict")[0].words().startswith("REFUTED")
    assert any("counterexample" in section.words() for section in root.all("section"))


@pytest.mark.parametrize(("make", "kind", "has"), [
    (lambda: dx.check("log_cosh", methods="reverse"), "report", ["loss", "comparisons", "derivation", "graph"]),
    (lambda: dx.fit("squared_error", lr=0.1, steps=3), "fit", ["why", "curve", "directions", "loss", "derivation", "graph"]),
    (lambda: graph_of("squared_error"), "graph", ["graph", "formula", "forward", "backward"]),
    (lambda: dx.verify(lambda a, b, x, y: (a * x + b - y).square().mean(), "squared_error"), "verify", ["loss"]),
])  # fmt: skip
def test_results_know_their_page(make: Callable[[], dx.Report], kind: str, has: list[str]) -> None:
    root = read_page(make().to_html())
    assert root.all("body")[0].attributes["data-kind"] == kind
    assert set(has) <= {section.attributes["id"] for section in root.all("section")}


# -------------------------------------------------------------------------------------------------------------- hostile names
def _hostile_page() -> Page:
    content: tuple[Block | Fragment, ...] = (
        FormulaList((Formula(HOSTILE, HOSTILE, HOSTILE), Formula("L", "a·x", f"= {HOSTILE}"))),
        Note(text(HOSTILE), HOSTILE),
        Note(text(HOSTILE, "bad"), "·"),
        Table((Column(HOSTILE, HOSTILE, align="left"),), ((text(HOSTILE),),)),
        Picture(replace(figure(*(replace(layer, name=HOSTILE) for layer in LAYERS.values())), title=HOSTILE, caption=HOSTILE)),
    )  # fmt: skip
    return Page(
        HOSTILE, HOSTILE, Headline(HOSTILE, "bad", HOSTILE), (Section("one", HOSTILE, content, HOSTILE),), HOSTILE
    )


def test_hostile_words_are_only_words() -> None:
    html = _without_plotly(document(_hostile_page()))
    root = read_page(html)
    harmless = read_page(_without_plotly(document(replace(_hostile_page(), title="x"))))
    assert not root.all("img") and len(root.all("script")) == len(harmless.all("script")) == 3
    assert [
        script.text for script in root.all("script") if "alert" in script.text and "type" not in script.attributes
    ] == []
    assert all("onerror" not in element.attributes for element in root.all())
    (drawn,) = root.all("script", type="application/json")
    assert "<" not in drawn.text and "alert" in drawn.text  # nothing in it can end the element
    assert HOSTILE in root.all("h1")[0].text and HOSTILE in root.all("footer")[0].text
    assert any(HOSTILE in element.attributes.get("aria-label", "") for element in root.all("div"))


def test_a_hostile_loss_and_candidate() -> None:
    def candidate(a: object, x: object) -> object:
        return (a * x).mean()  # type: ignore[operator]

    candidate.__name__ = candidate.__qualname__ = HOSTILE
    loss = dx.Loss("a*x", parameters="a", data="x", name=HOSTILE, source=HOSTILE)
    for result in (dx.check(loss, {"x": [1.0, 2.0]}, {"a": 1.0}), dx.verify(candidate, loss, {"x": [1.0]}, {"a": 1.0})):
        root = read_page(_without_plotly(result.to_html()))
        assert not root.all("img") and all("onerror" not in element.attributes for element in root.all())
        given = root.all("script", type="application/json")
        assert not any("alert(" in one.text for one in root.all("script") if one not in given)
        assert not any("<" in one.text for one in given)
        assert HOSTILE in root.all("h1")[0].text


@pytest.mark.parametrize(("n", "has_values"), [(100, True), (20_000, False)])
def test_the_graph_of_many_samples_has_formulas(n: int, has_values: bool) -> None:
    """Whose values would take longer than the page."""
    from diffexplore.pages.sections.algebra import graph
    from diffexplore.pages.subjects import of_fit

    x = [place / n for place in range(n)]
    (section,) = graph(of_fit(dx.fit("squared_error", {"x": x, "y": x}, lr=0.1, steps=1, methods="symbolic")))
    (drawing,) = section.content
    assert isinstance(drawing, Fragment) and ("at a = " in drawing.html) == has_values


# ----------------------------------------------------------------------------------------------------------- how pages are made
def _one(*content: Block | Fragment) -> Element:
    page = Page("report", "title", None, (Section("one", "One", content), Section("none", "None", ())))
    return read_page(_without_plotly(document(page)))


def test_a_section_without_content_is_left_out() -> None:
    assert [section.attributes["id"] for section in _one(Note(text("a"))).all("section")] == ["one"]


def test_fragments_bring_their_style_and_script() -> None:
    """Whose scripts run after plotly's; styles are there once, however often they are needed."""
    live = Fragment("<p>live</p>", script="Plotly.here()", style=".live { color: red }", interactive=True)
    page = Page("report", "title", None, (Section("one", "One", (live, replace(live, html="<p>more</p>"))),))
    html = document(page)
    assert html.count(".live { color: red }") == 1
    assert 0 < html.index(script()[:80]) < html.index("Plotly.here()")
    quiet = document(replace(page, sections=(Section("one", "One", (Fragment("<p>quiet</p>"),)),)))
    assert script()[:80] not in quiet


def test_a_script_cannot_end_its_element() -> None:
    fragment = Fragment("", script='const text = "</script><b>bold</b>";')
    page = document(Page("report", "title", None, (Section("one", "One", (fragment,)),)))
    assert not read_page(page).all("b")


def test_notes_with_bullets_are_a_list() -> None:
    root = _one(Note(text("a"), "·"), Note(text("b"), "·"), Note(text("c")))
    (bullets,) = root.all("ul")
    assert [item.words() for item in bullets.all("li")] == ["a", "b"]


def test_parts_with_headings_may_stand_beside_each_other() -> None:
    both = _one(Note(text("before")), Heading("a"), Note(text("of a")), Heading("b"), Note(text("of b")))
    assert [part.words() for part in both.all("div", class_="part")] == ["a of a", "b of b"]
    assert not _one(Heading("a"), Note(text("of a"))).all("div", class_="part")


def test_equations_in_remarks_are_typeset_and_words_are_not() -> None:
    remarks = ("let u = a·x, v = a² + 1", "∂u/∂a = x, ∂v/∂a = 2·a", "= 2·a", "constant factor", "simplify")
    root = _one(FormulaList(tuple(Formula("", "a", remark) for remark in remarks)))
    assert [len(cell.all("math")) for cell in root.all("td", class_="remark")] == [2, 2, 1, 0, 0]


def test_figures_are_numbered_and_have_their_numbers_behind_them() -> None:
    root = _one(Picture(EVERYTHING), Picture(figure(LAYERS["series"])))
    first, second = root.all("figure")
    assert first.all("figcaption")[0].words().startswith("Figure 1. The title. What is to be seen.")
    assert second.all("summary")[0].words() == "The numbers of figure 2"
    tables = [[[cell.words() for cell in row.children] for row in table.all("tr")] for table in first.all("table")]
    assert [["0", "1", "2"], ["1", "2", "4"], ["2", "3", "6"]] in [table[1:] for table in tables]  # the band
    assert ["10", "4", "—", "400"] in [row for table in tables for row in table]  # the grid, its highest row first
    assert ["2", "10", "kink"] in [row for table in tables for row in table]
    assert ["chosen", "across = 1.5"] in [row for table in tables for row in table]
    assert ["0", "1", "3"] in [row for table in tables for row in table]  # the bars


def test_tables_behind_figures_are_thinned() -> None:
    """With the first and the last of their rows, and a note."""
    places = tuple(float(place) for place in range(1001))
    values = tuple(tuple(1.0 for _ in range(61)) for _ in range(41))
    root = _one(
        Picture(figure(Series("path", places, places))),
        Picture(figure(ValueGrid("height", places[:61], places[:41], values))),
    )
    path, grid = root.all("table")
    assert path.all("caption")[0].words() == "path: 250 of 1,001 rows"
    rows = [[cell.words() for cell in row.children] for row in path.all("tr")[1:]]
    assert len(rows) == 250 and rows[0] == ["0", "0"] and rows[-1] == ["1000", "1000"]
    assert grid.all("caption")[0].words() == "height: 25 of 41 rows and 25 of 61 columns"
    heads = [cell.words() for cell in grid.all("tr")[0].children]
    assert len(heads) == 26 and (heads[1], heads[-1]) == ("0", "60")
    assert [row.children[0].words() for row in grid.all("tr")[1:]][:: len(grid.all("tr")) - 2] == ["40", "0"]


def test_a_gradient_of_many_entries_has_few_figures() -> None:
    names = [f"w{place}" for place in range(7)]
    terms = " + ".join(f"{name}*x{place}" for place, name in enumerate(names))
    loss = dx.Loss(f"({terms} - y)**2", parameters=names, data=[*(f"x{place}" for place in range(7)), "y"])
    data = {name: [0.25 * (place + 1), 1.5 - place] for place, name in enumerate(loss.data)}
    root = read_page(_without_plotly(dx.check(loss, data, dict.fromkeys(names, 1.0), methods="reverse").to_html()))
    section = root.all("section", id="figures-samples")[0]
    assert len(section.all("figure")) == 6 and "Of the first 6 of 7 partials." in section.words()


def test_what_is_no_formula_is_shown_as_text() -> None:
    root = _one(FormulaList((Formula("L", "a·x"), Formula("", "as torch has it", "by hand"))))
    assert len(root.all("math")) == 2 and root.all("code")[0].words() == "as torch has it"


def test_without_plotly_a_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    import diffexplore.figures.plotly as module

    module.script.cache_clear()
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match="python -m pip install plotly"):
        document(Page("report", "title", None, (Section("one", "One", (Picture(figure(LAYERS["series"])),)),)))
    module.script.cache_clear()
