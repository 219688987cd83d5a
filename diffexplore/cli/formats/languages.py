"""The languages of formulas and of graphs: LaTeX, Python, SVG, and DOT for Graphviz."""

from __future__ import annotations

from collections.abc import Callable

from diffexplore.cli.formats.record import Format, Target, suffix_of
from diffexplore.cli.shown import Shown
from diffexplore.errors import UsageError


def _text(name: str) -> Callable[[Shown, Target], str]:
    return lambda shown, target: shown.texts[name]()


def _check(target: Target) -> None:
    if suffix_of(target.place, SVG.suffixes) is None:
        raise UsageError(f"a graph is drawn as SVG: give --figure a name that ends in .svg, not {target.place!r}")


LATEX = Format("LaTeX", ("derive",), _text("latex"), suffixes=(".tex",))
PYTHON = Format("Python", ("derive",), _text("python"), suffixes=(".py",))
SVG = Format("SVG", ("graph",), _text("svg"), "--svg", (".svg",))
DOT = Format("the DOT language", ("graph",), _text("dot"), "--dot", (".dot", ".gv"))

#: The same by the name that other commands have for their figure.
FIGURE = Format("SVG", ("graph",), _text("svg"), "--figure", to_stdout=False, check=_check)
