"""Which names can be symbols of a formula."""

from __future__ import annotations

from unicodedata import normalize

from diffexplore.errors import UsageError

MAX_NAME = 40

WORDS = frozenset({"and", "or", "not", "True", "False", "None", "if", "else"})
"""Words of the grammar of formulas, which are never symbols."""


def check_name(name: str) -> str:
    """``name`` as a formula would read it (in Unicode normal form), if it can be declared as a symbol.

    Names of functions and constants can, and words of Python such as ``lambda``: what is declared is a symbol wherever
    it is not called.

    Raises:
        UsageError: where it is not an identifier, is a word of formulas, too long or begins with an underscore.
    """
    if not isinstance(name, str) or not name.isidentifier():
        raise UsageError(f"{shown(str(name))} cannot name a symbol: use letters, digits and '_'")
    if len(name) > MAX_NAME:
        raise UsageError(f"the name {shown(name)} is longer than {MAX_NAME} characters")
    if name in WORDS:
        raise UsageError(f"{name!r} is a word of formulas and cannot name a symbol: write '{name}_'")
    if name.startswith("_"):
        raise UsageError(f"the name {name!r} begins with '_': begin it with a letter")
    return normalize("NFKC", name)


def shown(text: str) -> str:
    """Text of the user for a message: quoted, and cut where it is long."""
    return repr(text if len(text) <= MAX_NAME else text[: MAX_NAME - 1] + "…")


#: Names that mean data to most people.
_DATA = frozenset("x y z t X Y data input inputs target targets label labels mask".split())


def is_likely_data(name: str) -> bool:
    """Whether most people would call an argument data."""
    return name in _DATA or name.rstrip("0123456789_") in _DATA
