"""The canvas: plotext, with axes of our own limits and without colour."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from diffexplore.figures.extent import Range
from diffexplore.figures.records import Axis, Figure
from diffexplore.figures.terminal.strokes import Stroke
from diffexplore.figures.terminal.ticks import ticks
from diffexplore.lists import shortened

_ESCAPE = re.compile("\x1b\\[[0-9;]*m")

#: The lines of the frame in ASCII.
BOX = str.maketrans("┌┐└┘├┤┬┴┼─│", "++++||+++-|")


def drawn(figure: Figure, strokes: Sequence[Stroke], limits: tuple[Range, Range], width: int, height: int) -> list[str]:
    """The lines of the canvas, with its title and the title of the x axis."""
    import plotext

    plotext.clear_figure()
    plotext.theme("clear")
    plotext.limit_size(False, False)
    plotext.plot_size(width, height - 1)
    for stroke in strokes:
        if stroke.x:
            draw_on = plotext.plot if stroke.joined else plotext.scatter
            down_to = False if stroke.down_to is None else _scaled([stroke.down_to], figure.y)[0]
            x, y = _scaled(stroke.x, figure.x), _scaled(stroke.y, figure.y)
            draw_on(x, y, marker=stroke.marker, fillx=down_to)
    plotext.xlabel(figure.x.title)
    marked = plotext.active().monitor  # plotext.xticks keeps ticks in a set: the hash seed would order them
    for axis, span, limit, places, labels in (
        (figure.x, limits[0], plotext.xlim, marked.xticks, marked.xlabels),
        (figure.y, limits[1], plotext.ylim, marked.yticks, marked.ylabels),
    ):
        if span[0] < span[1]:
            limit(*_scaled(span, axis))
        at, labels[0] = ticks(span, axis)
        places[0] = _scaled(at, axis)
    built = _ESCAPE.sub("", plotext.build())
    plotext.clear_figure()
    return [_title(figure, width), *(line.rstrip() for line in built.splitlines() if line.strip())]


def _title(figure: Figure, width: int) -> str:
    """The title of the y axis above it, and that of the figure in the middle."""
    label, title = figure.y.title, figure.title
    if len(label) + 2 <= (width - len(title)) // 2:
        return label + title.center(width)[len(label) :].rstrip()
    return shortened(f"{label}  {title}" if label else title, width)


def _scaled(values: Sequence[float], axis: Axis) -> list[float]:
    """Logarithms where the axis has them: plotext's own fail beyond a hundred decades."""
    return [math.log10(value) for value in values] if axis.scale == "log" else list(values)
