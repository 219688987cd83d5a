"""How the parts of a report are called in front of people: partials, points, verdicts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from diffexplore.checking.records import VALUE, WEIGHTED, Report, Row, Verdict
from diffexplore.writing.blocks import Tone

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


def sample_partial(name: str, candidate: str | None = None) -> str:
    """``∂ℓᵢ/∂a``: of one sample's summand; of a candidate ``∂L/∂xᵢ``: of the reduced loss, by the data of a sample."""
    return f"∂L/∂{name}ᵢ" if candidate else f"∂ℓᵢ/∂{name}"


def second_partial(row: str, column: str) -> str:
    """``∂²L/∂a²`` or ``∂²L/∂a∂b``."""
    return f"∂²L/∂{row}²" if row == column else f"∂²L/∂{row}∂{column}"


def second_partial_of(row: Row) -> str:
    """The second partial that ``row`` compares; of a sum of all first partials with weights, its derivative."""
    name = row.parameter if row.sample is None else f"{row.parameter}ᵢ"
    return f"∂/∂{name} of Σₖ wₖ ∂L/∂θₖ" if row.of == WEIGHTED else second_partial(str(row.of), name)


def candidate_of(report: Report) -> str | None:
    """The name of the candidate that ``report`` verifies, if it does."""
    return report.candidate.name if report.candidate else None


def subject_of(candidate: str) -> str:
    """How a sentence speaks of a candidate, with an article where it has no name of its own."""
    return "the candidate" if candidate == "candidate" else candidate


def partial_of(row: Row, candidate: str | None = None) -> str:
    """The partial that ``row`` compares, in a report of methods or of a ``candidate``; ``L`` for the loss's value."""
    if row.parameter == VALUE:
        return "L"
    if row.of is not None:
        return second_partial_of(row)
    return reduced_partial(row.parameter) if row.sample is None else sample_partial(row.parameter, candidate)


def comparison_of(row: Row, candidate: str | None = None) -> str:
    """The partial, and of a candidate the mode in which it was differentiated, where that is not reverse mode."""
    name = partial_of(row, candidate)
    mode = row.method.removeprefix(candidate or "").strip() if candidate and row.method.startswith(candidate) else ""
    return f"{name} {mode}" if mode and row.of is None else name


def kind_of(row: Row) -> str:
    """``probe``, ``reduced`` or ``samples``, as in :class:`~diffexplore.checking.records.Tally`."""
    if row.probe is not None:
        return "probe"
    return "reduced" if row.sample is None else "samples"


def rows_of(report: Report, kind: str, parameter: str) -> list[Row]:
    """The rows of one kind that compare one partial, in the report's order."""
    return [row for row in report.rows if row.parameter == parameter and kind_of(row) == kind]


def is_data(report: Report, name: str) -> bool:
    """Whether ``name`` is a data column, whose partials exist sample by sample only."""
    return name in report.loss.data
