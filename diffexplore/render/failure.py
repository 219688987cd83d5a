"""What an assertion says of a gradient that is wrong or undecided: short, however many samples there are."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet

from diffexplore.checking.records import VALUE, Report, Row
from diffexplore.lists import shortened
from diffexplore.render.failed import stated_causes
from diffexplore.render.lost import lost_text
from diffexplore.render.tables import Units
from diffexplore.render.tensors import failure_text as of_tensors
from diffexplore.render.terminal import Drawing, plain_text
from diffexplore.render.verdict import headline
from diffexplore.render.wrong import worst_failures
from diffexplore.tensors.records import TensorReport
from diffexplore.typography import speaks_mathematics
from diffexplore.writing.blocks import Block, Column, Note, Table, Text, text, words_of
from diffexplore.writing.names import candidate_of, kind_of, partial_of
from diffexplore.writing.numbers import counted, point_text, truth_digits, value_beside

WIDTH, LINES = 100, 25

#: Lines that the verdict, the causes, the table and the call that repeats the check may take, with two empty ones.
_VERDICT, _CAUSES, _TABLE, _AGAIN = 3, 7, 11, 2
_MOST_CAUSES, _MOST_PARTIALS, _MOST_SAMPLES = 3, 5, 3
_DIGITS = 9
_LONGEST_NAME, _LONGEST_POINT = 24, 18


def failure_text(report: Report | TensorReport, *, ascii: bool | None = None) -> str:
    """Verdict, named causes, the worst partials and samples, and how to see them again: at most 25 lines of 100.

    ``ascii`` None chooses by the encoding of standard output, where it has one: what catches output takes everything.
    """
    if isinstance(report, TensorReport):
        return of_tensors(report, ascii=ascii)
    plain = not speaks_mathematics(getattr(sys.stdout, "encoding", None) or "utf-8") if ascii is None else ascii
    rows = _shown(report)
    sections = [
        _lines([headline(report)], _VERDICT, plain),
        _lines([*_causes(rows, stated_causes(report)), *_lost(report)], _CAUSES, plain),
        _lines([_table(rows, report)] if rows else [], _TABLE, plain),
        _lines([_again(report, rows)], _AGAIN, plain),
    ]
    return "\n".join([*sections[0], *sections[1], "", *sections[2], "", *sections[3]])


def _lines(blocks: Iterable[Block], most: int, ascii: bool) -> list[str]:
    """The blocks as lines, the first ``most`` of them."""
    lines = plain_text(Drawing(tuple(blocks), ascii), WIDTH).splitlines()
    more = "..." if ascii else "…"
    return lines if len(lines) <= most else [*lines[: most - 1], lines[most - 1][: WIDTH - len(more)] + more]


def _shown(report: Report) -> list[Row]:
    """The worst partials, then the worst samples, of what failed or (where nothing did) could not be decided."""
    wrong = worst_failures(report) if report.verdict == "fail" else _undecided(report)
    partials = [row for row in wrong if row.sample is None]
    samples = [row for row in report.rows if row.sample is not None and row.verdict == report.verdict]
    samples.sort(key=lambda row: (-(row.error_ulp or 0.0), -(row.error_abs or 0.0)))
    return [*partials[:_MOST_PARTIALS], *samples[:_MOST_SAMPLES]]


def _undecided(report: Report) -> list[Row]:
    open_questions = {(name, *point.items()) for name, point in report.summary.undecided}
    return [
        row for row in report.rows
        if kind_of(row) == "reduced" and (row.parameter, *row.point.items()) in open_questions
    ]  # fmt: skip


def _causes(rows: Iterable[Row], stated: AbstractSet[str]) -> Iterator[Note]:
    """Causes that the verdict line has not ``stated``, each once."""
    found = dict.fromkeys(row.cause.message for row in rows if row.cause is not None)
    messages = [message for message in found if message not in stated]
    for message in messages[:_MOST_CAUSES]:
        yield Note(text(message), marker="·")
    if len(messages) > _MOST_CAUSES:
        yield Note(text(f"{counted(len(messages) - _MOST_CAUSES, 'other cause')} beside"), marker="·")


def _lost(report: Report) -> Iterator[Note]:
    """Where digits are lost, of one partial: others mostly lose them at the same place."""
    for lost in report.lost_digits[:1]:
        yield Note(lost_text(lost, report), marker="·")


def _table(rows: list[Row], report: Report) -> Table:
    units = Units(rows, report.dtype)
    error, allowed, _ = units.columns
    where = (Column.left("at"),) if report.loss.parameters else ()
    columns = (Column.left("partial"), *where, Column("value"), Column("truth"), error, allowed)
    return Table(columns, tuple(_cells(row, units, candidate_of(report)) for row in rows))


def _cells(row: Row, units: Units, candidate: str | None) -> tuple[Text, ...]:
    place = point_text(row.point, compact=True, digits=3)
    where = (text(shortened(place, _LONGEST_POINT)),) if row.point else ()
    value = value_beside(row.value, row.truth, _DIGITS)
    return (
        text(shortened(_name(row, candidate), _LONGEST_NAME)),
        *where,
        text(words_of(value)),
        text(truth_digits(row.truth, _DIGITS)),
        *units.cells(row)[:2],
    )


def _name(row: Row, candidate: str | None) -> str:
    """``∂L/∂a``, ``∂L/∂xᵢ, sample 17``, or ``∂L/∂a, sub-batch`` for a probe."""
    name = partial_of(row, candidate)
    if row.sample is not None:
        return f"{name}, sample {row.sample}"
    return f"{name}, {' '.join(row.probe.split()[:2])}" if row.probe else name


def _again(report: Report, rows: list[Row]) -> Note:
    """What makes the same call go there again, its numbers complete."""
    point = next((row.point for row in (*rows, *report.rows) if row.probe is None), {})
    partials = tuple(dict.fromkeys(row.parameter for row in rows if row.parameter != VALUE))
    wrt = f"wrt={partials[0]!r}, " if len(partials) == 1 else ""
    how = f"{wrt}dtype={report.dtype!r}, device={report.device!r}, seed={report.seed}"
    return Note(text(f"again: the same call with {how}{f', at={dict(point)}' if point else ''}"))
