"""The ways to descend, one a file; a new one is a file and a line in this registry. None is written here.

The rules of torch are called as functions: a ``torch.optim.Optimizer`` imports the compiler of torch when it is made,
which takes longer than a thousand steps.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from diffexplore.errors import unknown

if TYPE_CHECKING:
    from diffexplore.fitting.optimizers.base import Optimizer


@dataclass(frozen=True)
class OptimizerEntry:
    """An optimizer's name, what it does in one line, the module that holds it, and whether it has a learning rate."""

    name: str
    title: str
    module: str
    has_rate: bool

    def load(self) -> Optimizer:
        """The optimizer itself; imports what it needs."""
        found: Optimizer = importlib.import_module(f"diffexplore.fitting.optimizers.{self.module}").OPTIMIZER
        return found


_ENTRIES = (
    OptimizerEntry("gd", "gradient descent: torch.optim's SGD", "gd", has_rate=True),
    OptimizerEntry("momentum", "gradient descent with momentum 0.9: torch.optim's SGD", "momentum", has_rate=True),
    OptimizerEntry("adam", "Adam with its usual constants: torch.optim's", "adam", has_rate=True),
    OptimizerEntry(
        "newton",
        "SciPy's trust-region Newton method (trust-exact), with the symbolic Hessian",
        "newton",
        has_rate=False,
    ),
    OptimizerEntry("lbfgs", "SciPy's L-BFGS-B", "lbfgs", has_rate=False),
)


def names() -> tuple[str, ...]:
    """The names of all optimizers."""
    return tuple(entry.name for entry in _ENTRIES)


def get(name: str) -> OptimizerEntry:
    """The entry of that name; raises :class:`~diffexplore.errors.UsageError` for an unknown one."""
    for entry in _ENTRIES:
        if entry.name == name:
            return entry
    raise unknown("optimizer", str(name), names())
