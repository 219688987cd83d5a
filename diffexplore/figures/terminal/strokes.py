"""What a terminal draws of each kind of layer: points and lines of one character, and the words of the legend."""

from __future__ import annotations

import itertools
import math
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from diffexplore.figures.records import Arrows, Band, Bars, Figure, Layer, Range, Role, Rule, Series, ValueGrid, shown
from diffexplore.figures.terminal.shades import ASCII_SHADES, NOTED, SHADES, Shade, even, shaded

#: Directions by eighths of a turn, from the right on against the clock.
_ARROWS, _ASCII_ARROWS = "→↗↑↖←↙↓↘", ">/^\\</v\\"

#: A space at which no line is broken.
UNBROKEN = "\u00a0"

Limits = tuple[Range, Range]


@dataclass(frozen=True)
class Stroke:
    """Points with one marker, joined or not; ``down_to`` is the y to which columns go down from them."""

    x: Sequence[float]
    y: Sequence[float]
    marker: str
    joined: bool = False
    down_to: float | None = None


@dataclass(frozen=True)
class Legend:
    """What a marker stands for."""

    marker: str
    words: str


def strokes(
    layer: Layer, marker: str, figure: Figure, limits: Limits | None, size: tuple[int, int], ascii: bool
) -> tuple[list[Stroke], list[Legend]]:
    """The strokes of ``layer`` inside ``limits`` on a canvas of at most ``size`` characters, and its legend."""
    if isinstance(layer, ValueGrid):
        shades = [] if limits is None else shaded(layer, figure, limits, size, ascii)
        return [Stroke(shade.x, shade.y, shade.marker) for shade in shades], _grid_legend(layer, shades)
    drawn: list[Stroke] = []
    if limits is not None:
        match layer:
            case Series():
                drawn = [_points(layer.x, layer.y, figure, marker, layer.joined)]
            case Band():
                drawn = [_columns(layer, figure, limits, size, marker)]
            case Rule():
                drawn = [_rule(layer, limits, marker)]
            case Bars():
                drawn = [_outline(layer, figure, marker)]
            case Arrows():
                drawn = _directions(layer, limits, size, _ASCII_ARROWS if ascii else _ARROWS)
    return drawn, [Legend(_legend_marker(layer, marker, ascii), layer.name)]


def _legend_marker(layer: Layer, marker: str, ascii: bool) -> str:
    if isinstance(layer, Arrows):
        return "->" if ascii else "→"
    return SHOWN.get(marker, marker)


def _points(x: Sequence[float], y: Sequence[float], figure: Figure, marker: str, joined: bool) -> Stroke:
    kept = [(a, b) for a, b in zip(x, y, strict=True) if shown(a, figure.x) and shown(b, figure.y)]
    return Stroke([a for a, _ in kept], [b for _, b in kept], marker, joined)


def _columns(band: Band, figure: Figure, limits: Limits, size: tuple[int, int], marker: str) -> Stroke:
    """A column of characters between both curves, over each x."""
    rows = even(limits[1], figure.y, 2 * size[1])
    x: list[float] = []
    y: list[float] = []
    for at, low, high in zip(band.x, band.low, band.high, strict=True):
        inside = [low, *(row for row in rows if low <= row <= high), high]
        inside = [row for row in inside if shown(row, figure.y) and shown(at, figure.x)]
        x += [at] * len(inside)
        y += inside
    return Stroke(x, y, marker)


def _rule(rule: Rule, limits: Limits, marker: str) -> Stroke:
    if rule.along == "x":
        return Stroke([rule.at] * 2, list(limits[1]), marker, joined=True)
    return Stroke(list(limits[0]), [rule.at] * 2, marker, joined=True)


def _outline(bars: Bars, figure: Figure, marker: str) -> Stroke:
    """The upper edge of the bars, from which columns go down."""
    base, heights = bars.heights(figure.y.scale)
    x = [edge for pair in itertools.pairwise(bars.edges) for edge in pair]
    y = [float(height) for height in heights for _ in range(2)]
    kept = [(a, b) for a, b in zip(x, y, strict=True) if shown(a, figure.x)]
    return Stroke([a for a, _ in kept], [b for _, b in kept], marker, joined=True, down_to=base)


