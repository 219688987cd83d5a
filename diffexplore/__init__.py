"""The microscope for derivatives.

Give it a loss: it derives the closed-form gradient, compares every way of differentiating with a certified truth,
and says how exactly they agree. The public names are loaded when they are first used, so that importing the package
costs nothing.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from diffexplore import losses, methods, strategies
    from diffexplore.check.records import Report, Row
    from diffexplore.check.run import check
    from diffexplore.errors import DiffexploreError, GradientError, UsageError
    from diffexplore.exploring.explore import explore
    from diffexplore.exploring.records import Explorer
    from diffexplore.fitting.fit import fit
    from diffexplore.fitting.records import Fit
    from diffexplore.graphs.graph import graph
    from diffexplore.loss import Loss
    from diffexplore.proving.prove import prove
    from diffexplore.proving.records import Proof
    from diffexplore.verify.assertion import assert_gradient
    from diffexplore.verify.run import verify

__version__ = "0.1.0"

_HOMES = {
    "Loss": "diffexplore.loss",
    "Report": "diffexplore.check.records",
    "Row": "diffexplore.check.records",
    "DiffexploreError": "diffexplore.errors",
    "UsageError": "diffexplore.errors",
    "GradientError": "diffexplore.errors",
    "Explorer": "diffexplore.exploring.records",
    "explore": "diffexplore.exploring.explore",
    "Fit": "diffexplore.fitting.records",
    "fit": "diffexplore.fitting.fit",
    "graph": "diffexplore.graphs.graph",
    "Proof": "diffexplore.proving.records",
    "assert_gradient": "diffexplore.verify.assertion",
    "prove": "diffexplore.proving.prove",
}

__all__ = [
    "DiffexploreError",
    "Explorer",
    "Fit",
    "GradientError",
    "Loss",
    "Proof",
    "Report",
    "Row",
    "UsageError",
    "__version__",
    "assert_gradient",
    "check",
    "explore",
    "fit",
    "graph",
    "losses",
    "methods",
    "prove",
    "strategies",
    "verify",
]


def __getattr__(name: str) -> Any:
    if name in ("losses", "methods", "strategies"):
        return importlib.import_module(f"diffexplore.{name}")
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'diffexplore' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)


class _Package(ModuleType):
    """This module, with ``check`` and ``verify`` the functions.

    Importing the subpackages of these names would put them there.
    """

    @property
    def check(self) -> Any:
        return importlib.import_module("diffexplore.check.run").check

    @check.setter
    def check(self, subpackage: ModuleType) -> None:
        pass  # the import system's; it stays reachable as diffexplore.check.run and so on in import statements

    @property
    def verify(self) -> Any:
        return importlib.import_module("diffexplore.verify.run").verify

    @verify.setter
    def verify(self, subpackage: ModuleType) -> None:
        pass  # as above


sys.modules[__name__].__class__ = _Package
