"""Tables of samples and probes: the worst comparisons of each partial, and how many there are."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from diffexplore.checking.records import Report, Row
from diffexplore.numerals import ABSENT, short
from diffexplore.render.causes import Footnotes
from diffexplore.render.places import at_place, place
from diffexplore.render.tables import ROOM_FOR_EVERYTHING, Units, value_cell
from diffexplore.writing.blocks import Block, Column, Gap, Heading, Table, Text, text
from diffexplore.writing.names import candidate_of, distinct_points, partial_of, point_key, rows_of
from diffexplore.writing.numbers import counted

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
            said = "; the worst:" if worst else ", without any error" if exact else ""
            yield Heading(partial_of(rows[0], candidate), f"by sample: {_counts(report, name, 'samples')}{said}")
            if worst:
                yield _samples_table(worst, report, footnotes, width)
            yield Gap()


def _worst(rows: Sequence[Row]) -> list[Row]:
    """Every fail, then each method's worst, up to five rows; what has no error is not among them."""
    chosen: list[Row] = []
    for row in sorted((row for row in rows if row.error_abs or row.verdict == "fail"), key=_by_severity):
        if row.verdict == "fail" or row.method not in {other.method for other in chosen}:
            chosen.append(row)
    return chosen[:_WORST]


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
    columns = [
        (True, Column("sample")),
        (True, Column("method", align="left")),
        (several_points, Column("at", align="left", flexible=True)),
        (roomy, Column("value")),
        (True, error),
        (True, allowed),
        (roomy, power),
        (True, Column("verdict", align="left")),
    ]
    shown = [position for position, (requested, _) in enumerate(columns) if requested]
    body = [_sample_cells(row, report, units, footnotes) for row in rows]
    return Table(
        tuple(columns[position][1] for position in shown),
        tuple(tuple(cells[position] for position in shown) for cells in body),
    )


def _sample_cells(row: Row, report: Report, units: Units, footnotes: Footnotes) -> tuple[Text, ...]:
    where, value = text(place(report, row.point, compact=True)), value_cell(row, row.truth, _SAMPLE_DIGITS)
    return (text(str(row.sample)), text(row.method), where, value, *units.cells(row), footnotes.verdict(row))


def _counts(report: Report, name: str, kind: str) -> str:
    """``1,990 pass, 10 inconclusive``."""
    tallies = [tally for tally in report.summary.tallies if tally.parameter == name and tally.kind == kind]
    totals = {
        "pass": sum(tally.passed for tally in tallies),
        "fail": sum(tally.failed for tally in tallies),
        "inconclusive": sum(tally.inconclusive for tally in tallies),
    }
    return ", ".join(f"{counted(total)} {verdict}" for verdict, total in totals.items() if total) or "none"


def probes(report: Report) -> Iterator[Block]:
    """The probes: batches and points at which the same derivative is easier to see."""
    rows = [row for row in report.rows if row.probe is not None]
    if not rows:
        return
    yield Heading("Probes", "sub-batches and points at which an error would show more clearly")
    columns = (
        Column("partial", align="left"),
        Column("probe", align="left", flexible=True),
        Column("worst error", "ulp"),
        Column("catches", "relative"),
        Column("verdicts", align="left"),
    )
    yield Table(columns, tuple(_probe_row(members, report) for members in _by_probe(rows).values()))
    yield Gap()


def _by_probe(rows: Sequence[Row]) -> Mapping[object, list[Row]]:
    groups: dict[object, list[Row]] = {}
    for row in rows:
        groups.setdefault((row.parameter, row.of, row.probe, point_key(row.point)), []).append(row)
    return groups


def _probe_row(rows: Sequence[Row], report: Report) -> tuple[Text, ...]:
    first = rows[0]
    powers = [row.smallest_detectable for row in rows if row.smallest_detectable is not None]
    verdicts = [row.verdict for row in rows]
    told = [f"{verdicts.count(v)} {v}" for v in ("pass", "fail", "inconclusive") if v in verdicts]
    worst = max((row.error_ulp for row in rows if row.error_ulp is not None), default=None)
    return (
        text(partial_of(first)),
        text(f"{first.probe},{at_place(report, first.point, digits=4)}".rstrip(",")),
        text(short(worst, 3)),
        text(short(min(powers, default=None), upward=True) if powers else ABSENT),
        text(", ".join(told), "bad" if "fail" in verdicts else "plain"),
    )
