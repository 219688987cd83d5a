"""torch's autograd of the formula over the whole batch, as a user writes it: for reference."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce

import torch
from torch import Tensor

from diffexplore.arithmetic.torch_real import TORCH
from diffexplore.bounds.watch import Watch
from diffexplore.kernels.backends.base import BoundKernel, KernelEffort, Point, collected, finished
from diffexplore.kernels.batches import Columns
from diffexplore.kernels.plan import Key, Plan
from diffexplore.kernels.records import ErrorBounds, Evaluation
from diffexplore.methods.problem import spread_over


class EagerBackend:
    """Runs everywhere, in the dtype of the data, to which the parameters are rounded."""

    def obstacle(self, plan: Plan, device: str) -> str | None:
        return None

    def effort(self, plan: Plan) -> KernelEffort:
        passes = 2 * len(plan.written.steps) + 2  # forward and backward at least, and the reduction
        return KernelEffort(
            "torch's autograd of the formula, for reference", passes, 0,
            "of the operations that run, in the dtype of the data, to which the parameters are rounded: result.bounds",
        )  # fmt: skip

    def bind(self, plan: Plan, columns: Columns) -> BoundKernel:
        return EagerKernel(plan, columns)


@dataclass(frozen=True, eq=False)
class EagerKernel:
    """One batch, read at each call."""

    plan: Plan
    columns: Columns

    def __call__(self, at: Point) -> Evaluation:
        return finished(self.plan, self.columns, self.outputs(at), lambda: self._bounds(at))

    def _bounds(self, at: Point) -> ErrorBounds:
        with Watch() as watch:
            outputs = self.outputs(at)
        return ErrorBounds(*collected(self.plan, self.columns.numbers([watch.radius(one) for one in outputs])))

    def outputs(self, at: Point) -> list[Tensor]:
        """The outputs in the order of the keys, of shape () or (n,), on the device of the data."""
        plan, n = self.plan, self.columns.n
        values = self._values(at)
        values |= {name: values[name].detach().clone().requires_grad_() for name in plan.wrt}
        leaves = [values[name] for name in plan.wrt]
        with torch.enable_grad():
            summands = spread_over(plan.written.run(TORCH, values)[0], n, values)
            whole = summands.mean() if plan.loss.reduction == "mean" else summands.sum()
            found: dict[Key, Tensor] = {(): whole}
            first = _slopes(whole, leaves, again=plan.hessian)
            found |= {(name,): slope for name, slope in zip(plan.wrt, first, strict=True)}
            for row, slope in zip(plan.wrt, first, strict=True) if plan.hessian else ():
                # The partial by data of a sample is no function of other samples: their sum has all second partials.
                second = _slopes(slope.sum() if slope.dim() else slope, leaves, again=True)
                found |= {(row, column): one for column, one in zip(plan.wrt, second, strict=True)}
        return [_of_shape(plan, key, found).detach() for key in plan.keys]

    def _values(self, at: Point) -> dict[str, Tensor]:
        tensors = self.columns.tensors
        dtype = reduce(torch.promote_types, (one.dtype for one in tensors.values())) if tensors else torch.float64
        rounded = {
            name: torch.tensor(x, dtype=torch.float64, device="cpu").to(self.columns.device, dtype)
            for name, x in zip(self.plan.loss.parameters, at, strict=True)
        }
        return rounded | {name: tensor.to(dtype) for name, tensor in tensors.items()}


def _of_shape(plan: Plan, key: Key, found: dict[Key, Tensor]) -> Tensor:
    """A second partial by a parameter and data is one by sample, whichever of both comes first."""
    one, other = found[key], found.get(key[::-1])
    if plan.by_sample(key) and one.dim() == 0 and other is not None and other.dim():
        return other
    return one


def _slopes(output: Tensor, leaves: list[Tensor], *, again: bool) -> list[Tensor]:
    if not output.requires_grad or not leaves:  # the loss is locally constant
        return [torch.zeros_like(leaf) for leaf in leaves]
    return list(torch.autograd.grad(output, leaves, create_graph=again, allow_unused=True, materialize_grads=True))


BACKEND = EagerBackend()
