"""The settings of a fit, checked once, so that nothing further on meets a rate of NaN or a billion dtypes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from diffexplore import methods as registry
from diffexplore.arguments import as_count, as_list, as_number, as_text, as_texts, wrong
from diffexplore.checking.options import as_dtype
from diffexplore.errors import UsageError
from diffexplore.fitting import optimizers
from diffexplore.floating_point import FLOAT_FORMATS, format_of
from diffexplore.methods import MethodEntry

MOST_STEPS = 10**9


@dataclass(frozen=True)
class Settings:
    """A learning rate, a number of steps, an optimizer, and the methods and dtypes of the runs."""

    rate: float
    steps: int
    optimizer: optimizers.OptimizerEntry
    methods: tuple[MethodEntry, ...]
    dtypes: tuple[torch.dtype, ...]

    @property
    def widest(self) -> torch.dtype:
        """The dtype that holds the data best."""
        return min(self.dtypes, key=lambda dtype: format_of(dtype).unit_roundoff)


def settings_of(
    lr: float, steps: int, optimizer: str, methods: Sequence[str] | str,
    dtype: str | torch.dtype | Sequence[str | torch.dtype],
) -> Settings:  # fmt: skip
    """The settings; raises :class:`UsageError` for what cannot be used, in one line."""
    limit = as_count(steps, "the number of steps", 0, MOST_STEPS, f"an integer from 0 to {MOST_STEPS:,}")
    chosen = optimizers.get(as_text(optimizer, "the optimizer", f"one of {', '.join(optimizers.names())}"))
    return Settings(_rate(lr), limit, chosen, _methods(methods), _dtypes(dtype))


def _dtypes(dtype: str | torch.dtype | Sequence[str | torch.dtype]) -> tuple[torch.dtype, ...]:
    if isinstance(dtype, str):
        dtypes: list[str | torch.dtype] = [part.strip() for part in dtype.split(",")]
    elif isinstance(dtype, (torch.dtype, np.dtype, type)):
        dtypes = [dtype]
    else:
        dtypes = as_list(dtype, "the dtype", f"one or more of {', '.join(FLOAT_FORMATS)}")
    if not dtypes:
        raise UsageError(f"no dtype is named: choose from {', '.join(FLOAT_FORMATS)}")
    return tuple(dict.fromkeys(as_dtype(one) for one in dtypes))


def _rate(lr: float) -> float:
    should = "a positive number such as 1e-5"
    rate = as_number(lr, "the learning rate", should)
    if rate <= 0:
        raise wrong("the learning rate", should, lr)
    return rate


def _methods(methods: Sequence[str] | str) -> tuple[MethodEntry, ...]:
    """In the order given: the first run is the one that sentences are about."""
    names = (
        [name.strip() for name in methods.split(",")] if isinstance(methods, str) else as_texts(methods, "the methods")
    )
    registry.select(names)  # which refuses an empty list
    chosen = tuple(dict.fromkeys(registry.named(name) for name in names))
    for entry in chosen:
        if not entry.load().exact:
            exact = ", ".join(other.name for other in registry.entries() if other.load().exact)
            raise UsageError(f"{entry.name} has an error of its own: descend by {exact}")
    return chosen
