"""Curves over whole numbers on a logarithmic scale, as SVG; each is named at its end."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from diffexplore.graphing.svg import Style, document, number, text_at, width_of

_WIDTH, _HEIGHT = 760.0, 440.0
_LEFT, _TOP, _BOTTOM = 84.0, 46.0, 46.0
_SIZE = 12.0
_APART = 16.0  # names of curves, one below the other

_STYLE: Style = {
    "axis": ("stroke: #8c959f", "stroke: #6e7681"),
    "grid": ("stroke: #e4e8ec", "stroke: #21262d"),
    "exponential": ("fill: none; stroke: #cf222e; stroke-width: 2", "fill: none; stroke: #ff7b72; stroke-width: 2"),
    "quadratic": ("fill: none; stroke: #8250df; stroke-width: 2", "fill: none; stroke: #bc8cff; stroke-width: 2"),
    "linear": ("fill: none; stroke: #0969da; stroke-width: 2", "fill: none; stroke: #58a6ff; stroke-width: 2"),
    "exponential-name": ("fill: #a40e26", "fill: #ffa198"),
    "quadratic-name": ("fill: #6639ba", "fill: #d2a8ff"),
    "linear-name": ("fill: #0550ae", "fill: #79c0ff"),
    "exponential-dot": ("fill: #cf222e", "fill: #ff7b72"),
    "quadratic-dot": ("fill: #8250df", "fill: #bc8cff"),
    "linear-dot": ("fill: #0969da", "fill: #58a6ff"),
}


@dataclass(frozen=True)
class Curve:
    """Points in the order of x, drawn in the colour of how they grow."""

    name: str
    points: Sequence[tuple[int, int]]
    growth: Literal["exponential", "quadratic", "linear"]


def figure(title: str, below: str, curves: Sequence[Curve]) -> str:
    """The curves, with powers of ten at the side."""
    right = max(width_of(curve.name, _SIZE) for curve in curves) + 24
    last = max(x for curve in curves for x, _ in curve.points)
    decades = math.ceil(math.log10(max(y for curve in curves for _, y in curve.points)))
    frame = _Frame(right, last, decades)
    body = [text_at(_LEFT, 26, title, size=14, anchor="start", bold=True), *frame.drawn(below)]
    curves = sorted(curves, key=lambda curve: curve.points[-1][0])
    heights = _spread([frame.y(curve.points[-1][1]) for curve in curves])
    for curve, height in zip(curves, heights, strict=True):
        body += _drawn(curve, frame, height)
    return document(_WIDTH, _HEIGHT, title, body, _STYLE)


@dataclass(frozen=True)
class _Frame:
    right: float
    last: int
    decades: int

    def x(self, value: float) -> float:
        return _LEFT + (value - 1) / max(self.last - 1, 1) * (_WIDTH - _LEFT - self.right)

    def y(self, value: float) -> float:
        return _HEIGHT - _BOTTOM - math.log10(value) / self.decades * (_HEIGHT - _TOP - _BOTTOM)

    def drawn(self, below: str) -> Iterator[str]:
        for decade in range(self.decades + 1):
            y = self.y(10**decade)
            kind = "grid" if decade else "axis"
            yield _segment(kind, _LEFT, y, self.x(self.last), y)
            yield text_at(_LEFT - 10, y + 4, f"{10**decade:,}", kind="quiet", size=11, anchor="end")
        for value in range(1, self.last + 1):
            yield text_at(self.x(value), _HEIGHT - _BOTTOM + 18, str(value), kind="quiet", size=11)
        yield text_at((_LEFT + self.x(self.last)) / 2, _HEIGHT - 10, below, kind="quiet", size=11)


def _drawn(curve: Curve, frame: _Frame, height: float) -> Iterator[str]:
    kind = curve.growth
    places = [(frame.x(x), frame.y(y)) for x, y in curve.points]
    path = " ".join(f"{number(x)},{number(y)}" for x, y in places)
    yield f'<polyline class="{kind}" points="{path}"/>'
    for x, y in places:
        yield f'<circle class="{kind}-dot" cx="{number(x)}" cy="{number(y)}" r="2.6"/>'
    x, y = places[-1]
    if curve.points[-1][0] == frame.last:
        yield text_at(x + 10, height + 4, curve.name, kind=f"{kind}-name", size=_SIZE, anchor="start")
    else:  # other curves go on where this one ends
        yield text_at(x - 8, y - 6, curve.name, kind=f"{kind}-name", size=_SIZE, anchor="end")


def _spread(heights: Sequence[float]) -> list[float]:
    """Heights near to those given, far enough apart to be read."""
    order = sorted(range(len(heights)), key=lambda i: heights[i])
    spread = list(heights)
    for above, lower in itertools.pairwise(order):
        spread[lower] = max(spread[lower], spread[above] + _APART)
    return spread


def _segment(kind: str, x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line class="{kind}" x1="{number(x1)}" y1="{number(y1)}" x2="{number(x2)}" y2="{number(y2)}"/>'
