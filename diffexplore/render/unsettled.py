"""What failed and what stayed open, row by row: values, truth, error, what is allowed, and why."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet

from diffexplore.checking.records import VALUE, Report, Row
from diffexplore.lists import grouped
from diffexplore.numerals import ABSENT, beside_bound
from diffexplore.render.causes import Footnotes
from diffexplore.render.matrix import has_matrix
from diffexplore.render.places import row_place
from diffexplore.render.wrong import worst_failures
from diffexplore.writing.blocks import Block, Column, Gap, Note, Span, Table, Text, text
from diffexplore.writing.names import candidate_of, comparison_of, kind_of, partial_of, point_key
from diffexplore.writing.numbers import counted, point_text, sizes, truth_digits, value_beside, value_cell

#: Lines of failing rows, of what is open, and causes of either, that one screen has room for.
_MOST_FAILS, _MOST_OPEN, _MOST_CAUSES = 6, 4, 3

_DIGITS = 9

#: Causes that say no more than the numbers of the row do.
_SHOWN_BY_NUMBERS = ("exceeds_bound",)


#: Rows of one partial at one place that are stated in one line.
_Line = Sequence[Row]


def unsettled(report: Report, footnotes: Footnotes, stated: Iterable[str], *, sparing: bool = False) -> Iterator[Block]:
    """The failing rows, worst first, then what no method settled, then their causes but for those ``stated`` already.

    ``sparing`` leaves what is open in a report that passes to the matrix, which has its digits and its cause.
    """
    failing = [[row] for row in worst_failures(report)]
    still_open = _listed_open(report, sparing)
    lines = [*failing[:_MOST_FAILS], *still_open[:_MOST_OPEN]]
    if not lines:
        return
    yield _table(lines, report, footnotes, set(stated))
    left = len(failing) - _MOST_FAILS
    if left > 0:
        yield Note(text(f"{counted(left)} more failed", "quiet"), "·")
    if len(still_open) > _MOST_OPEN:
        yield Note(text(f"{counted(len(still_open) - _MOST_OPEN)} more are open", "quiet"), "·")
    yield from _causes(lines, footnotes, set(stated))
    yield Gap()


def listed_failures(report: Report, footnotes: Footnotes, stated: Iterable[str]) -> Iterator[Block]:
    """Every failing row that includes the reduction, else those by sample and by probe; or what is open.

    The others are counted: they follow from these.
    """
    failing = [[row] for row in worst_failures(report)]
    lines = failing or (_open(report) if report.verdict == "inconclusive" else [])
    if not lines:
        return
    yield Gap()
    yield _table(lines, report, footnotes, set(stated))
    left = report.summary.failed - len(failing)
    if left > 0:
        yield Note(text(f"{counted(left)} more failed, by sample or by probe", "quiet"), "·")
    yield from _causes(lines, footnotes, set(stated), most=None)


def _open(report: Report) -> list[_Line]:
    """The undecided reduced rows; those of one partial, place and cause are one line, where there is a truth."""
    rows = [row for row in report.rows if row.verdict == "inconclusive" and kind_of(row) == "reduced"]
    return list(grouped(rows, _comparison).values())


def _comparison(row: Row) -> tuple[object, ...]:
    """What rows that are one line have in common."""
    convention = None if row.error_abs is not None else value_beside(row.value, None, _DIGITS)[0].text
    return row.parameter, row.of, point_key(row.point), row.cause.message if row.cause else "", convention


def _listed_open(report: Report, sparing: bool) -> list[_Line]:
    return [] if sparing and report.verdict == "pass" and has_matrix(report) else _open(report)


def shown_causes(report: Report, *, sparing: bool = False) -> set[str]:
    """The messages of causes that :func:`unsettled` has stated."""
    return {line[0].cause.message for line in _listed_open(report, sparing)[:_MOST_OPEN]
            if line[0].cause is not None}  # fmt: skip


def _table(lines: Sequence[_Line], report: Report, footnotes: Footnotes, stated: AbstractSet[str]) -> Table:
    """Of a candidate a line for each comparison; of methods one for the partial and its truth, and one for each."""
    if candidate_of(report):
        columns = (Column.left(), Column("value"), Column("truth"), Column("error"), Column("allowed"), Column.left())
        return Table(columns, tuple(_of_candidate(line, report, footnotes, stated) for line in lines))
    titles = (Column.left(), Column("value"), Column("error"), Column("allowed"), Column.left())
    places = grouped(lines, lambda line: _where(line[0]))
    body: list[tuple[Text, ...]] = []
    for members in places.values():
        first = members[0][0]
        body.append((_place(first, report), text(_truth(first)), text(""), text(""), text("truth", "quiet")))
        body += [_of_methods(line, report, footnotes, stated) for line in members]
    return Table(titles, tuple(body))


def _where(row: Row) -> tuple[object, ...]:
    return row.parameter, row.of, row.sample, row.probe, point_key(row.point)


def _place(row: Row, report: Report) -> Text:
    """Which partial, and where."""
    sample = f", sample {row.sample}" if row.sample is not None else ""
    probe = ", sub-batch" if row.probe and row.probe.startswith("sub-batch") else ", probe" if row.probe else ""
    where = row_place(report, row.point) if row.probe is None else point_text(row.point, digits=3)
    there = f"{' at ' if where else ''}{where}{sample}{probe}"
    return Span(comparison_of(row, candidate_of(report)), "strong"), Span(there)


def _truth(row: Row) -> str:
    return ABSENT if row.error_abs is None and row.verdict != "fail" else truth_digits(row.truth, _DIGITS)


def _of_candidate(line: _Line, report: Report, footnotes: Footnotes, stated: AbstractSet[str]) -> tuple[Text, ...]:
    _, value, *rest = _of_methods(line, report, footnotes, stated)
    return _place(line[0], report), value, text(_truth(line[0])), *rest


def _of_methods(line: _Line, report: Report, footnotes: Footnotes, stated: AbstractSet[str]) -> tuple[Text, ...]:
    methods = dict.fromkeys(row.method for row in line)
    called = line[0].method if len(methods) == 1 else f"{counted(len(methods))} methods"
    worst = max(line, key=lambda row: row.error_abs or 0.0)
    error, allowed, unit = sizes(worst, report.dtype)
    numbers = beside_bound(error, allowed if error is not None else None)
    sized = (text(number if number == ABSENT else f"{number}{unit}") for number in numbers)
    return text(f"  {called}"), _values(line, worst), *sized, _mark(line[0], footnotes, stated)


def _mark(row: Row, footnotes: Footnotes, stated: AbstractSet[str]) -> Text:
    """``FAIL``, the number of the cause, or ``open`` where the verdict line has stated the cause."""
    if row.verdict == "fail":
        return text("FAIL", "bad")
    if row.cause is None or row.cause.message in stated:
        return text("open", "doubt")
    return text(footnotes.marker(row.cause), "doubt")


def _values(line: _Line, worst: Row) -> Text:
    """The value; of several methods the least and the largest, where they differ."""
    values = sorted(row.value for row in line if row.value is not None)
    if worst.is_nan or len(line) == 1 or not values:
        return value_cell(worst, worst.truth, _DIGITS)
    low, high = (value_beside(value, None, _DIGITS)[0].text for value in (values[0], values[-1]))
    return text(low if low == high else f"{low} … {high}")


def _causes(
    lines: Sequence[_Line], footnotes: Footnotes, stated: set[str], most: int | None = _MOST_CAUSES
) -> Iterator[Note]:
    """Why, each cause once."""
    rows = [row for line in lines for row in line if row.cause is not None and row.cause.message not in stated]
    notes = {}
    for row in rows:
        assert row.cause is not None
        if row.verdict == "inconclusive":
            notes[row.cause.message] = Note(text(row.cause.message), footnotes.marker(row.cause))
        elif row.cause.key not in _SHOWN_BY_NUMBERS:
            subject = "L: " if row.parameter == VALUE else f"{partial_of(row)}: "
            notes.setdefault(row.cause.message, Note((Span(subject, "strong"), Span(row.cause.message)), "·"))
    yield from list(notes.values())[:most]
    if most is not None and len(notes) > most:
        yield Note(text(f"{counted(len(notes) - most, 'other cause')} beside", "quiet"), "·")
