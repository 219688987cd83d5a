"""How a page says at which point: completely where that is short, else by the name of a point that is listed once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from diffexplore.checking.records import Report
from diffexplore.writing.blocks import Block, Note, text
from diffexplore.writing.names import PointKey, distinct_points, point_key
from diffexplore.writing.numbers import point_text

#: A longer point is not stated in the line that says what ran.
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
    written = point_text(point, compact=compact, digits=digits)
    if len(written) <= _LONGEST:
        return written
    keys = [point_key(known) for known in points_of(report)]
    if point_key(point) not in keys:
        return written
    number = keys.index(point_key(point)) + 1
    if compact:
        return f"point {number}"
    return "the point below" if len(keys) == 1 else f"point {number} below"


def at_place(report: Report, point: Mapping[str, float], *, digits: int | None = None) -> str:
    """The same with `` at `` before it, where there is anything to say."""
    written = place(report, point, digits=digits)
    return f" at {written}" if written else ""


def long_points(report: Report) -> Iterator[Block]:
    """The points that the page calls by a number."""
    points = points_of(report)
    for number, point in enumerate(points, start=1):
        written = point_text(point)
        if len(written) > _LONGEST:
            yield Note(text(f"{'the point' if len(points) == 1 else f'point {number}'}: {written}"))


def points_of(report: Report) -> tuple[Mapping[str, float], ...]:
    """Those at which the check was made; a probe's own point is stated where the probe is."""
    return distinct_points(row for row in report.rows if row.probe is None)


def compact_places(report: Report) -> Mapping[PointKey, str]:
    """Each point as ``a=2.5 b=1`` in four digits where that is short, else the number by which the page lists it."""
    found = {}
    for number, point in enumerate(points_of(report), start=1):
        written = point_text(point, compact=True, digits=4)
        found[point_key(point)] = written if len(written) <= _LONGEST_TITLE else f"point {number}"
    return found


def row_place(report: Report, point: Mapping[str, float]) -> str:
    """The same of one point; nothing where it is the only one, which the page says once."""
    places = compact_places(report)
    if list(places) == [point_key(point)]:
        return ""
    return places.get(point_key(point)) or point_text(point, compact=True, digits=4)


def compact_points(report: Report) -> Iterator[Block]:
    """The points that titles of columns call by a number; of many coordinates, the first and the last."""
    points, places = points_of(report), compact_places(report)
    if len(points) > _MOST_POINTS:
        if any(place.startswith("point ") for place in places.values()):
            yield Note(text("points are numbered in the order in which they were given", "quiet"))
        return
    for number, point in enumerate(points, start=1):
        stated_already = len(points) == 1 and len(point_text(point)) <= ON_A_LINE
        if places[point_key(point)].startswith("point ") and not stated_already:
            names = list(point)
            shown = names if len(names) <= _MOST_SHOWN + 1 else [*names[:_MOST_SHOWN], names[-1]]
            written = [point_text({name: point[name]}, digits=6) for name in shown]
            if len(shown) < len(names):
                written.insert(-1, "…")
            yield Note(text(f"point{f' {number}' if len(points) > 1 else ''}: {', '.join(written)}"))
