"""Tables of comparisons: every method beside the truth, the worst samples, the probes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from diffexplore.checking.records import Report, Row, Truth
from diffexplore.numerals import ABSENT, short
from diffexplore.render.causes import Footnotes
from diffexplore.render.places import at_place, place
from diffexplore.writing.blocks import (
    COLUMN_GAP,
    INDENT,
    Block,
    Column,
    Gap,
    Heading,
    Note,
    Table,
    Text,
    text,
    words_of,
)
from diffexplore.writing.names import (
    candidate_of,
    distinct_points,
    partial_of,
    point_key,
    reduced_partial,
    rows_of,
    second_partial_of,
)
from diffexplore.writing.numbers import (
    counted,
    digits_of,
    in_ulps,
    truth_digits,
    ulp_at,
    value_beside,
)

#: Digits that a value shows however narrow the page is.
_FEWEST_DIGITS = 6
#: Below this width the worst samples are shown without their values and powers.
_ROOM_FOR_EVERYTHING = 98
#: Digits of their values.
_SAMPLE_DIGITS = 11
#: Samples that are shown per partial.
_WORST = 5


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
    groups: dict[str | None, list[Row]] = {}
    for row in rows:
        groups.setdefault(row.of, []).append(row)
    for of, group in groups.items():
        yield reduced_partial(name) if of is None else second_partial_of(group[0]), group


def _methods_table(rows: Sequence[Row], dtype: str, footnotes: Footnotes, width: int) -> Table:
    units = Units(rows, dtype)
    columns = (Column("method", align="left"), Column("value"), *units.columns, Column("verdict", align="left"))
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
        values = [text(truth_digits(truth, shown)), *(_value(row, truth, shown) for row in rows)]
        if max(len(words_of(value)) for value in values) <= room:
            break
    return values


def _value(row: Row, truth: Truth | None, digits: int) -> Text:
    if row.is_nan and row.cause is not None:
        return text(row.cause.fields["value"], "bad")
    return value_beside(row.value, truth, digits, "bad" if row.verdict == "fail" else "quiet")


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
        allowed = row.bound if _has_truth(row) else None
        return (
            text(short(self._sized(row.error_abs, row), 3)),
            text(short(self._sized(allowed, row), upward=True)),
            text(self._power(row)),
        )

    def _sized(self, amount: float | None, row: Row) -> float | None:
        return amount if self.absolute else in_ulps(amount, ulp_at(row.truth, self.dtype))

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
    roomy = width >= _ROOM_FOR_EVERYTHING
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
    shown = [position for position, (wanted, _) in enumerate(columns) if wanted]
    body = [_sample_cells(row, report, units, footnotes) for row in rows]
    return Table(
        tuple(columns[position][1] for position in shown),
        tuple(tuple(cells[position] for position in shown) for cells in body),
    )


def _sample_cells(row: Row, report: Report, units: Units, footnotes: Footnotes) -> tuple[Text, ...]:
    where, value = text(place(report, row.point, compact=True)), _value(row, row.truth, _SAMPLE_DIGITS)
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


def legend(report: Report) -> Note:
    """What the columns mean, once."""
    open_digits = any("?" in truth_digits(row.truth, digits_of(report.dtype)) for row in report.rows)
    return Note(
        text(
            f"error: distance from the truth, a certified enclosure of the exact partial"
            f"{' (a ? is a digit that it leaves open)' if open_digits else ''}; in units in the last place (ulp) of "
            f"{report.dtype}. allowed: the bound derived for this method, rounding and truncation; beyond it the row "
            f"fails. catches: the smallest relative error that the row is sure to report.",
            "quiet",
        )
    )
