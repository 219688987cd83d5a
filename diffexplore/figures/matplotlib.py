"""Figures for files and notebooks, drawn by matplotlib: PNG, SVG and PDF."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from diffexplore.errors import UsageError
from diffexplore.figures.records import Arrows, Band, Bars, Figure, Layer, Rule, Series, ValueGrid
from diffexplore.figures.roles import STYLES, VERMILLION, Style, styles
from diffexplore.lists import listed
from diffexplore.numerals import distinct

#: What matplotlib writes, by the suffix of the file.
SUFFIXES = (".png", ".svg", ".pdf")

_LINES = {"solid": "-", "dashed": "--", "dotted": ":", "dashdot": "-."}
_MARKERS = {
    "circle": "o", "square": "s", "diamond": "D", "triangle": "v", "star": "*", "cross": "X", "ring": "h", "plus": "P",
}  # fmt: skip

_MISSING = 'plots need matplotlib: python -m pip install "diffexplore[plot]"'

_COLOURS = "viridis"  # even in lightness: the same to people with any colour vision
_WIDTH, _HEIGHT, _GRID_HEIGHT = 7.2, 4.4, 5.4
_MOST_TICKS = 8
_DOTS_PER_INCH = 150

#: Layers that a legend inside the axes has room for; more have one above, in columns that fill a line of characters.
_MOST_INSIDE, _MOST_COLUMNS, _LINE_OF_LABELS = 4, 5, 90


def draw(figure: Figure, *more: Figure) -> Any:
    """Figures as a ``matplotlib.figure.Figure`` without a window: two below each other, of more two in each row.

    Raises :class:`UsageError` with the command that installs matplotlib where it is missing.
    """
    _imported()
    from diffexplore.figures.canvas import Canvas

    figures = (figure, *more)
    columns = 1 if len(figures) <= 2 else 2
    rows = [figures[place : place + columns] for place in range(0, len(figures), columns)]
    heights = [max(_GRID_HEIGHT if one.has_grid else _HEIGHT for one in row) for row in rows]
    canvas = Canvas(
        figsize=(columns * _WIDTH, sum(heights)), layout="constrained", label="; ".join(one.title for one in figures)
    )
    parts = canvas.subfigures(len(rows), columns, height_ratios=heights, squeeze=False).flat if more else [canvas]
    for part, one in zip(parts, figures, strict=False):
        _draw_on(part, one)
    return canvas


def _draw_on(canvas: Any, figure: Figure) -> None:
    axes = canvas.subplots()
    axes.set(xscale=figure.x.scale, yscale=figure.y.scale)
    for place, (layer, style) in enumerate(zip(figure.layers, styles(figure), strict=True)):
        _layer(axes, layer, style, figure, place)
    axes.set(title=_plain(figure.title), xlabel=_plain(figure.x.title), ylabel=_plain(figure.y.title))
    if figure.equal:
        axes.set_aspect("equal", adjustable="datalim")
    if not figure.has_grid:
        axes.grid(alpha=0.25)
    _explain(canvas, axes)
    canvas.supxlabel(_plain("\n".join(textwrap.wrap(figure.caption, 100))), fontsize="small", color="#555555")


def _explain(canvas: Any, axes: Any) -> None:
    """What the layers are: inside where there are few, above the axes where many would cover the points."""
    handles, labels = axes.get_legend_handles_labels()
    if not handles:
        return
    if len(handles) <= _MOST_INSIDE:
        axes.legend(fontsize="small", framealpha=0.85)
        return
    columns = max(1, min(_MOST_COLUMNS, _LINE_OF_LABELS // max(map(len, labels))))
    canvas.legend(handles, labels, loc="outside upper center", ncols=columns, fontsize="small", frameon=False)


def to_bytes(suffix: str, figure: Figure, *more: Figure) -> bytes:
    """The file of figures; the same bytes for the same figures: no dates, no random identifiers.

    Raises UsageError for a ``suffix`` that is not in :data:`SUFFIXES`, and where matplotlib is missing.
    """
    if suffix not in SUFFIXES:
        raise UsageError(f"a figure is written as {listed(SUFFIXES, 'or')}, not {suffix!r}")
    canvas = draw(figure, *more)
    import matplotlib

    undated: Mapping[str, Any] = {".png": {}, ".svg": {"Date": None}, ".pdf": {"CreationDate": None}}[suffix]
    page = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": "diffexplore", "svg.fonttype": "path"}):
        canvas.savefig(page, format=suffix[1:], dpi=_DOTS_PER_INCH, metadata=undated)
    return page.getvalue()


def save(path: str | Path, figure: Figure, *more: Figure) -> None:
    """Write figures to ``path``, by its suffix; raises as :func:`to_bytes`."""
    Path(path).write_bytes(to_bytes(Path(path).suffix.lower(), figure, *more))


def check_installed() -> None:
    """Raises UsageError with the command that installs matplotlib where it is missing; without importing it."""
    if find_spec("matplotlib") is None:
        raise UsageError(_MISSING)


def _imported() -> None:
    try:
        import matplotlib.figure  # noqa: F401  # only whether it can be imported
    except ImportError:
        raise UsageError(_MISSING) from None


def _layer(axes: Any, layer: Layer, style: Style, figure: Figure, place: int) -> None:
    name, colour = _plain(layer.name), style.colour
    match layer:
        case Series():
            line = _LINES[style.line] if layer.joined and len(layer.x) > 1 else ""
            marker = "" if line else _MARKERS[style.marker]
            axes.plot(
                layer.x, layer.y, linestyle=line, marker=marker, color=colour, markersize=style.size, label=name,
                markeredgecolor="white", markeredgewidth=0.6, zorder=3 + place / 100,
            )  # fmt: skip
        case Band():
            axes.fill_between(layer.x, layer.low, layer.high, color=colour, alpha=0.22, linewidth=0, label=name)
        case Rule():
            across = axes.axvline if layer.along == "x" else axes.axhline
            across(layer.at, linestyle=_LINES[style.line], color=colour, label=name)
        case Bars():
            if not layer.counts:
                return
            bottom, heights = layer.heights(figure.y.scale)
            axes.stairs(heights, layer.edges, baseline=bottom, fill=True, color=colour, alpha=0.75, label=name)
        case Arrows():
            axes.quiver(
                layer.x, layer.y, layer.dx, layer.dy, angles="xy", scale_units="xy", scale=1, color=colour,
                width=0.003, label=name, zorder=2.5,
            )  # fmt: skip
        case ValueGrid():
            _grid(axes, layer, figure)


def _grid(axes: Any, grid: ValueGrid, figure: Figure) -> None:
    from matplotlib.colors import BoundaryNorm, LogNorm, Normalize

    known = grid.scaled
    if not known:
        return
    lowest, highest = min(known), max(known)
    values = [[float("nan") if value is None else value for value in row] for row in grid.values]
    levels, surface = sorted(grid.levels), len(grid.x) > 1 and len(grid.y) > 1
    contours = len(levels) > 1 and surface
    if contours:
        norm: Normalize = BoundaryNorm(levels, 256, extend="both")
        looks = {"cmap": _COLOURS, "extend": "both", "alpha": 0.75}
        filled = axes.contourf(grid.x, grid.y, values, levels=levels, norm=norm, **looks)
    else:
        norm = (LogNorm if grid.scale == "log" and lowest < highest else Normalize)(lowest, highest)
        filled = axes.pcolormesh(grid.x, grid.y, values, cmap=_COLOURS, norm=norm, shading="nearest")
    inside = [level for level in levels if lowest < level < highest]
    if inside and surface:
        lines = axes.contour(grid.x, grid.y, values, levels=inside, colors="white", linewidths=0.7)
        axes.clabel(lines, fontsize="x-small", fmt="%.3g")
    scale = axes.figure.colorbar(filled, ax=axes, label=_plain(grid.title))
    if contours:  # each colour as high as every other, however the levels are spaced
        shown = levels[:: -(-len(levels) // _MOST_TICKS)]
        scale.set_ticks(shown, labels=distinct(shown, range(3, 10)))
        scale.minorticks_off()
    _note(axes, grid)


def _note(axes: Any, grid: ValueGrid) -> None:
    """A marker at each place that has a note, and the note in the legend."""
    for at, (words, places) in enumerate(grid.noted.items()):
        marker = list(_MARKERS.values())[(5 + at) % len(_MARKERS)]
        looks = {"color": VERMILLION, "edgecolors": "white", "s": STYLES["bad"].size ** 2 / 2, "zorder": 2.8}
        axes.scatter(*zip(*places, strict=True), marker=marker, label=_plain(words), **looks)


def _plain(words: str) -> str:
    """Words that matplotlib does not read as its own language for formulas."""
    return words.replace("$", r"\$")
