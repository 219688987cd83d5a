"""The contract of a backend."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from diffexplore.kernels.batches import Columns
from diffexplore.kernels.plan import Plan
from diffexplore.kernels.records import ErrorBounds, Evaluation
from diffexplore.kernels.reduction import Reduction

#: The parameters in order, as doubles.
Point = Sequence[float]

#: The loss and its derivatives at a point.
BoundKernel = Callable[[Point], Evaluation]


@dataclass(frozen=True)
class KernelEffort:
    """What a backend does with a plan; the fields are those of :class:`~diffexplore.kernels.records.Explanation`."""

    reason: str
    operations: int
    per_call: int
    bound: str
    statistics: tuple[str, ...] = ()


class Backend(Protocol):
    """One way to compute a plan over a batch."""

    def obstacle(self, plan: Plan, device: str) -> str | None:
        """Why it cannot run for data on a device ("cpu", "cuda"), in one line; None where it can."""

    def effort(self, plan: Plan) -> KernelEffort:
        """Why it suits the plan, and what it does."""

    def bind(self, plan: Plan, columns: Columns) -> BoundKernel:
        """The kernel on one batch."""


def collected(plan: Plan, outputs: Sequence[Any]) -> tuple[Any, dict[str, Any], dict[tuple[str, str], Any] | None]:
    """Value, gradient and Hessian from the outputs in the order of the keys of a plan."""
    found = dict(zip(plan.keys, outputs, strict=True))
    gradient = {name: found[name,] for name in plan.wrt}
    if not plan.hessian:
        return found[()], gradient, None
    hessian = {}
    for row in plan.wrt:
        for column in plan.wrt:
            key = (row, column) if (row, column) in found else (column, row)
            hessian[row, column] = found[key]
    return found[()], gradient, hessian


def finished(plan: Plan, columns: Columns, outputs: Sequence[Tensor], bounded: Callable[[], ErrorBounds]) -> Evaluation:
    """Outputs in the order of the keys, tensors of shape () or (n,), as the user gets them.

    Raises :class:`~diffexplore.errors.UsageError` where they are no numbers since the data are none.
    """
    found = columns.numbers(outputs)
    if any(isinstance(one, float) and not math.isfinite(one) for one in found):
        columns.check_finite()
    value, gradient, hessian = collected(plan, found)
    return Evaluation(value, gradient, hessian, bounded=bounded)


def empty_outputs(plan: Plan, columns: Columns) -> list[Tensor]:
    """Where outputs by sample are written, in the order of their keys: in the dtype of the data differentiated by."""
    names = [next(name for name in key if name in plan.loss.data) for key in plan.keys if plan.by_sample(key)]
    return [torch.empty_like(columns.tensors[name], memory_format=torch.contiguous_format) for name in names]


def totals(
    plan: Plan, reduction: Reduction, slots: Sequence[Any], sums: Sequence[Any], kept: Sequence[Tensor], n: int
) -> list[Tensor]:
    """All outputs, from the reductions and the outputs by sample."""
    each, found = iter(kept), []
    for place, combined in enumerate(reduction.combined):
        if combined is None:
            found.append(next(each))
            continue
        number = reduction.total(place, slots, sums, n)
        where = number.device if isinstance(number, Tensor) else "cpu"  # whatever the user's default device is
        total = torch.as_tensor(number, dtype=torch.float64, device=where)
        found.append(total / n if plan.loss.reduction == "mean" else total)
    return found
