"""What a fit is told: checked once, so that nothing further on meets a rate of NaN or a billion dtypes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral, Real

import torch

from diffexplore import methods as registry
from diffexplore.check.options import as_dtype
from diffexplore.errors import UsageError
from diffexplore.fitting import optimizers
from diffexplore.methods import Entry

MOST_STEPS = 10**9


@dataclass(frozen=True)
class Settings:
    """A learning rate, a number of steps, an optimizer, and the methods and dtypes of the runs."""

    rate: float
    steps: int
    optimizer: optimizers.Entry
    methods: tuple[Entry, ...]
    dtypes: tuple[torch.dtype, ...]

    @property
    def widest(self) -> torch.dtype:
        """The dtype that holds the data best."""
        return min(self.dtypes, key=lambda dtype: torch.finfo(dtype).eps)


def settings_of(
    lr: float, steps: int, optimizer: str, methods: Sequence[str] | str,
    dtype: str | torch.dtype | Sequence[str | torch.dtype],
) -> Settings:  # fmt: skip
    """The settings; raises :class:`UsageError` for what cannot be used, in one line."""
    if isinstance(dtype, str):
        dtypes: list[str | torch.dtype] = [part.strip() for part in dtype.split(",")]
    else:
        dtypes = [dtype] if isinstance(dtype, torch.dtype) else list(dtype)
    if not dtypes:
        raise UsageError("no dtype is named: choose from float64, float32, bfloat16, float16")
    named = tuple(dict.fromkeys(as_dtype(one) for one in dtypes))
    return Settings(_rate(lr), _steps(steps), optimizers.get(optimizer), _methods(methods), named)


def _rate(lr: float) -> float:
    if isinstance(lr, bool) or not isinstance(lr, Real) or not 0 < float(lr) < math.inf:
        raise UsageError(f"the learning rate should be a positive number such as 1e-5, not {lr!r}")
    return float(lr)


def _steps(steps: int) -> int:
    if isinstance(steps, bool) or not isinstance(steps, Integral) or not 0 <= int(steps) <= MOST_STEPS:
        raise UsageError(f"the number of steps should be an integer from 0 to {MOST_STEPS:,}, not {steps!r}")
    return int(steps)


def _methods(methods: Sequence[str] | str) -> tuple[Entry, ...]:
    """In the order given: the first run is the one that sentences are about."""
    names = [name.strip() for name in methods.split(",")] if isinstance(methods, str) else list(methods)
    chosen = {entry.name: entry for entry in registry.select(names)}
    for entry in chosen.values():
        if not entry.load().exact:
            exact = ", ".join(other.name for other in registry.entries() if other.load().exact)
            raise UsageError(f"{entry.name} has an error of its own: descend by {exact}")
    return tuple(chosen[name] for name in dict.fromkeys(names))
