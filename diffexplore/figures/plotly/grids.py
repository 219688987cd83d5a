"""A grid as plotly draws it: contours at its levels or coloured cells, and a marker on each cell that has a note.

Plotly knows evenly spaced contours and linear colours only. So it is given the number of the level, with parts in
between, or the logarithm; what it shows of them are the values themselves.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Callable, Sequence
from typing import Any

from diffexplore.figures.plotly.words import legend, safe
from diffexplore.figures.records import ValueGrid
from diffexplore.figures.roles import STYLES, VERMILLION
from diffexplore.numerals import short

_COLOURS = "Viridis"  # even in lightness: the same to people with any colour vision
_NOTED = ("x", "diamond", "triangle-up", "cross", "star")
_MOST_TICKS = 6


def grid_traces(grid: ValueGrid) -> list[dict[str, Any]]:
    """The ground, and above it a trace for each text of a note."""
    ground = _contours(grid) if grid.levels else _cells(grid)
    return [ground, *(_noted(words, places, i) for i, (words, places) in enumerate(grid.noted.items()))]


def _contours(grid: ValueGrid) -> dict[str, Any]:
    levels = sorted(grid.levels)
    values = grid.numbers
    low, high = min(values, default=0.0), max(values, default=0.0)
    return _ground(grid, lambda value: _level(value, levels, low, high)) | {
        "type": "contour", "contours": {"start": 0, "end": len(levels) - 1, "size": 1, "coloring": "fill"},
        "line": {"color": "rgba(255,255,255,0.7)", "width": 0.8}, "zmin": -1, "zmax": len(levels), "opacity": 0.85,
        "colorbar": _scale(grid, list(range(len(levels))), [short(level, 3) for level in levels]),
    }  # fmt: skip


def _level(value: float, levels: Sequence[float], low: float, high: float) -> float:
    """The place of a value between the levels: 0 at the first, 1 at the second."""
    place = bisect.bisect_right(levels, value)
    below = levels[place - 1] if place else min(low, levels[0])
    above = levels[place] if place < len(levels) else max(high, levels[-1])
    return place - 1 + ((value - below) / (above - below) if above > below else 0.0)


def _cells(grid: ValueGrid) -> dict[str, Any]:
    if grid.scale == "linear":
        return _ground(grid, lambda value: value) | {"type": "heatmap", "colorbar": _titled(grid)}
    known = [math.log10(value) for value in grid.scaled]
    places = _decades(min(known), max(known)) if known else []
    return _ground(grid, lambda value: math.log10(value) if value > 0 else None) | {
        "type": "heatmap",
        "colorbar": _scale(grid, places, [short(10.0**place, 1) for place in places]),
    }


def _decades(low: float, high: float) -> list[int]:
    first, last = math.ceil(low), math.floor(high)
    return list(range(first, last + 1, max(1, math.ceil((last - first + 1) / _MOST_TICKS))))


def _ground(grid: ValueGrid, scaled: Callable[[float], float | None]) -> dict[str, Any]:
    return {
        "x": grid.x,
        "y": grid.y,
        "z": [[None if value is None else scaled(value) for value in row] for row in grid.values],
        "customdata": grid.values,
        "hovertemplate": "(%{x:.4g}, %{y:.4g}): %{customdata:.4g}<extra>%{fullData.name}</extra>",
        "name": safe(grid.name),
        "colorscale": _COLOURS,
        "showscale": True,
    }


def _scale(grid: ValueGrid, places: Sequence[float], words: Sequence[str]) -> dict[str, Any]:
    return _titled(grid) | {"tickvals": places, "ticktext": words}


def _titled(grid: ValueGrid) -> dict[str, Any]:
    return {"title": {"text": safe(grid.title), "side": "right"}, "thickness": 14, "outlinewidth": 0}


def _noted(words: str, places: Sequence[tuple[float, float]], number: int) -> dict[str, Any]:
    marker = {"symbol": _NOTED[number % len(_NOTED)], "color": VERMILLION, "size": STYLES["bad"].size}
    return {
        "type": "scatter", "mode": "markers", "name": legend(words), "x": [x for x, _ in places],
        "y": [y for _, y in places], "marker": marker | {"line": {"width": 0.8, "color": "#ffffff"}},
        "hoverinfo": "x+y+name",
    }  # fmt: skip
