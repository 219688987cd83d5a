"""Where the C++ helpers that formulas call are entered under their names, each with its citation.

What a helper computes changes from one version of torch to the next, without a trace in ``derivatives.yaml``. So a
helper may be entered several times: with the version since which it is so, and the entries that call this overload.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Version = tuple[int, int]
"""A release of torch, such as (2, 13)."""


@dataclass(frozen=True)
class AuditHelper:
    """A formula from SymPy arguments, and its citation: where it comes from, and the formula as it stands there.

    It holds from the version ``since`` on, for the entries of these names; for all where there are none.
    """

    formula: Callable[..., Any]
    citation: str
    since: Version
    entries: tuple[str, ...]

    def is_of(self, entry: str, version: Version | None) -> bool:
        """Whether it is what ``entry`` calls in a torch of this version; None is one that is not known."""
        new_enough = self.since == _ALWAYS if version is None else self.since <= version
        return new_enough and (not self.entries or entry in self.entries)


_ALWAYS = (0, 0)

HELPERS: dict[str, tuple[AuditHelper, ...]] = {}
"""Name → what has been entered under it, in the order of versions."""

_SOURCES = {"Manual": "FunctionsManual.cpp", "kernel": "CPU kernel"}


def helper(
    citation: str, *, name: str = "", since: Version = _ALWAYS, entries: tuple[str, ...] = ()
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Enters a function under ``name``, or its own; the citation is ``source: formula``, with a short name of it."""
    source, _, formula = citation.partition(": ")

    def enter(function: Callable[..., Any]) -> Callable[..., Any]:
        called = name or function.__name__
        cited = f"{called} ({_SOURCES.get(source, source)}): {formula}"
        HELPERS[called] = (*HELPERS.get(called, ()), AuditHelper(function, cited, since, entries))
        return function

    return enter


def helpers_of(entry: str, version: Version | None) -> Mapping[str, AuditHelper]:
    """What an entry of a torch of this version calls by each name: of several that fit, the last one."""
    fitting = {name: [one for one in entered if one.is_of(entry, version)] for name, entered in HELPERS.items()}
    return {name: found[-1] for name, found in fitting.items() if found}
