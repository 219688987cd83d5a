"""Figures in a terminal, drawn by plotext, in Unicode or ASCII and without colour."""

from __future__ import annotations

import textwrap

from diffexplore.figures.records import Figure, extent
from diffexplore.figures.terminal.canvas import BOX, drawn
from diffexplore.figures.terminal.strokes import UNBROKEN, Legend, Stroke, lettered, markers, strokes
from diffexplore.typography import to_ascii

__all__ = ["GRID_HEIGHT", "HEIGHT", "draw"]

HEIGHT = 13

#: Lines of a figure that has a grid: two axes need room.
GRID_HEIGHT = 22

_LEAST_WIDTH = 30


def draw(
    figure: Figure, width: int, *, height: int | None = None, ascii: bool = False, dense: bool = False
) -> list[str]:
    """The lines of ``figure``, at most ``width`` characters each (30 at least); what each marker means comes last.

    A ``dense`` one has that in a row, as has one of many layers; else each marker has a line. ``height`` counts the
    lines without these; None is :data:`HEIGHT`, or :data:`GRID_HEIGHT` with a grid.
    """
    width = max(width, _LEAST_WIDTH)
    if height is None:
        height = GRID_HEIGHT if figure.has_grid else HEIGHT
    limits = extent(figure)
    chosen = markers(figure, ascii)
    pen: list[Stroke] = []
    legend: list[Legend] = []
    for layer, marker in zip(figure.layers, chosen, strict=True):
        found, entries_of_layer = strokes(layer, marker, figure, limits, (width, height), ascii)
        pen += found
        legend += entries_of_layer
    lines = ["  (no points)"] if limits is None else drawn(figure, pen, limits, width, height)
    in_a_row = dense or lettered(figure)
    entries = [f"{entry.marker} {entry.words}".strip() for entry in legend]
    if in_a_row:  # no line is broken within an entry that fits one
        entries = ["  ".join(entry.replace(" ", UNBROKEN) for entry in entries)]
    lines += [line for entry in entries for line in _wrapped(entry, width, "  " if in_a_row else "    ")]
    return [to_ascii(line.translate(BOX)) for line in lines] if ascii else lines


def _wrapped(words: str, width: int, indent: str) -> list[str]:
    lines = textwrap.wrap(words, width, initial_indent="  ", subsequent_indent=indent)
    return [line.replace(UNBROKEN, " ") for line in lines]
