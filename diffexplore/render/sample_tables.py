"""Tables of samples and probes: the worst comparisons of each partial, and how many there are."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import compress

from diffexplore.checking.records import Report, Row
from diffexplore.lists import grouped
from diffexplore.numerals import short
from diffexplore.render.causes import Footnotes
from diffexplore.render.counts import outcomes, tallies_of
from diffexplore.render.places import at_place, place
from diffexplore.render.tables import ROOM_FOR_EVERYTHING, Units
from diffexplore.writing.blocks import Block, Column, Gap, Heading, Table, Text, text
from diffexplore.writing.names import candidate_of, distinct_points, partial_of, point_key, rows_of
from diffexplore.writing.numbers import counted, value_cell

#: Digits of their values.
_SAMPLE_DIGITS = 11


#: Samples that are shown per partial.
_WORST = 5


def worst_samples(report: Report, footnotes: Footnotes, width: int) -> Iterator[Block]:
    """For each partial: how its samples fared, and the worst of them."""
    candidate = candidate_of(report)
    for name in report.gradient:
        rows = rows_of(report, "samples", name)
        if rows:
            worst = _worst(rows)
            exact = not worst and any(row.error_abs == 0 for row in rows)
            message = "; the worst:" if worst else ", without any error" if exact else ""
            counts = outcomes(tallies_of(report, name, "samples"))
            words = ", ".join(f"{counted(count)} {verdict}" for verdict, count in counts.items()) or "none"
            yield Heading(partial_of(rows[0], candidate), f"by sample: {words}{message}")
            if worst:
                yield _samples_table(worst, report, footnotes, width)
            yield Gap()


def _worst(rows: Sequence[Row]) -> list[Row]:
    """Every fail, then each method's worst, up to five rows; what has no error is not among them."""
    ranked = sorted((row for row in rows if row.error_abs or row.verdict == "fail"), key=_by_severity)
    first = {row.method: row for row in reversed(ranked)}
    return [row for row in ranked if row.verdict == "fail" or row is first[row.method]][:_WORST]


def _by_severity(row: Row) -> tuple[int, float, float]:
    """Fails first, then what is undecided, then passes; the largest errors first among them.

    In the order in which a check keeps them (:class:`~diffexplore.checking.ledger.Ledger`).
    """
    rank = {"fail": 0, "inconclusive": 1, "pass": 2}[row.verdict]
    if row.is_nan:
        return rank, -math.inf, 0.0
    return rank, -(row.error_ulp or 0.0), -(row.error_abs or 0.0)


def _samples_table(rows: Sequence[Row], report: Report, footnotes: Footnotes, width: int) -> Table:
    """The rows, with the point if there are several, and with value and power if there is room."""
    units = Units(rows, report.dtype)
    several_points = len(distinct_points(row for row in report.rows if row.probe is None)) > 1
    roomy = width >= ROOM_FOR_EVERYTHING
    error, allowed, power = units.columns
    at = Column.left("at", flexible=True)
    columns = (
        Column("sample"),
        Column.left("method"),
        at,
        Column("value"),
        error,
        allowed,
        power,
        Column.left("verdict"),
    )
    shown = (True, True, several_points, roomy, True, True, roomy, True)
    body = (_sample_cells(row, report, units, footnotes) for row in rows)
    return Table(tuple(compress(columns, shown)), tuple(tuple(compress(cells, shown)) for cells in body))


def _sample_cells(row: Row, report: Report, units: Units, footnotes: Footnotes) -> tuple[Text, ...]:
    where, value = text(place(report, row.point, compact=True)), value_cell(row, row.truth, _SAMPLE_DIGITS)
    return (text(str(row.sample)), text(row.method), where, value, *units.cells(row), footnotes.verdict(row))


def probes(report: Report) -> Iterator[Block]:
    """The probes: batches and points at which the same derivative is easier to see."""
    rows = [row for row in report.rows if row.probe is not None]
    if not rows:
        return
    yield Heading("Probes", "sub-batches and points at which an error would show more clearly")
    numbers = Column("worst error", "ulp"), Column("catches", "relative")
    by_probe = grouped(rows, lambda row: (row.parameter, row.of, row.probe, point_key(row.point)))
    yield Table(
        (Column.left("partial"), Column.left("probe", flexible=True), *numbers, Column.left("verdicts")),
        tuple(_probe_row(members, report) for members in by_probe.values()),
    )
    yield Gap()


def _probe_row(rows: Sequence[Row], report: Report) -> tuple[Text, ...]:
    first = rows[0]
    powers = [row.smallest_detectable for row in rows if row.smallest_detectable is not None]
    verdicts = [row.verdict for row in rows]
    counts = [f"{verdicts.count(v)} {v}" for v in ("pass", "fail", "inconclusive") if v in verdicts]
    worst = max((row.error_ulp for row in rows if row.error_ulp is not None), default=None)
    return (
        text(partial_of(first)),
        text(f"{first.probe},{at_place(report, first.point, digits=4)}".rstrip(",")),
        text(short(worst, 3)),
        text(short(min(powers, default=None), upward=True)),
        text(", ".join(counts), "bad" if "fail" in verdicts else "plain"),
    )
