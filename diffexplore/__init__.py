"""The microscope for derivatives.

Give it a loss: it derives the closed-form gradient, compares every way of differentiating with a certified truth,
and says how exactly they agree. The public names are loaded when they are first used, so that importing the package
costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from diffexplore.lazily import loaded

if TYPE_CHECKING:
    from diffexplore import losses, methods, strategies
    from diffexplore.checking.batch import open_batch
    from diffexplore.checking.records import Report, Row
    from diffexplore.checking.run import check
    from diffexplore.errors import DiffexploreError, GradientError, UsageError
    from diffexplore.exploring.explore import explore
    from diffexplore.exploring.records import Explorer
    from diffexplore.fitting.fit import fit
    from diffexplore.fitting.records import Fit
    from diffexplore.graphing.build import graph
    from diffexplore.loss import Loss
    from diffexplore.proving.prove import prove
    from diffexplore.proving.records import Proof
    from diffexplore.tensors.gradcheck import gradcheck
    from diffexplore.tensors.gradgradcheck import gradgradcheck
    from diffexplore.tensors.records import TensorReport
    from diffexplore.verifying.assertion import assert_gradient
    from diffexplore.verifying.run import verify

__version__ = "0.1.0"

#: The module of each public name.
_HOMES = {
    "Loss": "loss", "Report": "checking.records", "Row": "checking.records", "DiffexploreError": "errors",
    "UsageError": "errors", "GradientError": "errors", "Explorer": "exploring.records", "explore": "exploring.explore",
    "Fit": "fitting.records", "fit": "fitting.fit", "graph": "graphing.build", "Proof": "proving.records",
    "assert_gradient": "verifying.assertion", "check": "checking.run", "prove": "proving.prove",
    "verify": "verifying.run", "gradcheck": "tensors.gradcheck", "TensorReport": "tensors.records",
    "open_batch": "checking.batch", "gradgradcheck": "tensors.gradgradcheck",
}  # fmt: skip

__all__ = [
    "DiffexploreError", "Explorer", "Fit", "GradientError", "Loss", "Proof", "Report", "Row", "TensorReport",
    "UsageError", "__version__", "assert_gradient", "check", "explore", "fit", "gradcheck", "gradgradcheck", "graph",
    "losses", "methods", "open_batch", "prove", "strategies", "verify",
]  # fmt: skip

__getattr__ = loaded(__name__, _HOMES | {name: name for name in ("losses", "methods", "strategies")})


def __dir__() -> list[str]:
    return sorted(__all__)
