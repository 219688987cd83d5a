"""The traces of plotly that draw each kind of layer."""

from __future__ import annotations

from typing import Any

from diffexplore.figures.plotly.grids import grid_traces
from diffexplore.figures.plotly.words import legend, safe
from diffexplore.figures.records import Arrows, Band, Bars, Figure, Layer, Rule, Series, ValueGrid
from diffexplore.figures.roles import Style
from diffexplore.numerals import short

#: Plotly's names of lines.
DASHES = {"solid": "solid", "dashed": "dash", "dotted": "dot", "dashdot": "dashdot"}
_SYMBOLS = {
    "circle": "circle", "square": "square", "diamond": "diamond", "triangle": "triangle-down", "star": "star",
    "cross": "x", "ring": "circle-open", "plus": "cross",
}  # fmt: skip

_WIDTH = 2
_EDGE = {"width": 0.8, "color": "#ffffff"}


def traces(layer: Layer, style: Style, figure: Figure) -> list[dict[str, Any]]:
    """The traces of ``layer``; none for a rule, which is a shape of the layout."""
    match layer:
        case Series():
            return [_series(layer, style)]
        case Band():
            return [_band(layer, style)]
        case Arrows():
            return [_arrows(layer, style)]
        case Bars():
            return [_bars(layer, style, figure)]
        case ValueGrid():
            return grid_traces(layer)
        case Rule():
            return []


def _series(series: Series, style: Style) -> dict[str, Any]:
    joined = series.joined and len(series.x) > 1
    trace = _named(series.name) | {"x": series.x, "y": series.y, "mode": "lines" if joined else "markers"}
    if joined:
        trace["line"] = {"color": style.colour, "width": _WIDTH, "dash": DASHES[style.line]}
    else:
        marker = {"color": style.colour, "symbol": _SYMBOLS[style.marker], "size": style.size * 1.3, "line": _EDGE}
        trace["marker"] = marker
    if series.notes:
        trace |= {"hovertext": [safe(note) for note in series.notes], "hoverinfo": "x+y+text+name"}
    return trace


def _band(band: Band, style: Style) -> dict[str, Any]:
    """The outline of the band, there and back."""
    return _named(band.name) | {
        "x": (*band.x, *reversed(band.x)), "y": (*band.high, *reversed(band.low)), "mode": "lines",
        "line": {"width": 0, "color": style.colour}, "fill": "toself",
        "fillcolor": translucent(style.colour, 0.22), "hoverinfo": "skip",
    }  # fmt: skip


def _arrows(arrows: Arrows, style: Style) -> dict[str, Any]:
    """A line from each foot to its tip, and a head there that points away from the foot."""
    places = list(zip(arrows.x, arrows.y, arrows.dx, arrows.dy, strict=True))
    x = [at for foot, _, along, _ in places for at in (foot, foot + along, None)]
    y = [at for _, foot, _, along in places for at in (foot, foot + along, None)]
    head = {"symbol": "arrow", "angleref": "previous", "color": style.colour, "size": [0, 8, 0] * len(places)}
    return _named(arrows.name) | {
        "x": x, "y": y, "mode": "lines+markers", "line": {"color": style.colour, "width": 1}, "marker": head,
        "hoverinfo": "skip",
    }  # fmt: skip


def _bars(bars: Bars, style: Style, figure: Figure) -> dict[str, Any]:
    """The upper edge of the bars, filled below."""
    base, heights = bars.heights(figure.y.scale)
    between = zip(bars.edges, bars.edges[1:], bars.counts, strict=False)
    hovers = [f"{short(low, 3)} to {short(high, 3)}: {count:,}" for low, high, count in between]
    last = len(bars.counts) - 1
    return _named(bars.name) | {
        "x": (bars.edges[0], *bars.edges, bars.edges[-1]) if bars.counts else (),
        "y": (base, *heights, heights[-1], base) if bars.counts else (),
        "mode": "lines",
        "line": {"shape": "hv", "color": style.colour, "width": 1},
        "fill": "tozeroy",
        "fillcolor": translucent(style.colour, 0.5),
        "hovertext": [hovers[min(max(place - 1, 0), last)] for place in range(len(bars.edges) + 2)] if hovers else [],
        "hoverinfo": "text+name",
    }


def _named(name: str) -> dict[str, Any]:
    return {"type": "scatter", "name": legend(name)}


def translucent(colour: str, opacity: float) -> str:
    """``#rrggbb`` with an opacity."""
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity})"
