"""The net under the bounds on formulas: what SymPy, against all counts, does not read in a second is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from diffexplore.errors import UsageError
from diffexplore.symbolic.budget import Budget, Ending, run_within

_Found = TypeVar("_Found")

#: Processor time. What the counts of :mod:`diffexplore.symbolic.effort` let through takes a small part of it.
NET = Budget(operations=1_000_000, seconds=0.8)


def caught(work: Callable[[], _Found]) -> _Found:
    """What ``work`` returns. Raises UsageError where it runs out of time; its own exceptions are raised here."""
    found: list[_Found] = []
    if run_within(NET, lambda: found.append(work())) is not Ending.DONE:
        raise UsageError("out of time: SymPy cannot simplify the formula within a second: write it in a simpler form")
    return found[0]
