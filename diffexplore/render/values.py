"""The loss's own value, where a candidate computes it or torch's is not finite: a line for each point."""

from __future__ import annotations

from collections.abc import Iterator

from diffexplore.checking.records import VALUE, Report, Row
from diffexplore.numerals import short
from diffexplore.render.causes import Footnotes
from diffexplore.render.places import place
from diffexplore.writing.blocks import Block, Gap, Note, Span, Text
from diffexplore.writing.names import rows_of
from diffexplore.writing.numbers import in_ulps, truth_digits, ulp_at, value_beside

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
    value = value_beside(row.value, row.truth, _DIGITS, "bad" if row.verdict == "fail" else "quiet")
    if row.is_nan and row.cause is not None:
        value = (Span(row.cause.fields["value"], "bad"),)
    where = f"  at {place(report, row.point)}" if row.point else ""
    return (
        Span("L = ", "strong"),
        *value,
        Span(f"{where}: truth {truth_digits(row.truth, _DIGITS)}, {_sizes(row, report.dtype)}: "),
        *footnotes.verdict(row),
    )


def _sizes(row: Row, dtype: str) -> str:
    """The error and what is allowed, in ulp, or absolute where the truth is 0."""
    ulp = ulp_at(row.truth, dtype)
    if row.error_ulp is None or ulp is None:
        return f"error {short(row.error_abs, 3)}, allowed {short(row.bound, upward=True)}"
    return f"error {short(row.error_ulp, 3)} ulp, allowed {short(in_ulps(row.bound, ulp), upward=True)}"
