"""Figures in a terminal, drawn by plotext, in Unicode or ASCII and without colour."""

from __future__ import annotations

import re

from diffexplore.figures.records import Figure, Series
from diffexplore.report.symbols import to_ascii

_ESCAPE = re.compile("\x1b\\[[0-9;]*m")
_BOX = str.maketrans("┌┐└┘├┤┬┴┼─│", "++++||+++-|")

#: A marker for each series, so that they are told apart without colour.
_MARKERS = ("braille", "dot", "x", "o", "+", "-")
_ASCII_MARKERS = ("*", ".", "x", "o", "+", "-")

HEIGHT = 15
_LEAST_WIDTH = 30


def draw(figure: Figure, width: int, *, height: int = HEIGHT, ascii: bool = False) -> list[str]:
    """The lines of ``figure``, at most ``width`` characters each (30 at least); what each marker means comes last."""
    import plotext

    width = max(width, _LEAST_WIDTH)
    markers = _ASCII_MARKERS if ascii else _MARKERS
    plotext.clear_figure()
    plotext.theme("clear")
    plotext.limit_size(False, False)
    plotext.plot_size(width, height)
    for place, series in enumerate(figure.series):
        _add(plotext, series, markers[place % len(markers)])
    plotext.xscale(figure.x.scale)
    plotext.yscale(figure.y.scale)
    plotext.xlabel(figure.x.title)
    plotext.title(figure.title)
    drawn = _ESCAPE.sub("", plotext.build())
    plotext.clear_figure()
    lines = [line.rstrip() for line in drawn.splitlines()]
    lines = [line for line in lines if line]
    lines += _legend(figure, markers)
    return [to_ascii(line.translate(_BOX)) for line in lines] if ascii else lines


def _add(plotext: object, series: Series, marker: str) -> None:
    draw_on = plotext.plot if series.joined else plotext.scatter  # type: ignore[attr-defined]  # a module without types
    draw_on(list(series.x), list(series.y), marker=marker)


def _legend(figure: Figure, markers: tuple[str, ...]) -> list[str]:
    signs = {"braille": "⠤", "dot": "•"}
    named = [
        f"{signs.get(markers[place % len(markers)], markers[place % len(markers)])} {series.name}"
        for place, series in enumerate(figure.series)
    ]
    return [f"  {'   '.join(named)}"] if named else []
