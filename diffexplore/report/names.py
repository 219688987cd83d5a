"""How the parts of a report are called in front of people: partials, points, verdicts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from diffexplore.check.records import Report, Row, Verdict
from diffexplore.report.blocks import Tone

#: The word and tone of a verdict in a headline. The word alone says it; the tone only helps the eye.
WORDS: Mapping[Verdict, tuple[str, Tone]] = {
    "pass": ("PASS", "good"),
    "fail": ("FAIL", "bad"),
    "inconclusive": ("INCONCLUSIVE", "doubt"),
}

PointKey = tuple[tuple[str, float], ...]


def point_key(point: Mapping[str, float]) -> PointKey:
    """A point as a dictionary key."""
    return tuple(point.items())


def distinct_points(rows: Iterable[Row]) -> tuple[Mapping[str, float], ...]:
    """The points of ``rows``, each once, in order of appearance."""
    return tuple({point_key(row.point): row.point for row in rows}.values())


def reduced_partial(name: str) -> str:
    """``∂L/∂a``: of the loss, reduced over the batch."""
    return f"∂L/∂{name}"


def sample_partial(name: str) -> str:
    """``∂ℓᵢ/∂a``: of one sample's summand."""
    return f"∂ℓᵢ/∂{name}"


def second_partial(row: str, column: str) -> str:
    """``∂²L/∂a²`` or ``∂²L/∂a∂b``."""
    return f"∂²L/∂{row}²" if row == column else f"∂²L/∂{row}∂{column}"


def partial_of(row: Row) -> str:
    """The partial that ``row`` compares."""
    return reduced_partial(row.parameter) if row.sample is None else sample_partial(row.parameter)


def kind_of(row: Row) -> str:
    """``probe``, ``reduced`` or ``samples``, as in :class:`~diffexplore.check.records.Tally`."""
    if row.probe is not None:
        return "probe"
    return "reduced" if row.sample is None else "samples"


def rows_of(report: Report, kind: str, parameter: str) -> list[Row]:
    """The rows of one kind that compare one partial, in the report's order."""
    return [row for row in report.rows if row.parameter == parameter and kind_of(row) == kind]


def is_data(report: Report, name: str) -> bool:
    """Whether ``name`` is a data column, whose partials exist sample by sample only."""
    return name in report.loss.data
