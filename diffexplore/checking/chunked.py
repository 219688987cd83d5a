"""Reduced partials of batches that do not fit in memory in one call: a chunk at a time, added up in float64."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from diffexplore.bounds.claims import QUANTUM, UNIT_ROUNDOFF
from diffexplore.checking.evaluate import CHUNK, Evaluator, Running
from diffexplore.methods.base import Estimate, Estimates
from diffexplore.torch_code.calling import is_out_of_memory

_UNIT = UNIT_ROUNDOFF[torch.float64]


def reduced_if_it_fits(evaluator: Evaluator, running: Running) -> tuple[str, Estimates]:
    """A method's reduced partials in one call over the whole batch, or in chunks, with the name that says which.

    Raises what the method raises; an error of memory only where a single sample does not fit.
    """
    try:
        return running.name, evaluator.reduced(running)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
    # Outside the handler, which would keep alive what was computed before memory ran out.
    return f"{running.name} (chunked, float64 accumulate)", _in_chunks(evaluator, running)


def _in_chunks(evaluator: Evaluator, running: Running) -> Estimates:
    """As large chunks as fit, each reduced as the loss is: a mean in float16 holds where a sum would overflow."""
    size = max(1, min(CHUNK, evaluator.n // 2))
    while True:
        try:
            return _accumulated(evaluator, running, size)
        except (RuntimeError, MemoryError) as error:
            if size == 1 or not is_out_of_memory(error):
                raise
        size //= 2


def _accumulated(evaluator: Evaluator, running: Running, size: int) -> Estimates:
    mean = evaluator.problem.loss.reduction == "mean"
    sums = {name: _Sum() for name in evaluator.problem.parameters}
    for first in range(0, evaluator.n, size):
        count = min(size, evaluator.n - first)
        estimates = running.reduced(evaluator.problem, evaluator.values(first, first + count), count)
        for name, total in sums.items():
            total.add(estimates[name], count if mean else 1)
    return {name: total.estimate(evaluator.n if mean else 1) for name, total in sums.items()}


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
    return torch.tensor(number, dtype=torch.float64)
