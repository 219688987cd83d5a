"""The languages in which a graph can be written: SVG, and DOT for Graphviz."""

from __future__ import annotations

from diffexplore.cli.formats.record import Format, Target
from diffexplore.cli.shown import Shown


def _svg(shown: Shown, target: Target) -> str:
    return shown.texts["svg"]()


def _dot(shown: Shown, target: Target) -> str:
    return shown.texts["dot"]()


SVG = Format("SVG", ("graph",), _svg, "--svg", (".svg",))
DOT = Format("the DOT language", ("graph",), _dot, "--dot", (".dot", ".gv"))
