"""Correct digits at a glance: a row a method, a column a (partial, point), the truths above, the powers below."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from diffexplore.checking.digits import correct_digits, share_of_allowed
from diffexplore.checking.records import VALUE, Report, Row
from diffexplore.lists import grouped
from diffexplore.methods import truncates
from diffexplore.numerals import ABSENT, short
from diffexplore.render.causes import Footnotes
from diffexplore.render.places import compact_places
from diffexplore.writing.blocks import COLUMN_GAP, INDENT, Block, Column, Heading, Note, Span, Table, Text, Tone, text
from diffexplore.writing.names import distinct_points, partial_of, point_key, rows_of
from diffexplore.writing.numbers import digits_of, point_text, truth_digits

#: Cells of a bar, at most.
_LONGEST_BAR = 8

#: Characters of the digits, and of the narrowest column: digits beside the shortest bar, or a truth in few digits.
_NUMBER, _NARROWEST = 4, 8

#: Characters of a truth, and of a place in a title.
_TRUTH_DIGITS = (6, 5, 4, 3, 2)

#: Lines that all blocks of a matrix may take together, with two of titles, a truth and a power each.
_MOST_LINES, _TITLES = 18, 4

#: A larger share of what is allowed is coloured in another way.
_HALF = 0.5

#: Characters of a list of points that titles of columns call by their numbers.
_LONGEST_LIST = 140

#: The title of a column that stands for all partials.
_ALL = "all"

_EIGHTHS = " ▏▎▍▌▋▊▉"


@dataclass(frozen=True)
class _MatrixPart:
    """A column: the rows of each method that it holds, its title and where they are."""

    title: str
    where: str
    rows: Mapping[str, Sequence[Row]]

    @property
    def single(self) -> bool:
        """Whether it is about one partial at one point, which has one truth."""
        return all(len(rows) == 1 for rows in self.rows.values())

    @property
    def all_rows(self) -> list[Row]:
        return [row for rows in self.rows.values() for row in rows]


def has_matrix(report: Report) -> bool:
    """Whether several methods were compared: then the matrix shows every reduced comparison, the open ones too."""
    return not report.candidate and len({row.method for row in report.rows if row.parameter != VALUE}) > 1


def matrix(report: Report, footnotes: Footnotes, width: int) -> Iterator[Block]:
    """The correct digits of every reduced comparison, or the fewest of several where there is no room for each."""
    parts = _parts(report)
    methods = tuple(dict.fromkeys(method for part in parts for method in part.rows))
    if not any(correct_digits(row, report.dtype) is not None or row.error_abs is not None
               for part in parts for row in part.all_rows):  # fmt: skip
        return  # nothing is compared where there is no gradient: the values stand above
    room = width - INDENT - max(map(len, (*methods, "would be caught")))
    shown, aside = _fitting(report, parts, room, len(methods))
    cell = _cell_width(room, len(shown))
    yield Heading("Correct digits", f"{digits_legend(report)}{aside}")
    per_block = max(1, room // (cell + COLUMN_GAP))
    for first in range(0, len(shown), per_block):
        yield _table(shown[first : first + per_block], methods, cell, report, footnotes)
    yield from _remarks([row for part in shown for row in part.all_rows])


def digits_legend(report: Report) -> str:
    """What the numbers are."""
    return f"−log10 of the relative error; {digits_of(report.dtype)}: no error in {report.dtype}"


def _parts(report: Report) -> list[_MatrixPart]:
    """A column for each partial at each point."""
    every = [row for name in report.gradient for row in rows_of(report, "reduced", name)]
    found = grouped(every, lambda row: (row.parameter, row.of, point_key(row.point)))
    alone = len(distinct_points(every)) == 1
    places = {point: "" if alone else where for point, where in compact_places(report).items()}
    return [
        _MatrixPart(partial_of(rows[0]), places[point], {row.method: [row] for row in rows})
        for (_, _, point), rows in found.items()
    ]


def _fitting(report: Report, parts: list[_MatrixPart], room: int, methods: int) -> tuple[list[_MatrixPart], str]:
    """As many columns as there is room for, and what is stated where a column stands for several comparisons."""
    points = distinct_points(row for part in parts for row in part.all_rows)
    names = {point_key(point): f"point {number}" for number, point in enumerate(points, start=1)}
    numbered = [replace(part, where=names[point_key(part.all_rows[0].point)]) for part in parts]
    listed = "; ".join(f"{names[point_key(point)]}: {point_text(point, digits=4)}" for point in points)
    by_partial = _merged(replace(part, where="") for part in parts)
    everything = _merged(replace(part, title=_ALL, where="") for part in parts)
    of_points, of_partials = f"{len(points)} points", f"{len(by_partial)} partials"
    ways = (
        (parts, ""),
        *([(numbered, f"; {listed}")] if len(listed) <= _LONGEST_LIST else []),
        (by_partial, f"; the fewest of {of_points}"),
        (_merged(replace(part, title=_ALL) for part in parts), f"; the fewest of {of_partials}"),
        (everything, f"; the fewest of {of_partials} at {of_points}"),
    )
    return next((way for way in ways if _fits(way[0], room, methods)), ways[-1])


def _fits(parts: Sequence[_MatrixPart], room: int, methods: int) -> bool:
    """Whether the columns with their titles fit into the lines that a matrix may take."""
    blocks = max(1, _MOST_LINES // (methods + _TITLES))
    titles = max(max(len(part.title), len(part.where)) for part in parts)
    return len(parts) <= room // (_NARROWEST + COLUMN_GAP) * blocks and titles <= _cell_width(room, len(parts))


def _merged(parts: Iterable[_MatrixPart]) -> list[_MatrixPart]:
    """Parts with one title and one place as one part."""
    groups = grouped(parts, lambda part: (part.title, part.where))
    rows = ([row for part in some for row in part.all_rows] for some in groups.values())
    return [_MatrixPart(*key, grouped(some, lambda row: row.method)) for key, some in zip(groups, rows, strict=True)]


def _cell_width(room: int, columns: int) -> int:
    """Digits, and a bar beside them where there is room for one."""
    return max(_NARROWEST, min(room // max(1, columns) - COLUMN_GAP, _NUMBER + 1 + _LONGEST_BAR))


def _table(
    parts: Sequence[_MatrixPart], methods: Sequence[str], cell: int, report: Report, footnotes: Footnotes
) -> Table:
    columns = (Column.left(), *(Column(part.title, part.where, align="left") for part in parts))
    powers = [_power(part) for part in parts]
    body = [(text(method), *(_cell(part, method, cell, report, footnotes) for part in parts)) for method in methods]
    above = [(text("truth", "quiet"), *(_truth(part, cell) for part in parts))] if parts[0].single else []
    below = [(text("would be caught", "quiet"), *powers)] if any(power != text("") for power in powers) else []
    return Table(columns, (*above, *body, *below))


def _truth(part: _MatrixPart, cell: int) -> Text:
    kink = all(row.error_abs is None for row in part.all_rows)  # where there is none
    truth = None if kink else part.all_rows[0].truth
    shown = (truth_digits(truth, digits) for digits in _TRUTH_DIGITS)
    return text(next((words for words in shown if len(words) <= cell), truth_digits(truth, 2)), "quiet")


def _cell(part: _MatrixPart, method: str, cell: int, report: Report, footnotes: Footnotes) -> Text:
    rows = part.rows.get(method, ())
    if not rows:
        return text("")
    row = min(rows, key=lambda row: _order(row, report.dtype))
    digits, cells = correct_digits(row, report.dtype), cell - _NUMBER - 1
    number = f"{number_of(row, digits):>{_NUMBER}}"
    if row.verdict == "pass":
        return text(number if digits is None else f"{number} {bar(digits, cells, report)}", share_tone(row))
    mark = footnotes.verdict(row)[0]
    words = {"FAIL": "FAIL", "inconclusive": "open"}.get(mark.text, mark.text.removeprefix("inconclusive "))
    beside = len(number) + 1 + len(words) <= cell  # the values of what failed stand above, however narrow this is
    return (Span(f"{number} " if beside else ""), Span(words, mark.tone))


def _order(row: Row, dtype: str) -> tuple[int, float]:
    """Fails first, then what is undecided, then the fewest digits."""
    digits = correct_digits(row, dtype)
    return {"fail": 0, "inconclusive": 1, "pass": 2}[row.verdict], math.inf if digits is None else digits


def number_of(row: Row, digits: float | None) -> str:
    if row.is_nan and row.cause is not None:
        return {"infinity": "inf"}.get(row.cause.fields["value"], str(row.cause.fields["value"]))
    if digits is not None:
        return f"{digits:.1f}"
    if row.error_abs == 0:
        return "= 0"
    return ABSENT if row.error_abs is None else short(row.error_abs, 2)


def bar(digits: float, cells: int, report: Report) -> str:
    """Whole cells and eighths of one; full where the value has no error."""
    eighths = round(8 * cells * digits / digits_of(report.dtype))
    return "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()


def share_tone(row: Row) -> Tone:
    """Green up to half of what is allowed, yellow beyond."""
    share = share_of_allowed(row)
    return "plain" if share is None else "good" if share <= _HALF else "doubt"


def _power(part: _MatrixPart) -> Text:
    """The smallest relative error that some exact method's row is sure to report: the largest of it, of several."""
    sharpest: dict[object, float] = {}
    for row in part.all_rows:
        if row.verdict == "pass" and row.smallest_detectable is not None and not truncates(row.method):
            key = row.parameter, row.of, point_key(row.point)
            sharpest[key] = min(row.smallest_detectable, sharpest.get(key, math.inf))
    known = max(sharpest.values(), default=None)
    return text("") if known is None else text(short(known, upward=True), "quiet")


def _remarks(rows: Sequence[Row]) -> Iterator[Note]:
    """The largest share of what is allowed, and what a number means where the truth is 0."""
    shares = [(share, row) for row in rows if row.verdict == "pass" and (share := share_of_allowed(row)) is not None]
    if shares:
        share, row = max(shares, key=lambda entry: entry[0])
        whose = f" ({row.method}, {partial_of(row)})" if share else ""
        colour = f"; above {100 * _HALF:.0f} %: yellow" if share > _HALF else ""
        yield Note(text(f"worst: {short(100 * share)} % of what is allowed{whose}{colour}", "quiet"))
    if any(row.error_rel is None and row.error_abs is not None and row.verdict != "fail" for row in rows):
        yield Note(text("where the truth is 0, the error itself is shown (= 0: none)", "quiet"))
