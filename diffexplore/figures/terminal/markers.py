"""The character of each layer, by its role, so that layers are told apart without colour."""

from __future__ import annotations

import itertools
import string
from collections.abc import Mapping, Sequence

from diffexplore.figures.records import Arrows, Band, Bars, Figure, Role, Rule, Series, ValueGrid
from diffexplore.figures.terminal.shades import ASCII_SHADES, NOTED, SHADES

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
    """Whether there are more layers than signs that are easily told apart."""
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
