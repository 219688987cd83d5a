"""The ways to compute a loss over a batch; a new one is a file and a line in this registry."""

from __future__ import annotations

import importlib
from dataclasses import dataclass

from diffexplore.kernels.backends.base import Backend


@dataclass(frozen=True)
class BackendEntry:
    """A backend before it is loaded: ``module`` here holds it as ``BACKEND``."""

    name: str
    title: str
    module: str

    def load(self) -> Backend:
        backend: Backend = importlib.import_module(f"diffexplore.kernels.backends.{self.module}").BACKEND
        return backend


#: In the order in which they are tried.
BACKENDS = {
    entry.name: entry
    for entry in (
        BackendEntry("statistics", "sums that are taken once, and the loss by them", "statistics"),
        BackendEntry("blocked", "closed forms over blocks that fit in the cache", "blocked"),
        BackendEntry("inductor", "closed forms that torch.compile makes one kernel of", "inductor"),
        BackendEntry("eager", "torch's autograd of the formula, for reference", "eager"),
    )
}
