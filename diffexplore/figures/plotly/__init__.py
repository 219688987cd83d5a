"""Figures for pages and notebooks, as plotly's JSON: a trace for each layer, and a layout.

Plotly's JavaScript draws them; its Python package is needed for the script itself and in notebooks. Backgrounds are
transparent, and grids and letters of a middle grey, so that a figure fits a light and a dark page.
"""

from __future__ import annotations

import math
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from diffexplore.documents import plain
from diffexplore.errors import UsageError
from diffexplore.figures.plotly.traces import DASHES, traces
from diffexplore.figures.plotly.words import legend, safe
from diffexplore.figures.records import Axis, Figure, Range, Rule, extent
from diffexplore.figures.roles import Style, styles

__all__ = ["notebook", "spec"]

INK, GRID_LINE = "#777e87", "rgba(128,128,128,0.25)"

#: The room between what is drawn and the frame, as a part of the whole.
_MARGIN = 0.03
_MOST_DECADES = 8
_HEIGHT, _GRID_HEIGHT = 380, 480


def spec(figure: Figure, *, titled: bool = False) -> dict[str, Any]:
    """``figure`` as ``{"data": […], "layout": {…}}`` for ``Plotly.newPlot``; with its title where no page shows that.

    Plain values without NaN. Texts are escaped for plotly, which reads a little HTML.
    """
    drawn = styles(figure)
    data = [trace for layer, style in zip(figure.layers, drawn, strict=True) for trace in traces(layer, style, figure)]
    found: dict[str, Any] = plain({"data": data, "layout": _layout(figure, drawn, titled)})
    return found


def notebook(figure: Figure) -> Any:
    """``figure`` as a ``plotly.graph_objects.Figure``, which a notebook shows."""
    from plotly.graph_objects import Figure as Shown

    return Shown(spec(figure, titled=True))


def _layout(figure: Figure, drawn: tuple[Style, ...], titled: bool) -> dict[str, Any]:
    limits = extent(figure)
    x = _axis(figure.x, limits and limits[0], tight=figure.has_grid)
    y = _axis(figure.y, limits and limits[1], tight=figure.has_grid)
    if figure.equal:
        y |= {"scaleanchor": "x", "scaleratio": 1}
    shapes = [_rule(layer, style) for layer, style in zip(figure.layers, drawn, strict=True) if isinstance(layer, Rule)]
    return {
        "xaxis": x, "yaxis": y, "shapes": shapes, "height": _GRID_HEIGHT if figure.has_grid else _HEIGHT,
        "margin": {"l": 60, "r": 20, "t": 50 if titled else 20, "b": 50}, "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)", "font": {"color": INK, "size": 13},
        "legend": {"orientation": "h", "x": 0, "yref": "container", "y": 0, "yanchor": "bottom"}, "showlegend": True,
        "hovermode": "closest",
        "modebar": {"orientation": "v", "bgcolor": "rgba(0,0,0,0)", "color": INK, "activecolor": INK},
    } | ({"title": {"text": safe(figure.title)}} if titled else {})  # fmt: skip


def _axis(axis: Axis, limits: Range | None, *, tight: bool) -> dict[str, Any]:
    """The axis with the range of all layers: plotly's own leaves out the rules."""
    found: dict[str, Any] = {
        "title": {"text": safe(axis.title)}, "type": axis.scale, "gridcolor": GRID_LINE, "zeroline": False,
        "linecolor": INK, "ticks": "outside", "tickcolor": GRID_LINE, "automargin": True,
        "exponentformat": "power" if axis.scale == "log" else "e",
    }  # fmt: skip
    if limits is not None and limits[0] < limits[1]:
        found["range"] = _with_room(limits, axis, 0.0 if tight else _MARGIN)
        if axis.scale == "log" and (decades := math.log10(limits[1] / limits[0])) >= 2:
            found["dtick"] = math.ceil(decades / _MOST_DECADES)  # whole decades only
    return found


def _with_room(limits: Range, axis: Axis, margin: float) -> list[float]:
    low, high = (math.log10(limit) if axis.scale == "log" else limit for limit in limits)
    room = (high - low) * margin
    return [low - room, high + room]


def _rule(rule: Rule, style: Style) -> dict[str, Any]:
    """A line from edge to edge, with its place in the legend."""
    along, across = ("x", "y") if rule.along == "x" else ("y", "x")
    return {
        "type": "line", f"{along}0": rule.at, f"{along}1": rule.at, f"{across}0": 0, f"{across}1": 1,
        f"{across}ref": "paper", "line": {"color": style.colour, "width": 1.8, "dash": DASHES[style.line]},
        "name": legend(rule.name), "showlegend": True,
    }  # fmt: skip


@cache
def script() -> str:
    """The library in one piece, without importing the package.

    Raises :class:`UsageError` with the command that installs it where it is missing.
    """
    found = find_spec("plotly")
    if found is None or found.origin is None:
        raise UsageError("pages with figures need plotly: python -m pip install plotly")
    return (Path(found.origin).parent / "package_data" / "plotly.min.js").read_text(encoding="utf-8")
