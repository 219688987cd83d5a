"""The net under the bounds on formulas: what SymPy, against all counts, does not read in a second is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from diffexplore.errors import UsageError
from diffexplore.formula.budget import Budget, Ending, run_within

_Found = TypeVar("_Found")

#: Nodes of what SymPy makes, part by part (:mod:`diffexplore.formula.made`), and processor time, of which what the
#: counts let through takes a small part.
NET = Budget(operations=200_000, seconds=0.8)


def caught(work: Callable[[], _Found]) -> _Found:
    """What ``work`` returns. Its own exceptions are raised here.

    Raises:
        UsageError: where it makes too many nodes, or runs out of time.
    """
    found: list[_Found] = []
    ending = run_within(NET, lambda: found.append(work()))
    if ending is Ending.TOO_LARGE:
        raise UsageError(
            f"the formula takes too much work to read (SymPy makes more than {NET.operations:,} nodes of its parts): "
            "nest functions and powers less deeply"
        )
    if ending is Ending.OUT_OF_TIME:
        raise UsageError("out of time: SymPy cannot simplify the formula within a second: write it in a simpler form")
    return found[0]
