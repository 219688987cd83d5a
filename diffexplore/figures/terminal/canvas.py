"""The canvas: plotext, with axes of our own limits and without colour."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from fractions import Fraction

from diffexplore.figures.records import Axis, Figure, Range
from diffexplore.figures.terminal.strokes import Stroke
from diffexplore.lists import shortened
from diffexplore.numerals import distinct, plain_exponent

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


_MOST_TICKS = 5

#: Steps between ticks, times a power of ten.
_STEPS = ("1", "2", "2.5", "5")


def ticks(span: Range, axis: Axis) -> tuple[list[float], list[str]]:
    """Places and labels: whole decades of a logarithmic axis that has some, else a few between the ends."""
    places = _decades(*span) if axis.scale == "log" else []
    if len(places) < 2:
        places = _between(*span, axis)
    return places, _labels(places)


def _decades(low: float, high: float) -> list[float]:
    first, last = math.ceil(math.log10(low)), math.floor(math.log10(high))
    stride = max(1, math.ceil((last - first + 1) / _MOST_TICKS))
    return [float(f"1e{power}") for power in range(first, last + 1, stride)]


def _between(low: float, high: float, axis: Axis) -> list[float]:
    if low == high:
        return [low]
    parts = [place / (_MOST_TICKS - 1) for place in range(_MOST_TICKS)]
    if axis.scale == "log":
        return [low * (high / low) ** part for part in parts]
    return _round(low, high) or [low + (high - low) * part for part in parts]


def _round(low: float, high: float) -> list[float]:
    """Multiples of 1, 2, 2.5 or 5 times a power of ten, as many as fit; none where the doubles do not hold them."""
    span = high - low
    if not 1e-300 < span < 1e300:
        return []
    power = math.floor(math.log10(span / _MOST_TICKS))
    for step in (Fraction(digits) * Fraction(10) ** exponent for exponent in (power, power + 1) for digits in _STEPS):
        first, last = math.ceil(Fraction(low) / step), math.floor(Fraction(high) / step)
        if last - first < _MOST_TICKS:
            places = [float(step * place) for place in range(first, last + 1)]
            return places if len(set(places)) > 1 else []
    return []


def _labels(values: Sequence[float]) -> list[str]:
    """The values in as few digits as distinguish them."""
    return distinct(values, range(4, 17), lambda value, digits: plain_exponent(f"{value:.{digits}g}"))
