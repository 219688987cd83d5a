"""Figures for files and notebooks, drawn by matplotlib."""

from __future__ import annotations

from typing import Any

from diffexplore.errors import UsageError
from diffexplore.figures.records import Figure, Series


def draw(figure: Figure) -> Any:
    """``figure`` as a ``matplotlib.figure.Figure``, without a window.

    Raises :class:`UsageError` with the command that installs matplotlib where it is missing.
    """
    try:
        from matplotlib.figure import Figure as Canvas
    except ImportError:
        raise UsageError('plots need matplotlib: python -m pip install "diffexplore[plot]"') from None
    canvas = Canvas(layout="constrained")
    axes = canvas.subplots()
    lines = [layer for layer in figure.layers if isinstance(layer, Series)]
    for series in lines:
        axes.plot(series.x, series.y, "-" if series.joined else "o", label=series.name)
    axes.set(
        title=figure.title, xlabel=figure.x.title, ylabel=figure.y.title, xscale=figure.x.scale, yscale=figure.y.scale
    )
    if len(lines) > 1:
        axes.legend()
    canvas.text(0.5, -0.02, figure.caption, ha="center", va="top", wrap=True, fontsize="small")
    return canvas
