"""Which names can be symbols of a formula."""

from __future__ import annotations

import ast
import keyword

from diffexplore.errors import UsageError
from diffexplore.symbolic.functions import CONSTANTS, FUNCTIONS

MAX_NAME = 40


def check_name(name: str) -> str:
    """``name`` as a formula would read it (in Unicode normal form), if it can be a symbol.

    Raises:
        UsageError: where it is not an identifier, is reserved, too long or begins with an underscore.
    """
    if not isinstance(name, str) or not name.isidentifier():
        raise UsageError(f"{shown(str(name))} cannot name a symbol: use letters, digits and '_'")
    if len(name) > MAX_NAME:
        raise UsageError(f"the name {shown(name)} is longer than {MAX_NAME} characters")
    if keyword.iskeyword(name):
        raise UsageError(f"{name!r} is a word of Python and cannot name a symbol: write '{name}_'")
    if name.startswith("_"):
        raise UsageError(f"the name {name!r} begins with '_': begin it with a letter")
    if name in FUNCTIONS:
        raise UsageError(f"{name!r} is a function of formulas and cannot name a symbol: write '{name}_'")
    if name in CONSTANTS:
        raise UsageError(f"{name!r} is a constant of formulas and cannot name a symbol: write '{name}_'")
    parsed = ast.parse(name, mode="eval").body
    return parsed.id if isinstance(parsed, ast.Name) else name


def shown(text: str) -> str:
    """Text of the user for a message: quoted, and cut where it is long."""
    return repr(text if len(text) <= MAX_NAME else text[: MAX_NAME - 1] + "…")
