"""Time against the number of samples: the kernels of this package beside reading the data, and beside other ways."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from diffexplore.benching.records import Bench, BenchedLoss
from diffexplore.benching.settings import methods_of
from diffexplore.kernels.backends import BACKENDS
from diffexplore.kernels.batches import Columns
from diffexplore.kernels.plan import Plan
from diffexplore.kernels.records import Evaluation
from diffexplore.methods import MethodEntry
from diffexplore.methods.base import Values
from diffexplore.methods.prepared import Prepared, of_tensors
from diffexplore.methods.problem import Problem

READING = "reading"

#: What stands beside the kernels where no methods are named, as far as it is installed.
_OTHERS = ("reverse", "torch_compile", "jax_jit")


@dataclass(frozen=True)
class KernelMethod:
    """A kernel with the loss beside its gradient; its first call takes the sums, where it goes by sums."""

    backend: str
    exact: bool = True
    opaque: bool = True

    def obstacle(self, problem: Problem) -> str | None:
        return BACKENDS[self.backend].load().obstacle(self._plan(problem), problem.device.type)

    def prepared(self, problem: Problem, values: Values, n: int) -> Prepared:
        backend, plan = BACKENDS[self.backend].load(), self._plan(problem)
        columns = Columns({name: values[name] for name in problem.loss.data}, n, numpy=True)
        at = [float(values[name]) for name in problem.loss.parameters]
        bound = None

        def call() -> Sequence[Evaluation]:
            nonlocal bound
            bound = bound or backend.bind(plan, columns)
            return [bound(at)]

        return Prepared(call, lambda found: tuple(np.asarray(found[0].gradient[name]) for name in problem.wrt))

    def _plan(self, problem: Problem) -> Plan:
        return Plan(problem.loss, problem.wrt, hessian=False)


@dataclass(frozen=True)
class ReadingMethod:
    """Every column added up, which no method that reads the data can be faster than. It gives no gradient."""

    exact: bool = True
    opaque: bool = True

    def obstacle(self, problem: Problem) -> str | None:
        return None if problem.loss.data else "the loss has no data"

    def prepared(self, problem: Problem, values: Values, n: int) -> Prepared:
        columns = [values[name] for name in problem.loss.data]
        prepared = of_tensors(lambda: [column.sum() for column in columns], problem.device)
        return Prepared(prepared.call, lambda found: (np.asarray(math.nan),) * len(problem.wrt))


class _ScaleEntry(MethodEntry):
    """A method that stands in no registry: it is timed, and never compared."""

    def load(self) -> KernelMethod | ReadingMethod:  # type: ignore[override]  # what is timed needs no more
        return ReadingMethod() if self.name == READING else KernelMethod(self.name)


def methods_at_scale(named: Sequence[MethodEntry] | None) -> tuple[MethodEntry, ...]:
    """Reading, the kernels that this loss and machine allow, and ``named`` methods, or a few that are installed."""
    kernels = (_ScaleEntry(one.name, one.title, "") for one in BACKENDS.values() if one.name != "eager")
    ours = (_ScaleEntry(READING, "x.sum() of each column", ""), *kernels)
    if named is not None:
        return (*ours, *named)
    return (*ours, *(entry for entry in methods_of(None) if entry.name in _OTHERS))


def slopes(bench: Bench, subject: BenchedLoss) -> dict[str, float]:
    """For each method the power of N as which its time grows between its two largest sizes."""
    found = {}
    for method in bench.methods:
        timed = sorted((one.n, one.median) for one in bench.of(subject.name) if one.method == method)
        if len(timed) > 1:
            (less, before), (more, after) = timed[-2:]
            found[method] = math.log(after / before) / math.log(more / less)
    return found
