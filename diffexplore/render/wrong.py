"""What failed: the worst of it first, where, by how much and why."""

from __future__ import annotations

import math
from collections.abc import Iterator

from diffexplore.checking.records import LOSS, VALUE, Report, Row
from diffexplore.lists import grouped
from diffexplore.methods import runs_program
from diffexplore.numerals import short
from diffexplore.render.places import at_place
from diffexplore.writing.blocks import Block, Gap, Note, Span, Text, text
from diffexplore.writing.names import candidate_of, kind_of, partial_of, point_key
from diffexplore.writing.numbers import counted, share

#: Failing rows that are described in full before the tables.
_DESCRIBED = 5


def worst_failures(report: Report) -> list[Row]:
    """Failing rows that include the reduction, else those of probes and samples; at last that of the loss's value.

    The largest relative error comes first: a rounding must not head a report in which another partial is off by half.
    """
    failing = sorted((row for row in report.rows if row.verdict == "fail"), key=_relative_error, reverse=True)
    values = [row for row in failing if row.parameter == VALUE]
    partials = [row for row in failing if row.parameter != VALUE]
    itself = [row for row in values if row.method == LOSS]  # where it is not finite, all else follows from that
    others = [row for row in values if row.method != LOSS]
    return itself + ([row for row in partials if kind_of(row) == "reduced"] or partials) + others


def _relative_error(row: Row) -> float:
    """A value that is not finite is worse than any; one that should be 0 is all error."""
    if row.value is None:
        return math.inf
    return 1.0 if row.error_rel is None else row.error_rel


def failures(report: Report) -> Iterator[Block]:
    """What failed, where, by how much and why: only where something did."""
    found = worst_failures(report)
    by_cause = grouped(found, lambda row: row.cause.message if row.cause else "")
    # A candidate is wrong for few reasons, in many rows.
    groups = _alike([rows[0] for rows in by_cause.values()] if candidate_of(report) else found)[:_DESCRIBED]
    for group in groups:
        yield Note(_described(group, report), marker="·")
    left = report.summary.failed - sum(map(len, groups))
    if left > 0:
        yield Note(text(f"{counted(left)} more failed", "quiet"), marker="·")
    yield from of_program(report)
    if found:
        yield Gap()


def of_program(report: Report) -> Iterator[Block]:
    """That a failing method has differentiated the user's function itself, and who says why that is wrong."""
    itself = any(row.verdict == "fail" and runs_program(row.method) for row in report.rows)
    if candidate_of(report) is None and report.loss.program and itself:
        truth = f"the truth is the derivative of what {report.loss.program} computes forwards"
        yield Note(text(f"{truth}; why its own differentiation differs from it, verify says"), marker="·")


def _alike(rows: list[Row]) -> list[list[Row]]:
    """Rows of several methods that have one cause of a NaN, together; every other row by itself."""
    return list(grouped(rows, lambda row: _place(row) if row.is_nan else id(row)).values())


def _place(row: Row) -> tuple[object, ...]:
    return row.parameter, point_key(row.point), row.sample, row.probe, row.cause.message if row.cause else ""


def _described(rows: list[Row], report: Report) -> Text:
    row, candidate = rows[0], candidate_of(report)
    reason = f": {row.cause.message}" if row.cause else ""
    by = "" if candidate or row.method == LOSS else f" by {', '.join(row.method for row in rows)}"
    subject = f"{partial_of(row, candidate)}{by}"
    wrong = "" if row.is_nan else f" {how_wrong(row)}"
    return Span(subject, "strong"), Span(f"{wrong}{where(row, report)}{reason}")


def where(row: Row, report: Report) -> str:
    """`` at a = 0, b = 0, sample 17``."""
    there = at_place(report, row.point)
    if row.sample is not None:
        there += f", sample {row.sample}" if there else f" in sample {row.sample}"
    return f"{there} ({row.probe})" if row.probe else there


#: What a row that fails though its value is right says, by its cause.
_RIGHT = {
    "upstream_ignored": "is right for an upstream gradient of 1 alone",
    "upstream_not_linear": "is right for an upstream gradient of 1 alone",
    "saved_overwritten": "is right in a first call alone",
    "unwatched": "is right in a watched call alone",
    "inputs_modified": "is right, but overwrites what it is computed from",
    "upstream_modified": "is right, but overwrites what it is computed from",
}


def is_right_by_itself(row: Row) -> str | None:
    """How a failing row is right whose value is; None for every other row."""
    if row.error_abs is None or row.bound is None or row.error_abs > row.bound or row.verdict != "fail":
        return None
    return _RIGHT.get(row.cause.key if row.cause else "", "is right by itself")


def how_wrong(row: Row) -> str:
    """``is wrong by 0.09 %``."""
    right = is_right_by_itself(row)
    if right is not None:
        return right
    if row.value is None:
        return "is not finite"
    if row.error_rel is None:
        return f"is {short(row.value, 3)}, where the truth is 0,"
    return f"is wrong by {share(row.error_rel)}"
