"""How a page says at which point: completely where that is short, else by the name of a point that is listed once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from diffexplore.check.records import Report
from diffexplore.numerals import plain_exponent
from diffexplore.report.blocks import Block, Note, text
from diffexplore.report.names import distinct_points, point_key
from diffexplore.report.numbers import point_text

#: A longer point is not said in the line that says what ran.
ON_A_LINE = 40

#: A point with a longer text is listed once.
_LONGEST = 60

#: So is one that titles a column.
_LONGEST_TITLE = 13

#: Coordinates that a point shows on one screen, but for the last one.
_MOST_SHOWN = 4

#: Points that one screen lists.
_MOST_POINTS = 4


def place(report: Report, point: Mapping[str, float], *, compact: bool = False, digits: int | None = None) -> str:
    """``a = 1.3, b = 0.7``, or ``the point below``, ``point 2 below``; empty for a loss without parameters."""
    said = point_text(point, compact=compact, digits=digits)
    if len(said) <= _LONGEST:
        return said
    keys = [point_key(known) for known in _points(report)]
    if point_key(point) not in keys:
        return said
    number = keys.index(point_key(point)) + 1
    if compact:
        return f"point {number}"
    return "the point below" if len(keys) == 1 else f"point {number} below"


def at_place(report: Report, point: Mapping[str, float], *, digits: int | None = None) -> str:
    """The same with `` at `` before it, where there is anything to say."""
    said = place(report, point, digits=digits)
    return f" at {said}" if said else ""


def long_points(report: Report) -> Iterator[Block]:
    """The points that the page calls by a number."""
    points = _points(report)
    if len(points) > _MOST_POINTS:
        if any(compact_place(report, point).startswith("point ") for point in points):
            yield Note(text("points are numbered in the order in which they were given", "quiet"))
        return
    for number, point in enumerate(points, start=1):
        said = point_text(point)
        if len(said) > _LONGEST:
            yield Note(text(f"{'the point' if len(points) == 1 else f'point {number}'}: {said}"))


def _points(report: Report) -> tuple[Mapping[str, float], ...]:
    """Those at which the check was made; a probe's own point is said where the probe is."""
    return distinct_points(row for row in report.rows if row.probe is None)


def compact_place(report: Report, point: Mapping[str, float]) -> str:
    """``a=2.5 b=1`` in four digits where that is short, else the number of the point that the page lists."""
    said = " ".join(f"{name}={plain_exponent(f'{value:.4g}')}" for name, value in point.items())
    if len(said) <= _LONGEST_TITLE:
        return said
    keys = [point_key(known) for known in _points(report)]
    return f"point {keys.index(point_key(point)) + 1}" if point_key(point) in keys else said


def row_place(report: Report, point: Mapping[str, float]) -> str:
    """The same, and nothing where there is one point, which the page says once."""
    return (
        ""
        if len(_points(report)) == 1 and point_key(point) == point_key(_points(report)[0])
        else compact_place(report, point)
    )


def compact_points(report: Report) -> Iterator[Block]:
    """The points that titles of columns call by a number; of many coordinates, the first and the last."""
    points = _points(report)
    if len(points) > _MOST_POINTS:
        if any(compact_place(report, point).startswith("point ") for point in points):
            yield Note(text("points are numbered in the order in which they were given", "quiet"))
        return
    for number, point in enumerate(points, start=1):
        if compact_place(report, point).startswith("point ") and (
            len(points) > 1 or len(point_text(point)) > ON_A_LINE
        ):
            names = list(point)
            shown = names if len(names) <= _MOST_SHOWN + 1 else [*names[:_MOST_SHOWN], names[-1]]
            said = [point_text({name: point[name]}, digits=6) for name in shown]
            if len(shown) < len(names):
                said.insert(-1, "…")
            yield Note(text(f"point{f' {number}' if len(points) > 1 else ''}: {', '.join(said)}"))
