"""Figures in a terminal, drawn by plotext, in Unicode or ASCII and without colour."""

from __future__ import annotations

import math
import re
import textwrap
from collections.abc import Sequence
from typing import Any

from diffexplore.figures.records import Axis, Figure, Series
from diffexplore.numerals import plain_exponent
from diffexplore.report.symbols import to_ascii

_ESCAPE = re.compile("\x1b\\[[0-9;]*m")
_BOX = str.maketrans("┌┐└┘├┤┬┴┼─│", "++++||+++-|")

#: A marker for each series, so that they are told apart without colour.
_MARKERS = ("braille", "dot", "x", "o", "+", "-")
_ASCII_MARKERS = ("*", ".", "x", "o", "+", "-")
_FIXED_SPACE = "\N{NO-BREAK SPACE}"
_LETTERS = tuple("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")

#: How a marker of plotext looks in a legend.
_SHOWN = {"braille": "⠤", "dot": "•"}

HEIGHT = 13
_LEAST_WIDTH = 30
_MOST_TICKS = 5


def draw(figure: Figure, width: int, *, height: int = HEIGHT, ascii: bool = False) -> list[str]:
    """The lines of ``figure``, at most ``width`` characters each (30 at least); what each marker means comes last."""
    width = max(width, _LEAST_WIDTH)
    markers = _markers(figure, ascii)
    lines = _drawn(figure, width, height, markers) if any(series.x for series in _series(figure)) else ["  (no points)"]
    lines += _legend(figure, markers, width)
    return [to_ascii(line.translate(_BOX)) for line in lines] if ascii else lines


def _markers(figure: Figure, ascii: bool) -> Sequence[str]:
    """A marker for each series: letters where there are more than signs."""
    signs = _ASCII_MARKERS if ascii else _MARKERS
    return signs if len(_series(figure)) <= len(signs) else _LETTERS


def _series(figure: Figure) -> list[Series]:
    """The layers that a terminal draws."""
    return [layer for layer in figure.layers if isinstance(layer, Series)]


def _drawn(figure: Figure, width: int, height: int, markers: Sequence[str]) -> list[str]:
    import plotext

    plotext.clear_figure()
    plotext.theme("clear")
    plotext.limit_size(False, False)
    plotext.plot_size(width, height)
    for place, series in enumerate(_series(figure)):
        draw_on = plotext.plot if series.joined else plotext.scatter
        x, y = _scaled(series.x, figure.x), _scaled(series.y, figure.y)
        draw_on(x, y, marker=markers[place % len(markers)])
    plotext.xlabel(figure.x.title)
    plotext.title(figure.title)
    _mark(plotext.xticks, [x for series in _series(figure) for x in series.x], figure.x)
    _mark(plotext.yticks, [y for series in _series(figure) for y in series.y], figure.y)
    drawn = _ESCAPE.sub("", plotext.build())
    plotext.clear_figure()
    return [line.rstrip() for line in drawn.splitlines() if line.strip()]


def _scaled(values: Sequence[float], axis: Axis) -> list[float]:
    """Logarithms where the axis has them: plotext's own fail beyond a hundred decades."""
    return [math.log10(value) for value in values] if axis.scale == "log" else list(values)


def _mark(ticks: Any, values: Sequence[float], axis: Axis) -> None:
    """Ticks at round numbers: whole decades of a logarithmic axis that has some, else a few between the ends."""
    low, high = min(values), max(values)
    places = _decades(low, high) if axis.scale == "log" else []
    if len(places) < 2:
        places = _between(low, high, axis)
    ticks(_scaled(places, axis), _labels(places))


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
    return [low + (high - low) * part for part in parts]


def _labels(values: Sequence[float]) -> list[str]:
    """The values in as few digits as tell them apart."""
    for digits in range(4, 17):
        labels = [plain_exponent(f"{value:.{digits}g}") for value in values]
        if len(set(labels)) == len(values):
            break
    return labels


def _legend(figure: Figure, markers: Sequence[str], width: int) -> list[str]:
    """What each marker stands for: a line a series, or all letters in a row."""
    if markers is _LETTERS:
        named = [
            f"{markers[place % len(markers)]}\N{NO-BREAK SPACE}{one.name}" for place, one in enumerate(_series(figure))
        ]
        lines = textwrap.wrap("  ".join(named), width, initial_indent="  ", subsequent_indent="  ")
        return [line.replace("\N{NO-BREAK SPACE}", " ") for line in lines]
    lines = []
    for place, series in enumerate(_series(figure)):
        marker = markers[place % len(markers)]
        words = f"{_SHOWN.get(marker, marker)} {series.name}"
        lines += textwrap.wrap(words, width, initial_indent="  ", subsequent_indent="    ")
    return lines
