"""The languages in which a graph can be written: SVG, and DOT for Graphviz."""

from __future__ import annotations

from diffexplore.cli.formats.record import Format, Target, suffix_of
from diffexplore.cli.shown import Shown
from diffexplore.errors import UsageError


def _svg(shown: Shown, target: Target) -> str:
    return shown.texts["svg"]()


def _dot(shown: Shown, target: Target) -> str:
    return shown.texts["dot"]()


def _check(target: Target) -> None:
    if suffix_of(target.place, SVG.suffixes) is None:
        raise UsageError(f"a graph is drawn as SVG: give --figure a name that ends in .svg, not {target.place!r}")


SVG = Format("SVG", ("graph",), _svg, "--svg", (".svg",))
DOT = Format("the DOT language", ("graph",), _dot, "--dot", (".dot", ".gv"))

#: The same by the name that other commands have for their figure.
FIGURE = Format("SVG", ("graph",), _svg, "--figure", to_stdout=False, check=_check)
