"""The ways to descend; a new one is an object in a file and a line in this registry. None is written here."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from diffexplore.errors import unknown

if TYPE_CHECKING:
    from diffexplore.fitting.optimizers.base import Optimizer


#: The constants that torch.optim takes by default, and the momentum that most people take.
MOMENTUM, BETAS, EPS = 0.9, (0.9, 0.999), 1e-8


@dataclass(frozen=True)
class OptimizerEntry:
    """An optimizer's name, what it does in one line, its ``module:NAME`` here, and whether it has a learning rate."""

    name: str
    title: str
    place: str
    has_rate: bool

    def load(self) -> Optimizer:
        """The optimizer itself; imports what it needs."""
        module, _, name = self.place.partition(":")
        found: Optimizer = getattr(importlib.import_module(f"diffexplore.fitting.optimizers.{module}"), name)
        return found


_ENTRIES = (
    OptimizerEntry("gd", "gradient descent: torch.optim's SGD", "of_torch:GD", has_rate=True),
    OptimizerEntry("momentum", "gradient descent with momentum 0.9: torch.optim's SGD", "of_torch:MOMENTUM_DESCENT",
                   has_rate=True),
    OptimizerEntry("adam", "Adam with its usual constants: torch.optim's", "of_torch:ADAM", has_rate=True),
    OptimizerEntry("newton", "SciPy's trust-region Newton method (trust-exact), with the symbolic Hessian",
                   "of_scipy:NEWTON", has_rate=False),
    OptimizerEntry("lbfgs", "SciPy's L-BFGS-B", "of_scipy:LBFGS", has_rate=False),
)  # fmt: skip


def names() -> tuple[str, ...]:
    """The names of all optimizers."""
    return tuple(entry.name for entry in _ENTRIES)


def get(name: str) -> OptimizerEntry:
    """The entry of that name; raises :class:`~diffexplore.errors.UsageError` for an unknown one."""
    found = next((entry for entry in _ENTRIES if entry.name == name), None)
    if found is None:
        raise unknown("optimizer", str(name), names())
    return found
