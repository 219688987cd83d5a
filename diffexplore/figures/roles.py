"""How the layers of a figure look: a line, a marker and a colour for each role, the same in every figure.

The colours are those of Okabe and Ito ("Color Universal Design", 2008), distinguished by people with any colour vision.
Orange, sky blue and reddish purple are darkened here, so that each colour has a contrast of 3 : 1 at least with a white
page and with a dark one. No role is distinguished from another by colour alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, get_args

from diffexplore.figures.records import Figure, Role, ValueGrid

Line = Literal["solid", "dashed", "dotted", "dashdot"]
Marker = Literal["circle", "square", "diamond", "triangle", "star", "cross", "ring", "plus"]

BLUE, VERMILLION, GREEN = "#0072b2", "#d55e00", "#009e73"
ORANGE, PURPLE, SKY, GREY = "#b87b00", "#c0679a", "#2f8fcc", "#7a7f87"

#: In which order layers of one role differ, from the colour and the marker of the role on.
PALETTE = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY, GREY)
MARKERS: tuple[Marker, ...] = get_args(Marker)
_LINES: tuple[Line, ...] = get_args(Line)


@dataclass(frozen=True)
class Style:
    """``colour`` is #rrggbb; ``size`` is the diameter of a marker in points."""

    colour: str
    line: Line
    marker: Marker
    size: float = 6


STYLES: Mapping[Role, Style] = {
    "plain": Style(BLUE, "solid", "circle"),
    "measured": Style(GREEN, "solid", "circle"),
    "predicted": Style(ORANGE, "dashed", "diamond"),
    "bound": Style(GREY, "dotted", "triangle"),
    "truth": Style(PURPLE, "dashdot", "square"),
    "chosen": Style(VERMILLION, "dashdot", "diamond", 9),
    "data": Style(SKY, "dotted", "circle", 5),
    "start": Style(ORANGE, "solid", "square", 11),
    "end": Style(BLUE, "solid", "diamond", 11),
    "optimum": Style(GREEN, "dashed", "star", 14),
    "bad": Style(VERMILLION, "dotted", "cross", 9),
}


def styles(figure: Figure) -> tuple[Style, ...]:
    """The style of each layer: that of its role, and further on in the palette for each layer that shares it."""
    seen: dict[Role, int] = {}
    found = []
    for layer in figure.layers:
        if isinstance(layer, ValueGrid):  # a ground, which has colours of its own
            found.append(STYLES["plain"])
            continue
        found.append(_shifted(STYLES[layer.role], seen.get(layer.role, 0)))
        seen[layer.role] = seen.get(layer.role, 0) + 1
    return tuple(found)


def _shifted(style: Style, places: int) -> Style:
    if not places:
        return style
    colour = PALETTE[(PALETTE.index(style.colour) + places) % len(PALETTE)]
    marker = MARKERS[(MARKERS.index(style.marker) + places) % len(MARKERS)]
    line = _LINES[(_LINES.index(style.line) + places // len(PALETTE)) % len(_LINES)]
    return replace(style, colour=colour, marker=marker, line=line)
