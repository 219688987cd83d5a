"""How each kind of result is shown: its title, its blocks, and its line in a prompt. What results themselves read."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from diffexplore.benching.records import Bench
from diffexplore.checking.records import Report
from diffexplore.documents import Displayed
from diffexplore.fitting.records import Fit
from diffexplore.graphing.records import Graph
from diffexplore.proving.records import Proof
from diffexplore.render import benches, fits, graphs, html, markdown, proofs, reprs, tensors
from diffexplore.render.terminal import Drawing, ReportPage, plain_text
from diffexplore.tensors.records import TensorReport
from diffexplore.typography import speaks_mathematics
from diffexplore.writing.blocks import Block


@dataclass(frozen=True)
class Display:
    """How one kind of result is shown; ``outline`` takes whether everything is to be seen."""

    title: Callable[[Any], str]
    outline: Callable[[Any, bool], Iterable[Block]]
    line: Callable[[Any], str]


_DISPLAYS: Mapping[type, Display] = {
    Report: Display(markdown.title_of, lambda report, full: _report_page(report, full).blocks(), reprs.of_report),
    TensorReport: Display(
        lambda report: f"Gradient check: {report.function}",
        lambda report, full: tensors.outline(report, full=full),
        reprs.of_tensor_report,
    ),
    Proof: Display(
        lambda proof: f"Proof: {proof.program}", lambda proof, full: proofs.outline(proof, full=full), reprs.of_proof
    ),
    Fit: Display(lambda fit: f"Fit: {fit.loss.name or 'a formula'}", lambda fit, full: fits.outline(fit), reprs.of_fit),
    Graph: Display(
        lambda graph: graphs.headline(graph).title,
        lambda graph, full: graphs.outline(graph, full=full),
        reprs.of_graph,
    ),
    Bench: Display(benches.title_of, lambda bench, full: benches.outline(bench, full=full), reprs.of_bench),
}


def _report_page(report: Report, full: bool, ascii: bool | None = None) -> ReportPage:
    return ReportPage(report, ascii=ascii, detail="full" if full else "screen")


def printed(result: Displayed, *, full: bool = False, ascii: bool | None = None) -> Drawing | ReportPage:
    """What rich prints of a result; ``ascii`` None chooses by the encoding of the console."""
    if isinstance(result, Report):  # makes use of the width of the console
        return _report_page(result, full, ascii)
    return Drawing(tuple(_DISPLAYS[type(result)].outline(result, full)), ascii)


def to_text(result: Displayed, width: int, ascii: bool | None = None, *, full: bool = False) -> str:
    """A result as plain text; ``ascii`` None chooses by the encoding of standard output."""
    plain = not speaks_mathematics(sys.stdout.encoding) if ascii is None else ascii
    return plain_text(printed(result, full=full, ascii=plain), width)


def to_markdown(result: Displayed, *, full: bool = False) -> str:
    """A result as a Markdown document."""
    display = _DISPLAYS[type(result)]
    return markdown.document(f"# {markdown.escaped(display.title(result))}\n", display.outline(result, full))


def to_fragment(result: Displayed, *, full: bool = False) -> str:
    """A result as one ``<div>`` of HTML, for a notebook."""
    return html.page_of(_DISPLAYS[type(result)].outline(result, full))


def to_line(result: Displayed) -> str:
    """A result on one line, as a prompt or a debugger shows it."""
    return _DISPLAYS[type(result)].line(result)
