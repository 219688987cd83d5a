"""Figures in a terminal, drawn by plotext, in Unicode or ASCII and without colour."""

from __future__ import annotations

import textwrap

from diffexplore.figures.extent import extent
from diffexplore.figures.records import Figure, ValueGrid
from diffexplore.figures.terminal.canvas import BOX, drawn
from diffexplore.figures.terminal.markers import lettered, markers
from diffexplore.figures.terminal.strokes import UNBROKEN, Legend, Stroke, strokes
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
        height = GRID_HEIGHT if any(isinstance(layer, ValueGrid) for layer in figure.layers) else HEIGHT
    limits = extent(figure)
    chosen = markers(figure, ascii)
    pen: list[Stroke] = []
    legend: list[Legend] = []
    for layer, marker in zip(figure.layers, chosen, strict=True):
        found, said = strokes(layer, marker, figure, limits, (width, height), ascii)
        pen += found
        legend += said
    lines = ["  (no points)"] if limits is None else drawn(figure, pen, limits, width, height)
    in_a_row = dense or lettered(figure)
    lines += _row(legend, width) if in_a_row else [line for entry in legend for line in _legend(entry, width)]
    return [to_ascii(line.translate(BOX)) for line in lines] if ascii else lines


def _row(legend: list[Legend], width: int) -> list[str]:
    """What all markers stand for, one after the other; no line is broken within an entry that fits one."""
    entries = "  ".join(f"{entry.marker} {entry.words}".strip().replace(" ", UNBROKEN) for entry in legend)
    lines = textwrap.wrap(entries, width, initial_indent="  ", subsequent_indent="  ")
    return [line.replace(UNBROKEN, " ") for line in lines]


def _legend(entry: Legend, width: int) -> list[str]:
    """What a marker stands for."""
    words = f"{entry.marker} {entry.words}".strip()
    lines = textwrap.wrap(words, width, initial_indent="  ", subsequent_indent="    ")
    return [line.replace(UNBROKEN, " ") for line in lines]
