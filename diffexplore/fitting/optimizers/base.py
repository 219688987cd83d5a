"""The contract of an optimizer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
from torch import Tensor


class Steps(Protocol):
    """A rule of torch: it moves the parameters, one step at a time."""

    def step(self, parameters: list[Tensor], gradient: list[Tensor]) -> None:
        """Changes the parameters, tensors of shape (), in place."""


@dataclass(frozen=True)
class Stepwise:
    """An optimizer of which every step is taken here; ``start`` makes the state of one run from its learning rate."""

    start: Callable[[float], Steps]


class Objective(Protocol):
    """The reduced loss to a minimiser of SciPy: float64 outside, the dtype and method of the run inside."""

    def value(self, at: np.ndarray) -> float: ...

    def gradient(self, at: np.ndarray) -> np.ndarray: ...

    def hessian(self, at: np.ndarray) -> np.ndarray: ...


Visit: TypeAlias = Callable[[Sequence[float]], None]


@dataclass(frozen=True)
class Whole:
    """An optimizer that runs by itself: ``minimize(objective, start, most, visit)`` visits at most ``most`` iterates,
    and says why it ended.
    """

    minimize: Callable[[Objective, np.ndarray, int, Visit], str]


Optimizer: TypeAlias = Stepwise | Whole
