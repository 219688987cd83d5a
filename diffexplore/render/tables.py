"""Tables of comparisons: every method beside the truth, the worst samples, the probes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from diffexplore.checking.records import VALUE, Report, Row, Truth
from diffexplore.lists import grouped
from diffexplore.numerals import beside_bound, short
from diffexplore.render.causes import Footnotes
from diffexplore.render.places import place
from diffexplore.writing.blocks import (
    COLUMN_GAP,
    INDENT,
    Block,
    Column,
    Gap,
    Heading,
    Note,
    Span,
    Table,
    Text,
    text,
    words_of,
)
from diffexplore.writing.names import distinct_points, point_key, reduced_partial, rows_of, second_partial_of
from diffexplore.writing.numbers import digits_of, in_ulps, sizes, truth_digits, ulp_at, value_cell

#: Digits that a value shows however narrow the page is.
_FEWEST_DIGITS = 6
#: Below this width the worst samples are shown without their values and powers.
ROOM_FOR_EVERYTHING = 98


def reduced_tables(report: Report, footnotes: Footnotes, width: int) -> Iterator[Block]:
    """For each partial and each point: the truth, and a row per method."""
    for name in report.gradient:
        rows = rows_of(report, "reduced", name)
        for point in distinct_points(rows):
            here = [row for row in rows if point_key(row.point) == point_key(point)]
            where = f"at {place(report, point)}" if point else ""
            for title, group in _by_truth(name, here):
                yield Heading(title, where)
                yield _methods_table(group, report.dtype, footnotes, width)
                yield Gap()


def _by_truth(name: str, rows: Sequence[Row]) -> Iterator[tuple[str, list[Row]]]:
    """Rows that are measured against one number; each second partial has a truth of its own."""
    for of, group in grouped(rows, lambda row: row.of).items():
        yield reduced_partial(name) if of is None else second_partial_of(group[0]), group


def _methods_table(rows: Sequence[Row], dtype: str, footnotes: Footnotes, width: int) -> Table:
    units = Units(rows, dtype)
    columns = (Column.left("method"), Column("value"), *units.columns, Column.left("verdict"))
    truth = next((row.truth for row in rows if row.error_abs is not None), None)  # at a kink, there is none
    labels = [text("truth"), *(text(row.method) for row in rows)]
    numbers = [(text(""),) * 4, *((*units.cells(row), footnotes.verdict(row)) for row in rows)]
    room = width - _width_of(columns, [(label, *rest) for label, rest in zip(labels, numbers, strict=True)])
    values = _values(rows, truth, digits_of(dtype), room)
    body = zip(labels, values, numbers, strict=True)
    return Table(columns, tuple((label, value, *rest) for label, value, rest in body))


def _width_of(columns: Sequence[Column], rows: Sequence[tuple[Text, ...]]) -> int:
    """Characters that a table takes beside its values: ``rows`` lack them, ``columns`` have them second."""
    others = [columns[0], *columns[2:]]
    widths = [max(len(column.title), len(column.unit)) for column in others]
    for row in rows:
        widths = [max(width, len(words_of(cell))) for width, cell in zip(widths, row, strict=True)]
    return sum(widths) + COLUMN_GAP * len(others) + INDENT


def _values(rows: Sequence[Row], truth: Truth | None, digits: int, room: int) -> list[Text]:
    """The truth and the values below it, in as many of ``digits`` digits as ``room`` holds (six at least)."""
    values: list[Text] = []
    for shown in range(digits, min(digits, _FEWEST_DIGITS) - 1, -1):
        values = [text(truth_digits(truth, shown)), *(value_cell(row, truth, shown) for row in rows)]
        if max(len(words_of(value)) for value in values) <= room:
            break
    return values


class Units:
    """The unit in which a table states error and allowance: ulp, or absolute where the truth is 0."""

    def __init__(self, rows: Sequence[Row], dtype: str) -> None:
        compared = [row for row in rows if row.error_abs is not None]
        self.dtype = dtype
        self.absolute = bool(compared) and all(row.error_ulp is None for row in compared)

    @property
    def columns(self) -> tuple[Column, Column, Column]:
        """Error, allowance and power."""
        size, power = ("absolute", "absolute") if self.absolute else ("ulp", "relative")
        return Column("error", size), Column("allowed", size), Column("catches", power)

    def cells(self, row: Row) -> tuple[Text, Text, Text]:
        """The three numbers of ``row`` in this table's units."""
        error, allowed = row.error_abs, row.bound if _has_truth(row) else None
        if not self.absolute:
            error, allowed = (in_ulps(amount, ulp_at(row.truth, self.dtype)) for amount in (error, allowed))
        size, limit = beside_bound(error, allowed)
        return text(size), text(limit), text(self._power(row))

    def _power(self, row: Row) -> str:
        """Beside a wide bound a tiny truth counts as 0, and the row's power is absolute in a relative column."""
        if row.smallest_detectable is not None:
            return short(row.smallest_detectable, upward=True)
        power = short(row.smallest_detectable_abs, upward=True)
        return power if self.absolute or row.smallest_detectable_abs is None else f"{power} abs"


def _has_truth(row: Row) -> bool:
    """Whether there is anything to be compared with: at a kink or a pole, no distance is allowed or forbidden."""
    stated = (row.error_abs, row.smallest_detectable, row.smallest_detectable_abs)
    return row.truth is not None and any(number is not None for number in stated)


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
    amount, limit = beside_bound(error, allowed)
    size = f"error {amount}{unit}, allowed {limit}"
    return (
        Span("L = ", "strong"),
        *value_cell(row, row.truth, _DIGITS),
        Span(f"{where}: truth {truth_digits(row.truth, _DIGITS)}, {size}: "),
        *footnotes.verdict(row),
    )
