"""What failed and what stayed open, row by row: values, truth, error, what is allowed, and why."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from diffexplore.checking.records import VALUE, Report, Row
from diffexplore.numerals import ABSENT, short
from diffexplore.render.causes import Footnotes, cause_note
from diffexplore.render.matrix import has_matrix
from diffexplore.render.places import row_place
from diffexplore.render.wrong import worst_failures
from diffexplore.writing.blocks import Block, Column, Gap, Note, Span, Table, Text, text
from diffexplore.writing.names import candidate_of, comparison_of, kind_of, partial_of, point_key
from diffexplore.writing.numbers import counted, in_ulps, point_text, truth_digits, ulp_at, value_beside

#: Lines of failing rows, of what is open, and causes of either, that one screen has room for.
_MOST_FAILS, _MOST_OPEN, _MOST_CAUSES = 6, 4, 3

_DIGITS = 9

_NAMES = Column("", align="left")

#: Causes that say no more than the numbers of the row do.
_SAID_BY_NUMBERS = ("exceeds_bound",)


@dataclass(frozen=True)
class _Line:
    """Rows of one partial at one place that are said in one line."""

    rows: tuple[Row, ...]

    @property
    def first(self) -> Row:
        return self.rows[0]


def unsettled(report: Report, footnotes: Footnotes, told: Iterable[str], *, sparing: bool = False) -> Iterator[Block]:
    """The failing rows, worst first, then what no method settled, then their causes but for those ``told`` already.

    ``sparing`` leaves what is open in a report that passes to the matrix, which has its digits and its cause.
    """
    failing = [_Line((row,)) for row in worst_failures(report)]
    still_open = _listed_open(report, sparing)
    lines = [*failing[:_MOST_FAILS], *still_open[:_MOST_OPEN]]
    if not lines:
        return
    yield _table(lines, report, footnotes, set(told))
    left = len(failing) - _MOST_FAILS
    if left > 0:
        yield Note(text(f"{counted(left)} more failed", "quiet"), "·")
    if len(still_open) > _MOST_OPEN:
        yield Note(text(f"{counted(len(still_open) - _MOST_OPEN)} more are open", "quiet"), "·")
    yield from _causes(lines, footnotes, set(told))
    yield Gap()


def listed_failures(report: Report, footnotes: Footnotes, told: Iterable[str]) -> Iterator[Block]:
    """Every failing row that includes the reduction, else those by sample and by probe; or what is open.

    The others are counted: they follow from these.
    """
    failing = [_Line((row,)) for row in worst_failures(report)]
    lines = failing or (_open(report) if report.verdict == "inconclusive" else [])
    if not lines:
        return
    yield Gap()
    yield _table(lines, report, footnotes, set(told))
    left = report.summary.failed - len(failing)
    if left > 0:
        yield Note(text(f"{counted(left)} more failed, by sample or by probe", "quiet"), "·")
    yield from _causes(lines, footnotes, set(told), most=None)


def _open(report: Report) -> list[_Line]:
    """The undecided reduced rows; those of one partial, place and cause are one line, where there is a truth."""
    groups: dict[object, list[Row]] = {}
    for row in report.rows:
        if row.verdict == "inconclusive" and kind_of(row) == "reduced":
            cause = row.cause.message if row.cause else ""
            convention = None if row.error_abs is not None else value_beside(row.value, None, _DIGITS)[0].text
            groups.setdefault((row.parameter, row.of, point_key(row.point), cause, convention), []).append(row)
    return [_Line(tuple(rows)) for rows in groups.values()]


def _listed_open(report: Report, sparing: bool) -> list[_Line]:
    return [] if sparing and report.verdict == "pass" and has_matrix(report) else _open(report)


def shown_causes(report: Report, *, sparing: bool = False) -> set[str]:
    """The messages of causes that :func:`unsettled` has said."""
    return {line.first.cause.message for line in _listed_open(report, sparing)[:_MOST_OPEN]
            if line.first.cause is not None}  # fmt: skip


def _table(lines: Sequence[_Line], report: Report, footnotes: Footnotes, told: AbstractSet[str]) -> Table:
    """Of a candidate a line for each comparison; of methods one for the partial and its truth, and one for each."""
    if candidate_of(report):
        columns = (_NAMES, Column("value"), Column("truth"), Column("error"), Column("allowed"), _NAMES)
        return Table(columns, tuple(_of_candidate(line, report, footnotes, told) for line in lines))
    titles = (_NAMES, Column("value"), Column("error"), Column("allowed"), _NAMES)
    places: dict[object, list[_Line]] = {}
    for line in lines:
        row = line.first
        key = row.parameter, row.of, row.sample, row.probe, point_key(row.point)
        places.setdefault(key, []).append(line)
    body: list[tuple[Text, ...]] = []
    for members in places.values():
        first = members[0].first
        body.append((_place(first, report), text(_truth(first)), text(""), text(""), text("truth", "quiet")))
        body += [_of_methods(line, report, footnotes, told) for line in members]
    return Table(titles, tuple(body))


def _place(row: Row, report: Report) -> Text:
    """Which partial, and where."""
    sample = f", sample {row.sample}" if row.sample is not None else ""
    probe = ", sub-batch" if row.probe and row.probe.startswith("sub-batch") else ", probe" if row.probe else ""
    where = row_place(report, row.point) if row.probe is None else point_text(row.point, digits=3)
    return Span(comparison_of(row, candidate_of(report)), "strong"), Span(
        f"{' at ' if where else ''}{where}{sample}{probe}"
    )


def _truth(row: Row) -> str:
    return ABSENT if row.error_abs is None and row.verdict != "fail" else truth_digits(row.truth, _DIGITS)


def _of_candidate(line: _Line, report: Report, footnotes: Footnotes, told: AbstractSet[str]) -> tuple[Text, ...]:
    _, value, *rest = _of_methods(line, report, footnotes, told)
    return _place(line.first, report), value, text(_truth(line.first)), *rest


def _of_methods(line: _Line, report: Report, footnotes: Footnotes, told: AbstractSet[str]) -> tuple[Text, ...]:
    methods = dict.fromkeys(row.method for row in line.rows)
    called = line.first.method if len(methods) == 1 else f"{counted(len(methods))} methods"
    worst = max(line.rows, key=lambda row: row.error_abs or 0.0)
    return (
        text(f"  {called}"), _values(line, worst), text(_sized(worst.error_abs, worst, report.dtype)),
        text(_sized(worst.bound if worst.error_abs is not None else None, worst, report.dtype, upward=True)),
        _mark(line.first, footnotes, told),
    )  # fmt: skip


def _mark(row: Row, footnotes: Footnotes, told: AbstractSet[str]) -> Text:
    """``FAIL``, the number of the cause, or ``open`` where the verdict line has said the cause."""
    if row.verdict == "fail":
        return text("FAIL", "bad")
    if row.cause is None or row.cause.message in told:
        return text("open", "doubt")
    return text(footnotes.marker(row.cause), "doubt")


def _values(line: _Line, worst: Row) -> Text:
    """The value; of several methods the least and the largest, where they differ."""
    if worst.is_nan and worst.cause is not None:
        return text(worst.cause.fields["value"], "bad")
    values = sorted(row.value for row in line.rows if row.value is not None)
    if not values:
        return text(ABSENT)
    low, high = (value_beside(value, None, _DIGITS)[0].text for value in (values[0], values[-1]))
    if len(line.rows) > 1:
        return text(low if low == high else f"{low} … {high}")
    return value_beside(worst.value, worst.truth, _DIGITS, "bad" if worst.verdict == "fail" else "quiet")


def _sized(amount: float | None, row: Row, dtype: str, *, upward: bool = False) -> str:
    """In ulp, or as it is where the truth is 0."""
    ulp = ulp_at(row.truth, dtype) if row.error_ulp is not None else None
    size = in_ulps(amount, ulp) if ulp is not None else amount
    shown = short(size, 2 if upward else 3, upward=upward)
    return shown if size is None or ulp is None else f"{shown} ulp"


def _causes(
    lines: Sequence[_Line], footnotes: Footnotes, told: set[str], most: int | None = _MOST_CAUSES
) -> Iterator[Note]:
    """Why, each cause once."""
    rows = [row for line in lines for row in line.rows if row.cause is not None and row.cause.message not in told]
    notes = {}
    for row in rows:
        assert row.cause is not None
        if row.verdict == "inconclusive":
            notes[row.cause.message] = cause_note(row.cause, footnotes)
        elif row.cause.key not in _SAID_BY_NUMBERS:
            subject = "L: " if row.parameter == VALUE else f"{partial_of(row)}: "
            notes.setdefault(row.cause.message, Note((Span(subject, "strong"), Span(row.cause.message)), "·"))
    yield from list(notes.values())[:most]
    if most is not None and len(notes) > most:
        yield Note(text(f"{counted(len(notes) - most, 'other cause')} beside", "quiet"), "·")
