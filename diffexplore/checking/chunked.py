"""Reduced partials of batches that do not fit in memory in one call: a chunk at a time, added up in float64."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

import torch
from torch import Tensor

from diffexplore.bounds.claims import QUANTUM, UNIT_ROUNDOFF
from diffexplore.checking.evaluate import CHUNK, Evaluator, Running
from diffexplore.methods.base import Estimate, Estimates
from diffexplore.torch_code.calling import is_out_of_memory

_UNIT = UNIT_ROUNDOFF[torch.float64]


def reduced_if_it_fits(evaluator: Evaluator, running: Running) -> tuple[str, Estimates]:
    """A method's reduced partials in one call over the whole batch, or in parts, with the name that says which.

    A batch of several blocks is taken a block at a time. Raises what the method raises; an error of memory only where
    a single sample does not fit.
    """
    if evaluator.blocks.count == 1:
        try:
            return running.name, evaluator.reduced(running)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
        # Outside the handler, which would keep alive what was computed before memory ran out.
        return chunked(running.name), _in_chunks(evaluator, running, 0, evaluator.n)
    return chunked(running.name), in_blocks(evaluator, lambda first, last: _of_block(evaluator, running, first, last))


def chunked(name: str) -> str:
    """What a method is called whose reduced partials are added up."""
    return f"{name} (chunked, float64 accumulate)"


def in_blocks(evaluator: Evaluator, reduced: Callable[[int, int], Estimates]) -> Estimates:
    """What ``reduced`` gives for each block, added up in their order."""
    found = evaluator.blocks.each(reduced)
    sizes = [last - first for first, last in map(evaluator.blocks.rows, range(evaluator.blocks.count))]
    return _added(evaluator, zip(found, sizes, strict=True), evaluator.n)


def _of_block(evaluator: Evaluator, running: Running, first: int, last: int) -> Estimates:
    try:
        return running.reduced(evaluator.problem, evaluator.values(first, last), last - first)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
    return _in_chunks(evaluator, running, first, last)


def _in_chunks(evaluator: Evaluator, running: Running, start: int, stop: int) -> Estimates:
    """As large chunks as fit, each reduced as the loss is: a mean in float16 holds where a sum would overflow."""
    size = max(1, min(CHUNK, (stop - start) // 2))
    while True:
        try:
            return _added(evaluator, _by_chunk(evaluator, running, range(start, stop, size), stop), stop - start)
        except (RuntimeError, MemoryError) as error:
            if size == 1 or not is_out_of_memory(error):
                raise
        size //= 2


def _by_chunk(evaluator: Evaluator, running: Running, starts: range, stop: int) -> Iterator[tuple[Estimates, int]]:
    for first in starts:
        last = min(first + starts.step, stop)
        yield running.reduced(evaluator.problem, evaluator.values(first, last), last - first), last - first


def _added(evaluator: Evaluator, found: Iterable[tuple[Estimates, int]], n: int) -> Estimates:
    """The estimates of parts of n samples as those of all, each part with the number of its samples."""
    mean = evaluator.problem.loss.reduction == "mean"
    sums: dict[str, _Sum] = {}
    for estimates, count in found:
        for name, estimate in estimates.items():
            sums.setdefault(name, _Sum()).add(estimate, count if mean else 1)
    return {name: total.estimate(n if mean else 1) for name, total in sums.items()}


def scaled(estimate: Estimate, factor: float) -> Estimate:
    """An estimate times a positive factor that was rounded once: two roundings more, and one of the bound itself."""
    value, rounding = estimate.value * factor, 2 * _UNIT
    bound = (estimate.bound * factor + rounding * value.abs()) * (1 + 8 * _UNIT) + QUANTUM[torch.float64]
    return replace(estimate, value=value, bound=bound)


class _Sum:
    """A weighted sum in double precision, with a running error bound (Higham, §3.3)."""

    def __init__(self) -> None:
        self._total = 0.0
        self._radius = 0.0
        self._terms = 0
        self._reason: str | None = None
        self._stepped: Tensor | None = None

    def add(self, estimate: Estimate, weight: int) -> None:
        """Adds an estimate times an integer: the product rounds once, the sum once."""
        term = weight * float(estimate.value)
        self._total += term
        self._radius += weight * float(estimate.bound) + _UNIT * (abs(term) + abs(self._total))
        self._terms += 1
        self._reason = self._reason or estimate.reason
        if estimate.stepped is not None:
            self._stepped = estimate.stepped if self._stepped is None else self._stepped | estimate.stepped

    def estimate(self, divisor: int) -> Estimate:
        """The sum over ``divisor``. No more than seven roundings a term went into the radius itself."""
        value = self._total / divisor
        radius = (self._radius / divisor + _UNIT * abs(value)) * (1 + 16 * (self._terms + 1) * _UNIT)
        radius += QUANTUM[torch.float64]
        bound = radius if math.isfinite(radius) else math.inf
        return Estimate(_scalar(value), _scalar(bound), self._reason, self._stepped)


def _scalar(number: float) -> Tensor:
    return torch.tensor(number, dtype=torch.float64, device="cpu")
