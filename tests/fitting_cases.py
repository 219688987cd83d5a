"""Losses with a minimum, written by hand in mpmath and NumPy: the gradient of one sample, and where to start.

``slopes(r, m)`` has the partials of a summand in its residual (or score) by hand, in the functions of ``m``; a and b
are reached through ∂r/∂a = x and ∂r/∂b = 1.
"""

from __future__ import annotations

import csv
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mpmath
import numpy as np

from diffexplore import losses

Gradient = Callable[[Sequence[Any], Any, Any, Any], list[Any]]


@dataclass(frozen=True)
class Case:
    """A loss of the catalogue, its gradient by hand at one sample, and a start from which Newton converges."""

    name: str
    gradient: Gradient
    near: tuple[float, ...]


def _line(psi: Callable[[Any, Any, Any], Any]) -> Gradient:
    def gradient(at: Sequence[Any], x: Any, y: Any, m: Any) -> list[Any]:
        a, b = at
        slope = psi(a * x + b, y, m)
        return [slope * x, slope]

    return gradient


def _sigmoid(u: Any, m: Any) -> Any:
    return 1 / (1 + m.exp(-u))


def _clip(r: Any) -> Any:
    return min(max(r, -1), 1) if not isinstance(r, np.ndarray) else np.clip(r, -1, 1)


def _perpendicular(at: Sequence[Any], x: Any, y: Any, m: Any) -> list[Any]:
    a, b = at
    r, d = a * x - y + b, a * a + 1
    return [r * x / d - a * r * r / d**2, r / d]


def _cauchy(at: Sequence[Any], x: Any, y: Any, m: Any) -> list[Any]:
    a, b, s = at
    r = a * x + b - y
    slope = 2 * r / (s * s + r * r)
    return [slope * x, slope, 1 / s - 2 * r * r / (s * (s * s + r * r))]


CASES = (
    Case("perpendicular", _perpendicular, (2.5, -0.5)),
    Case("squared_error", _line(lambda u, y, m: 2 * (u - y)), (1.3, 0.5)),
    Case("huber", _line(lambda u, y, m: _clip(u - y)), (1.4, 0.5)),
    Case("log_cosh", _line(lambda u, y, m: m.tanh(u - y)), (1.4, 0.5)),
    Case("cauchy", _cauchy, (1.5, 0.5, 0.26)),
    Case("logistic", _line(lambda u, y, m: _sigmoid(u, m) - y), (2.0, -0.5)),
    Case("softplus", _line(lambda u, y, m: -y * _sigmoid(-y * u, m)), (2.0, -0.5)),
    Case("poisson", _line(lambda u, y, m: m.exp(u) - y), (0.8, 0.2)),
)


def columns(name: str) -> Mapping[str, list[float]]:
    """The default data of a loss of the catalogue."""
    data = losses.get(name).default_data
    assert data is not None
    return data()


def solved(case: Case, digits: int = 50) -> list[mpmath.mpf]:
    """The stationary point by mpmath's Newton method."""
    data = columns(case.name)
    with mpmath.workdps(digits + 10):
        rows = [(mpmath.mpf(x), mpmath.mpf(y)) for x, y in zip(data["x"], data["y"], strict=True)]

        def gradient(*at: mpmath.mpf) -> list[mpmath.mpf]:
            slopes = [case.gradient(at, x, y, mpmath) for x, y in rows]
            return [mpmath.fsum(column) / len(rows) for column in zip(*slopes, strict=True)]

        found = mpmath.findroot(gradient, case.near, tol=mpmath.mpf(10) ** (-2 * digits))
        return list(found)


def mean_gradient(case: Case, at: Sequence[float]) -> np.ndarray:
    """The gradient of the mean in NumPy."""
    data = columns(case.name)
    x, y = np.array(data["x"]), np.array(data["y"])
    return np.array([np.mean(np.broadcast_to(slope, x.shape)) for slope in case.gradient(tuple(at), x, y, np)])


def notebook_points(path: Path) -> Path:
    """100 points about y = 2.5 x + 1 with noise of 2 on both coordinates, by ``random.seed(0)``."""
    draw = random.Random(0)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["x", "y"])
        for i in range(100):
            t = 100 * i / 99
            writer.writerow([repr(t + draw.gauss(0, 2)), repr(2.5 * t + 1 + draw.gauss(0, 2))])
    return path
