"""torch's autograd of the formula over the whole batch, as a user writes it: for reference."""

from __future__ import annotations

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
        passes = 2 * len(plan.loss.written.steps) + 2  # forward and backward at least, and the reduction
        return KernelEffort(
            "torch's autograd of the formula, for reference", passes, 0,
            "of the operations that run, in the dtype of the data, to which the parameters are rounded: result.bounds",
        )  # fmt: skip

    def bind(self, plan: Plan, columns: Columns) -> BoundKernel:
        def run(at: Point) -> Evaluation:
            return finished(plan, columns, _outputs(plan, columns, at), lambda: _bounds(plan, columns, at))

        return run


def _bounds(plan: Plan, columns: Columns, at: Point) -> ErrorBounds:
    with Watch() as watch:
        outputs = _outputs(plan, columns, at)
    return ErrorBounds(*collected(plan, columns.numbers([watch.radius(one) for one in outputs])))


def _outputs(plan: Plan, columns: Columns, at: Point) -> list[Tensor]:
    loss, tensors = plan.loss, list(columns.tensors.values())
    dtype = torch.float64
    if tensors:
        dtype = torch.result_type(tensors[0], tensors[-1])
        for one in tensors:
            dtype = torch.promote_types(dtype, one.dtype)
    values = {
        name: torch.tensor(x, dtype=torch.float64).to(columns.device, dtype)
        for name, x in zip(loss.parameters, at, strict=True)
    }
    values |= {name: tensor.to(dtype) for name, tensor in columns.tensors.items()}
    values |= {name: values[name].detach().clone().requires_grad_() for name in plan.wrt}
    leaves = [values[name] for name in plan.wrt]
    with torch.enable_grad():
        summands = spread_over(loss.written.run(TORCH, values)[0], columns.n, values)
        whole = summands.mean() if loss.reduction == "mean" else summands.sum()
        found: dict[Key, Tensor] = {(): whole}
        first = _slopes(whole, leaves, again=plan.hessian)
        found |= {(name,): slope for name, slope in zip(plan.wrt, first, strict=True)}
        for row, slope in zip(plan.wrt, first, strict=True) if plan.hessian else ():
            # The partial by data of one sample is no function of another sample: their sum has all second partials.
            second = _slopes(slope.sum() if slope.dim() else slope, leaves, again=True)
            found |= {(row, column): one for column, one in zip(plan.wrt, second, strict=True)}
    return [_of_shape(plan, key, found, columns.n).detach() for key in plan.keys]


def _of_shape(plan: Plan, key: Key, found: dict[Key, Tensor], n: int) -> Tensor:
    """A second partial by a parameter and data is one by sample, whichever of both comes first."""
    wanted, other = found[key], found.get(key[::-1])
    if plan.by_sample(key) and wanted.dim() == 0 and other is not None and other.dim():
        return other
    return wanted


def _slopes(output: Tensor, leaves: list[Tensor], *, again: bool) -> list[Tensor]:
    if not output.requires_grad or not leaves:  # the loss is locally constant
        return [torch.zeros_like(leaf) for leaf in leaves]
    return list(torch.autograd.grad(output, leaves, create_graph=again, allow_unused=True, materialize_grads=True))


BACKEND = EagerBackend()
