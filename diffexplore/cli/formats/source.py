"""The languages of formulas: LaTeX, and Python."""

from __future__ import annotations

from diffexplore.cli.formats.record import Format, Target
from diffexplore.cli.shown import Shown


def _latex(shown: Shown, target: Target) -> str:
    return shown.texts["latex"]()


def _python(shown: Shown, target: Target) -> str:
    return shown.texts["python"]()


LATEX = Format("LaTeX", ("derive",), _latex, suffixes=(".tex",))
PYTHON = Format("Python", ("derive",), _python, suffixes=(".py",))
