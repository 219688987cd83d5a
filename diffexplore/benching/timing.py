"""Timing that is fair to all: the methods take turns, so that what slows the machine down slows each of them."""

from __future__ import annotations

import gc
import statistics
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from diffexplore.methods.prepared import Prepared

#: Seconds that the later calls of one method on one batch may take together, within the least and most calls.
_BUDGET = 0.06
_LEAST, _MOST = 3, 40

#: Seconds that the later calls of a whole bench may take: of many losses, sizes and methods each has fewer calls.
_WHOLE = 20.0


@dataclass(frozen=True)
class Times:
    """Seconds of the first call, and of all later ones."""

    first: float
    later: tuple[float, ...]

    def quartiles(self) -> tuple[float, float, float]:
        """Lower quartile, median and upper quartile of the later calls."""
        low, middle, high = statistics.quantiles(self.later, n=4, method="inclusive")
        return low, middle, high


def timed(prepared: Prepared) -> tuple[float, Sequence[Any]]:
    """Seconds of one call, and what it returned."""
    with prepared.scope():
        start = perf_counter()
        outputs = prepared.call()
        return perf_counter() - start, outputs


def share_of(combinations: int) -> float:
    """Seconds for the later calls of each combination of a loss, a size and a method."""
    return min(_BUDGET, _WHOLE / max(1, combinations))


def later_calls(prepared: Mapping[str, Prepared], budget: float = _BUDGET) -> dict[str, tuple[float, ...]]:
    """Seconds of the later calls of each method, which take turns; a quick one is called more often.

    ``budget``: the seconds that those of one method may take together, if they are more than the least number.
    """
    taken = {name: [timed(one)[0]] for name, one in prepared.items()}
    counts = {name: min(_MOST, max(_LEAST, int(budget / max(seconds[0], 1e-9)))) for name, seconds in taken.items()}
    for turn in range(1, max(counts.values(), default=0)):
        names = [name for name in prepared if turn < counts[name]]
        for name in names if turn % 2 else reversed(names):
            taken[name].append(timed(prepared[name])[0])
    return {name: tuple(seconds) for name, seconds in taken.items()}


@contextmanager
def no_garbage_collection() -> Iterator[None]:
    """Cyclic garbage is collected before, and not while the clock runs."""
    enabled = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
