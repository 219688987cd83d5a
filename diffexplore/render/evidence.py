"""The comparisons of one method, or of one candidate: a line for each partial at each point."""

from __future__ import annotations

from collections.abc import Iterator

from diffexplore.checking.digits import correct_digits
from diffexplore.checking.records import Report, Row
from diffexplore.numerals import short
from diffexplore.render.causes import Footnotes
from diffexplore.render.matrix import bar, digits_legend, number_of, share_tone
from diffexplore.render.places import row_place
from diffexplore.writing.blocks import Block, Column, Gap, Heading, Note, Table, Text, text
from diffexplore.writing.names import candidate_of, comparison_of, rows_of
from diffexplore.writing.numbers import counted, truth_digits, value_cell

#: Lines that one screen has room for.
_MOST = 12

_DIGITS, _BAR = 9, 8


def evidence(report: Report, footnotes: Footnotes, width: int) -> Iterator[Block]:
    """Value, truth, correct digits and power of each reduced comparison that passed; the others are shown above."""
    rows = [row for name in report.gradient for row in rows_of(report, "reduced", name)]
    passed = [row for row in rows if row.verdict == "pass"]
    if not passed:
        return
    fewest_first = sorted(passed, key=lambda row: correct_digits(row, report.dtype) or 0.0)
    shown = fewest_first[:_MOST] if len(passed) > _MOST else passed
    yield Heading("Correct digits", digits_legend(report))
    columns = (Column.left(), Column("value"), Column("truth"), Column.left("digits"), Column("catches"))
    yield Table(columns, tuple(_cells(row, report) for row in shown))
    if len(passed) > len(shown):
        yield Note(text(f"{counted(len(passed) - len(shown))} more pass with more digits than these", "quiet"), "·")
    yield Gap()


def _cells(row: Row, report: Report) -> tuple[Text, ...]:
    digits = correct_digits(row, report.dtype)
    number = f"{number_of(row, digits):>4}"
    shown = number if digits is None else f"{number} {bar(digits, _BAR, report)}"
    power = row.smallest_detectable if row.smallest_detectable is not None else row.smallest_detectable_abs
    where = row_place(report, row.point)
    return (
        text(f"{comparison_of(row, candidate_of(report))}{f' at {where}' if where else ''}"),
        value_cell(row, row.truth, _DIGITS), text(truth_digits(row.truth, _DIGITS)),
        text(shown, share_tone(row)), text(short(power, upward=True)),
    )  # fmt: skip