def _directions(arrows: Arrows, limits: Limits, size: tuple[int, int], signs: str) -> list[Stroke]:
    """A sign at the foot of each arrow, for the eighth of a turn in which it is seen on the canvas."""
    width, height = (high - low or 1.0 for low, high in limits)
    found: dict[str, tuple[list[float], list[float]]] = {}
    for x, y, dx, dy in zip(arrows.x, arrows.y, arrows.dx, arrows.dy, strict=True):
        if dx or dy:
            turn = math.atan2(dy / height * size[1] * 2, dx / width * size[0])  # a character is twice as high as wide
            at = found.setdefault(signs[round(turn / (math.pi / 4)) % 8], ([], []))
            at[0].append(x)
            at[1].append(y)
    return [Stroke(x, y, sign) for sign, (x, y) in found.items()]


def _grid_legend(grid: ValueGrid, shades: Sequence[Shade]) -> list[Legend]:
    message = ", ".join(
        f"{shade.marker.strip() or 'blank'}{UNBROKEN}{shade.words}" for shade in shades if not shade.note
    )
    notes = [Legend(shade.marker, shade.words) for shade in shades if shade.note]
    return [Legend("", f"{grid.title}: {message}" if message else grid.title), *notes]


#: Of a role the marker in Unicode and in ASCII. "braille" is plotext's line of dots, eight to a character.
_OF_ROLE: Mapping[Role, tuple[str, str]] = {
    "plain": ("braille", "*"), "measured": ("•", "o"), "predicted": ("·", "."), "bound": ("-", "-"),
    "truth": ("=", "="), "chosen": ("|", "|"), "data": ("∘", "o"), "start": ("S", "S"), "end": ("E", "E"),
    "optimum": ("X", "X"), "bad": ("!", "!"),
}  # fmt: skip

#: What a layer takes whose marker another layer has.
_FURTHER = ("•", "x", "o", "+", "-", "%", "=", "~", "&", "^")
_ASCII_FURTHER = (".", "x", "o", "+", "-", "%", "=", "~", "&", "^")

#: Of more layers than this, each has a letter, and the legend has them in a row.
_MOST_SIGNS = 8
LETTERS = tuple(string.ascii_letters)

#: How a marker of plotext looks in a legend.
SHOWN = {"braille": "⠤"}


def markers(figure: Figure, ascii: bool) -> list[str]:
    """A marker for each layer; grids have shades and arrows have directions instead, and an empty one."""
    if lettered(figure):
        letters = itertools.cycle(LETTERS)
        return ["" if isinstance(layer, ValueGrid | Arrows) else next(letters) for layer in figure.layers]
    taken = list(ASCII_SHADES if ascii else SHADES) + list(NOTED) if figure.has_grid else []
    found = []
    for layer in figure.layers:
        marker = "" if isinstance(layer, ValueGrid | Arrows) else _free(_preferred(layer, ascii), taken, ascii)
        found.append(marker)
        taken.append(marker)
    return found


def lettered(figure: Figure) -> bool:
    """Whether there are more layers than signs that are easily distinguished."""
    return sum(not isinstance(layer, ValueGrid | Arrows) for layer in figure.layers) > _MOST_SIGNS


def _preferred(layer: Series | Band | Rule | Bars, ascii: bool) -> str:
    if isinstance(layer, Bars):
        return "#" if ascii else "█"
    if isinstance(layer, Rule):
        return "|" if layer.along == "x" else "-"
    return _OF_ROLE[layer.role][ascii]


def _free(requested: str, taken: Sequence[str], ascii: bool) -> str:
    """``requested``, or the first further one that is free; where all are taken they begin again."""
    further = _ASCII_FURTHER if ascii else _FURTHER
    free = (marker for marker in (requested, *further) if marker not in taken)
    return next(free, further[len(taken) % len(further)])
