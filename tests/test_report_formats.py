"""A report as Markdown, HTML and JSON."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
import report_fixtures as fixtures

from diffexplore.checking.records import Report
from diffexplore.checking.tallies import Skipped
from diffexplore.cli.progress import ScreenListener
from diffexplore.render.displays import to_fragment, to_markdown

HOSTILE = "<script>alert('|x|')</script> *a* `b`"


def hostile() -> Report:
    report = fixtures.passing()
    return replace(
        report,
        loss=replace(report.loss, name=HOSTILE, source=HOSTILE),
        skipped=(Skipped("complex_step", HOSTILE),),
    )


def test_markdown_has_the_verdict_the_gradient_and_the_tables() -> None:
    page = to_markdown(fixtures.mixed(), full=True)
    lines = page.splitlines()
    assert lines[0] == "# Gradient check: perpendicular"
    assert lines[2].startswith("**PASS**: 3,640 of 3,646 comparisons agree")
    assert lines[-1] == lines[2]
    assert "| truth | -8417.95 | 0.618306 |" in to_markdown(fixtures.mixed()), "one screen, without --full"
    assert "- `∂L/∂b = mean[(a·x − y + b) / (a² + 1)]` (6 operations, 9 before simplification)" in lines
    assert "## ∂L/∂a, at a = 0, b = 0" in lines
    assert "| method | value | error (ulp) | allowed (ulp) | catches (relative) | verdict |" in lines
    assert "| symbolic\\_raw | -8417.9538700013272 | 1.31 | 31 | 1.4e-14 | pass |" in lines
    assert "inconclusive \\[1\\] |" in page


@pytest.mark.parametrize(("full", "count"), [(True, 6), (False, 2)])
def test_markdown_tables_have_as_many_cells_everywhere(full: bool, count: int) -> None:
    tables = re.findall(r"(?:^\|.*\n)+", to_markdown(fixtures.failing(), full=full), re.MULTILINE)
    assert len(tables) == count
    for table in tables:
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1


def test_markdown_keeps_hostile_text_inert() -> None:
    page = to_markdown(hostile())
    assert "\\<script\\>" in page
    assert not re.search(r"(?<!\\)<script", page)


class Balance(HTMLParser):
    """Counts what is open, and collects the text."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag != "script"
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("make", [fixtures.mixed, fixtures.failing, fixtures.undecided, fixtures.at_zero, hostile])
def test_html_is_well_formed_and_escaped(make, full: bool) -> None:  # type: ignore[no-untyped-def]
    parser = Balance()
    parser.feed(to_fragment(make(), full=full))
    assert parser.open == []
    assert ("method" in parser.words) == full
    assert "∂L/∂a =" in parser.words


def test_html_shows_the_verdict_in_words() -> None:
    page = fixtures.failing()._repr_html_()
    assert page.count(">FAIL</span>") >= 4
    assert "numpy: ∂L/∂b is wrong" in page


def test_json_document_is_complete_and_reads_back() -> None:
    document = json.loads(fixtures.at_zero().to_json(), parse_constant=lambda name: pytest.fail(f"a bare {name}"))
    assert document == fixtures.at_zero().to_dict()
    assert document["schema_version"] == 2
    assert document["verdict"] == "pass"
    assert document["gradient"]["a"]["ops_simplified"] == 12
    assert len(document["rows"]) == 40
    assert document["rows"][20]["error_ulp"] is None


def test_a_row_is_one_line_of_ascii() -> None:
    stream = io.StringIO()
    for row in fixtures.failing().rows:
        ScreenListener(None, stream).row(row)
    lines = stream.getvalue().splitlines()
    assert len(lines) == len(fixtures.failing().rows)
    assert stream.getvalue().isascii()
    assert json.loads(lines[0])["method"] == "symbolic"


def test_what_is_not_finite_is_null() -> None:
    stream = io.StringIO()
    ScreenListener(None, stream).row(replace(fixtures.passing().rows[0], value=float("nan"), bound=float("inf")))
    row = json.loads(stream.getvalue(), parse_constant=lambda name: pytest.fail(f"a bare {name}"))
    assert (row["value"], row["bound"]) == (None, None)
