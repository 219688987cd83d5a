"""Where the C++ helpers that formulas call are entered under their names, each with its citation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

HELPERS: dict[str, Callable[..., Any]] = {}
"""Name → its formula, from SymPy arguments."""

CITATIONS: dict[str, str] = {}
"""Name → where its formula comes from, and the formula as it stands there."""

_SOURCES = {"Manual": "FunctionsManual.cpp", "kernel": "CPU kernel"}


def helper(citation: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Enters a function under its name; the citation is ``source: formula``, with a short name for the source."""
    source, _, formula = citation.partition(": ")

    def enter(function: Callable[..., Any]) -> Callable[..., Any]:
        HELPERS[function.__name__] = function
        CITATIONS[function.__name__] = f"{function.__name__} ({_SOURCES.get(source, source)}): {formula}"
        return function

    return enter
