"""Which names can be symbols of a formula, and which are symbols where they would mean something else.

``gamma``, ``beta``, ``E`` and ``lambda`` are parameters in half of physics. A name that is declared is a symbol
wherever it is not called: of gamma(x)*gamma, the first is the function.
"""

from __future__ import annotations

import ast
import keyword
import re
from collections.abc import Collection, Sequence
from unicodedata import normalize

from diffexplore.errors import UsageError
from diffexplore.functions import FUNCTIONS, RESERVED

MAX_NAME = 40

WORDS = frozenset({"and", "or", "not", "True", "False", "None", "if", "else"})
"""Words of the grammar of formulas, which are never symbols."""

#: Names that mean data to most people.
_DATA = frozenset("x y z t X Y data input inputs target targets label labels mask".split())

_MARK = "declared"


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


def free_letter(names: Collection[str], letters: Sequence[str]) -> str:
    """The first of the letters with which no name begins that is numbered: for names of results, one a number."""
    return next(letter for letter in letters if not any(_is_numbered(name, letter) for name in names))


def _is_numbered(name: str, letter: str) -> bool:
    return name.startswith(letter) and name.removeprefix(letter).isdigit()


def is_likely_data(name: str) -> bool:
    """Whether most people would call an argument data."""
    return name in _DATA or name.rstrip("0123456789_") in _DATA


def with_words(text: str, symbols: Collection[str]) -> str:
    """The text with each word of Python among ``symbols`` written such that Python reads it as a name.

    Python normalises the letters of names, but looks for its words before it does: 𝐥ambda is a name, and means lambda.
    """
    words = [name for name in symbols if keyword.iskeyword(name) and name not in WORDS]
    if not words:
        return text
    return re.sub(rf"\b({'|'.join(words)})\b(?!\s*\()", lambda word: _in_bold(word[0]), text)


def mark_symbols(tree: ast.expr, symbols: Collection[str]) -> None:
    """Let :func:`is_symbol` know which names below ``tree`` are symbols though they are names of functions as well."""
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id in RESERVED]
    called = {node.func for node in ast.walk(tree) if isinstance(node, ast.Call)} if names else set()
    for node in names:
        often = node.id in FUNCTIONS and FUNCTIONS[node.id].often_a_symbol
        if (often or node.id in symbols) and node not in called:
            vars(node)[_MARK] = True


def is_symbol(node: ast.Name) -> bool:
    """Whether a name of a checked tree is a symbol, and not a function or a constant."""
    return node.id not in RESERVED or _MARK in vars(node)


def _in_bold(word: str) -> str:
    """A word whose first letter is that of the mathematical bold alphabet."""
    first, capital = word[0], word[0].isupper()
    start = 0x1D400 if capital else 0x1D41A
    return chr(start + ord(first) - ord("A" if capital else "a")) + word[1:]
