"""SciPy's trust-region Newton method on the reduced loss, with its symbolic Hessian."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from diffexplore.fitting.optimizers.of_scipy import REFUSALS
from diffexplore.fitting.reduced import ReducedLoss

_MOST_ITERATIONS = 200

#: The gradient at which the search ends, relative to that at the start: Newton's method in high precision goes on.
_GRADIENT = 1e-9


class _Cache:
    """The derivatives at the last point: SciPy takes value, gradient and Hessian one after another."""

    def __init__(self, loss: ReducedLoss) -> None:
        self._loss = loss
        self._at: tuple[float, ...] | None = None
        self._found: tuple[float, np.ndarray, np.ndarray] | None = None
        self.lowest: tuple[float, tuple[float, ...]] = (math.inf, ())

    def __call__(self, at: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        key = tuple(at.tolist())
        if self._found is None or key != self._at:
            self._at, self._found = key, self._loss.approximate(key)
        return self._found

    def value(self, at: np.ndarray) -> float:
        if not np.all(np.isfinite(at)):
            return math.inf
        value = self(at)[0]
        if value < self.lowest[0]:
            self.lowest = value, tuple(at.tolist())
        return value if math.isfinite(value) else math.inf  # beyond the domain nothing is smaller

    def gradient(self, at: np.ndarray) -> np.ndarray:
        return np.nan_to_num(self(at)[1], posinf=0.0, neginf=0.0)

    def hessian(self, at: np.ndarray) -> np.ndarray:
        return np.nan_to_num(self(at)[2], posinf=0.0, neginf=0.0)


def descend(loss: ReducedLoss, start: Sequence[float]) -> tuple[float, ...]:
    """A point that is lower than ``start``, and where no further progress was made."""
    from scipy.optimize import minimize

    cache = _Cache(loss)
    at = np.asarray(start, float)
    options: dict[str, Any] = {
        "gtol": _GRADIENT * max(1e-3, float(np.abs(cache.gradient(at)).max())), "maxiter": _MOST_ITERATIONS,
    }  # fmt: skip
    try:
        with np.errstate(all="ignore"):
            minimize(cache.value, at, jac=cache.gradient, hess=cache.hessian, method="trust-exact", options=options)
    except REFUSALS:
        pass  # the lowest point so far is as good a place to look from
    return cache.lowest[1] or tuple(at.tolist())
