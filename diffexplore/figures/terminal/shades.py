"""A grid in a terminal: a character for each part of its range, and one for the cells that have a note."""

from __future__ import annotations

import bisect
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from diffexplore.figures.records import Axis, Figure, Range, ValueGrid
from diffexplore.numerals import short

#: From the lowest values to the highest.
SHADES, ASCII_SHADES = " ·░▒▓█", " .:-=+*#%@"
_NO_VALUE = "?"

#: A sign for each text of a note; they begin again where there are more.
NOTED = "!&$~^"


@dataclass
class Shade:
    """The places on the canvas where a character stands, and what that means."""

    marker: str
    words: str
    note: bool = False
    x: list[float] = field(default_factory=list)
    y: list[float] = field(default_factory=list)


def shaded(
    grid: ValueGrid, figure: Figure, limits: tuple[Range, Range], size: tuple[int, int], ascii: bool
) -> list[Shade]:
    """The shades of ``grid``, the lowest first; each character of the canvas takes the cell that is nearest to it."""
    steps = _steps(grid, ASCII_SHADES if ascii else SHADES)
    shades = _named(steps, grid, ASCII_SHADES if ascii else SHADES)
    absent = Shade(_NO_VALUE, "no value", note=True)
    notes = {(column, row): text for column, row, text in grid.notes}
    noted = {text: Shade(sign, text, note=True) for text, sign in zip(grid.noted, itertools.cycle(NOTED), strict=False)}
    rows = [(y, _nearest(grid.y, y, figure.y)) for y in even(limits[1], figure.y, size[1])]
    for x in even(limits[0], figure.x, size[0]):
        column = _nearest(grid.x, x, figure.x)
        for y, row in rows:
            value = grid.values[row][column]
            text = notes.get((column, row))
            shade = noted[text] if text else absent if value is None else shades[bisect.bisect(steps, value)]
            shade.x.append(x)
            shade.y.append(y)
    for text, places in grid.noted.items():  # cells that the canvas is too coarse for are shown as well
        noted[text].x += [x for x, _ in places]
        noted[text].y += [y for _, y in places]
    return [shade for shade in (*shades, absent, *noted.values()) if shade.x]


def _steps(grid: ValueGrid, shades: str) -> list[float]:
    """Where one shade ends and the next begins: at the levels, else at even parts of the range."""
    most = len(shades) - 1
    if grid.levels:
        return _picked(sorted(grid.levels), most)
    values = grid.scaled
    if not values or min(values) == max(values):
        return []
    return even((min(values), max(values)), Axis("", scale=grid.scale), most + 2)[1:-1]


def _picked(levels: Sequence[float], most: int) -> list[float]:
    """At most so many of the levels, evenly, so that a darker shade is always a higher value."""
    count = min(most, len(levels))
    return [levels[round(place * (len(levels) - 1) / max(1, count - 1))] for place in range(count)]


def _named(steps: Sequence[float], grid: ValueGrid, shades: str) -> list[Shade]:
    if not steps:
        values = grid.numbers
        return [Shade(shades[1], short(values[0]) if values else "")]
    inner = [f"to {short(step, 3)}" for step in steps[1:]]
    words = [f"below {short(steps[0], 3)}", *inner, f"above {short(steps[-1], 3)}"]
    return [Shade(shades[round(place * (len(shades) - 1) / len(steps))], text) for place, text in enumerate(words)]


def even(limits: Range, axis: Axis, count: int) -> list[float]:
    """``count`` coordinates that stand evenly on the axis, from end to end."""
    low, high = limits
    parts = [place / (count - 1) for place in range(count)]
    if axis.scale == "log":
        return [low * (high / low) ** part for part in parts]
    return [low + (high - low) * part for part in parts]


def _nearest(places: Sequence[float], value: float, axis: Axis) -> int:
    if axis.scale == "log" and value > 0:
        return min(range(len(places)), key=lambda i: abs(math.log(places[i] / value)) if places[i] > 0 else math.inf)
    return min(range(len(places)), key=lambda i: abs(places[i] - value))
