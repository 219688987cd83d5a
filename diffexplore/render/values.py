"""The loss's own value, where a candidate computes it or torch's is not finite: a line for each point."""

from __future__ import annotations

from collections.abc import Iterator

from diffexplore.checking.records import VALUE, Report, Row
from diffexplore.numerals import short
from diffexplore.render.causes import Footnotes
from diffexplore.render.places import place
from diffexplore.writing.blocks import Block, Gap, Note, Span, Text
from diffexplore.writing.names import rows_of
from diffexplore.writing.numbers import sizes, truth_digits, value_cell

#: Digits of a value that is only mentioned.
_DIGITS = 8


def loss_values(report: Report, footnotes: Footnotes) -> Iterator[Block]:
    """``L = 3760.2  at a = 1, b = 1: truth 1880.1, error 4.8e15 ulp, allowed 34: FAIL``."""
    rows = rows_of(report, "reduced", VALUE)
    for row in rows:
        yield Note(_line(row, report, footnotes))
    if rows:
        yield Gap()


def _line(row: Row, report: Report, footnotes: Footnotes) -> Text:
    where = f"  at {place(report, row.point)}" if row.point else ""
    error, allowed, unit = sizes(row, report.dtype)
    size = f"error {short(error, 3)}{unit}, allowed {short(allowed, upward=True)}"
    return (
        Span("L = ", "strong"),
        *value_cell(row, row.truth, _DIGITS),
        Span(f"{where}: truth {truth_digits(row.truth, _DIGITS)}, {size}: "),
        *footnotes.verdict(row),
    )
