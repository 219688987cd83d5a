"""Where the C++ helpers that formulas call are entered under their names, each with its citation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

HELPERS: dict[str, Callable[..., Any]] = {}
"""Name → its formula, from SymPy arguments."""

CITATIONS: dict[str, str] = {}
"""Name → where its formula comes from, in words."""


def helper(citation: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Enters a function under its name."""

    def enter(function: Callable[..., Any]) -> Callable[..., Any]:
        HELPERS[function.__name__] = function
        CITATIONS[function.__name__] = citation
        return function

    return enter
