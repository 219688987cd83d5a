"""SciPy's trust-region Newton method on the reduced loss, with its symbolic Hessian."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

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

    def __call__(self, at: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        key = tuple(at.tolist())
        if self._found is None or key != self._at:
            self._at, self._found = key, self._loss.approximate(key)
        return self._found

    def value(self, at: np.ndarray) -> float:
        if not np.all(np.isfinite(at)):
            return math.inf
        value = self(at)[0]
        return value if math.isfinite(value) else math.inf  # beyond the domain nothing is smaller

    def gradient(self, at: np.ndarray) -> np.ndarray:
        return np.nan_to_num(self(at)[1])

    def hessian(self, at: np.ndarray) -> np.ndarray:
        return np.nan_to_num(self(at)[2])


def descend(loss: ReducedLoss, start: Sequence[float]) -> tuple[float, ...]:
    """A point that is lower than ``start``, and where no further progress was made."""
    from scipy.optimize import minimize

    cache = _Cache(loss)
    at = np.asarray(start, float)
    options: dict[str, Any] = {
        "gtol": _GRADIENT * max(1e-3, float(np.abs(cache.gradient(at)).max())), "maxiter": _MOST_ITERATIONS,
    }  # fmt: skip
    with np.errstate(all="ignore"):
        found = minimize(cache.value, at, jac=cache.gradient, hess=cache.hessian, method="trust-exact", options=options)
    return tuple(float(x) for x in found.x)
