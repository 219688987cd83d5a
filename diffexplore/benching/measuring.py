"""What is measured of a call: its times, taken in turns with the others, its peak memory, the errors of its values."""

from __future__ import annotations

import ctypes
import gc
import math
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch
from torch import Tensor

from diffexplore.checking.evaluate import Evaluator
from diffexplore.checking.judge import judge
from diffexplore.methods.prepared import Prepared
from diffexplore.methods.problem import Problem

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


_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")

#: What resets the highest resident size of a process to what it holds now (proc(5), clear_refs).
_RESET_PEAK = "5"

#: Smaller differences are the pages of the measurement itself.
_GRAIN = 2**16


def peak_of(call: Callable[[], Any], device: torch.device) -> int | None:
    """The most bytes that are held during ``call`` beyond those before it; None where that cannot be measured.

    Memory that a library keeps for itself from earlier calls is given back first where the C library can; what it
    does not give back is not counted.
    """
    if device.type == "cuda":
        before = torch.cuda.memory_allocated(device)
        torch.cuda.reset_peak_memory_stats(device)
        call()
        return max(0, torch.cuda.max_memory_allocated(device) - before)
    _trim()
    try:
        _CLEAR.write_text(_RESET_PEAK)
        before = _status("VmRSS")
        call()
        after = _status("VmHWM")
    except (OSError, LookupError, ValueError):
        return None
    return max(0, after - before) // _GRAIN * _GRAIN


def available() -> int | None:
    """The bytes that this machine has to spare; None where that is not known."""
    try:
        return _number(Path("/proc/meminfo").read_text(), "MemAvailable")
    except (OSError, LookupError, ValueError):
        return None


def _status(key: str) -> int:
    return _number(_STATUS.read_text(), key)


def _number(text: str, key: str) -> int:
    """The kilobytes behind a key, as bytes."""
    line = next((line for line in text.splitlines() if line.startswith(f"{key}:")), None)
    if line is None:
        raise LookupError(key)
    return 1024 * int(line.split()[1])


def _trim() -> None:
    """Gives what the C library keeps for later back to the system, where it is one that can."""
    try:
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    except (OSError, TypeError):  # Windows has no library of the whole process
        return
    if trim is not None:
        trim(0)


class BenchTruths:
    """The exact gradient of a problem at one point, on one batch of n samples.

    With ``by_sample`` they are the partials of each sample, by data; else those of the reduced loss.
    """

    def __init__(
        self, problem: Problem, point: Mapping[str, float], columns: Mapping[str, Tensor], n: int,
        *, by_sample: bool,
    ) -> None:  # fmt: skip
        self._problem = problem
        evaluator = Evaluator(problem, point, columns, n)
        if by_sample:
            parts = [chunk.truths for chunk in evaluator.chunks([], lambda done: None)]
        else:
            parts = [{name: truth for name, (truth, _) in evaluator.reduced_truths().items()}]
        self._found = {name: [part[name] for part in parts] for name in problem.wrt}

    def errors(self, gradient: Sequence[np.ndarray]) -> dict[str, tuple[float | None, float | None]]:
        """For each symbol the largest error in ulps, and the largest relative one; None where a value is not finite."""
        pairs = zip(self._problem.wrt, gradient, strict=True)
        return {name: self._worst(name, np.atleast_1d(values)) for name, values in pairs}

    def _worst(self, name: str, values: np.ndarray) -> tuple[float | None, float | None]:
        first, ulps, relative = 0, [], []
        for truth in self._found[name]:
            part = values[first : first + len(truth.high)]
            first += len(truth.high)
            nothing = np.full(len(part), math.inf)  # no bound is requested: the judge measures
            judged = judge(part, nothing, truth, 0.0, self._problem.dtype, stepped=None)
            ulps.append(judged.error_ulp)
            relative.append(judged.error_relative)
        if not np.isfinite(values).all():
            return None, None
        return _largest(np.concatenate(ulps)), _largest(np.concatenate(relative))


def _largest(values: np.ndarray) -> float | None:
    """The largest of those that exist: where the truth is 0 there is none."""
    known = values[np.isfinite(values)]
    return float(known.max()) if len(known) else None
