"""Closed forms that torch.compile makes one kernel of: C++ on a CPU, Triton on a GPU."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import FunctionType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from diffexplore.arithmetic.torch_real import OPERATIONS, TORCH
from diffexplore.kernels.backends.base import BoundKernel, KernelEffort, Point, empty_outputs, finished, totals
from diffexplore.kernels.backends.blocked import BlockedKernel
from diffexplore.kernels.batches import Columns
from diffexplore.kernels.buffers import BlockSteps, spread
from diffexplore.kernels.choice import fewest
from diffexplore.kernels.plan import Plan
from diffexplore.kernels.records import ErrorBounds, Evaluation
from diffexplore.kernels.reduction import Reduction
from diffexplore.methods.torch_compile import missing_compiler
from diffexplore.torch_private.functions import mark_rows_dynamic

#: Samples of a row, which has sums of its own: a GPU needs many rows to work on, and short sums round less.
ROW = 8_192

#: A GPU that has this many longer rows to work on reads them faster: 4,288 in place of 3,988 GB/s of an H200.
_LONG_ROW, _MANY_ROWS = 65_536, 2_048

#: Fewer rows are computed without the compiler: torch compiles a single row for itself.
_LEAST_ROWS = 2

#: What code that cannot be watched is allowed, as everywhere in this package, in units of the watched bound.
_ALLOWED = 16

#: Sums of each row of columns of shape (rows, samples), from what does not vary; outputs by sample are written.
_Sums = Callable[[Sequence[Tensor], Tensor, Sequence[Tensor], Sequence[Tensor]], list[Tensor]]


@dataclass(frozen=True)
class InductorBackend:
    """Needs a compiler. ``mode`` is torch.compile's, ``dtype`` what the compiled code computes in: sums are float64."""

    mode: str | None = None
    dtype: torch.dtype = torch.float64

    def obstacle(self, plan: Plan, device: str) -> str | None:
        return missing_compiler(device)

    def effort(self, plan: Plan) -> KernelEffort:
        reduction = fewest(plan)
        return KernelEffort(
            "closed forms that torch.compile makes one kernel of",
            reduction.operations, len(reduction.scalars),
            f"compiled code cannot be followed: {_ALLOWED} times the bound of the same operations in blocks",
        )  # fmt: skip

    def bind(self, plan: Plan, columns: Columns) -> BoundKernel:
        return InductorKernel(plan, fewest(plan), columns, self)


@dataclass(eq=False)
class InductorKernel:
    """One batch, read at each call."""

    plan: Plan
    reduction: Reduction
    columns: Columns
    backend: InductorBackend

    def __post_init__(self) -> None:
        program = self.reduction.program
        self._names = [name for name in program.inputs if name in self.columns.tensors]
        self._fixed = _fixed(self.reduction)
        self._sums = _summing(self.reduction, self._names, self._fixed, self.backend.dtype)
        self._on_host = self.columns.device.type == "cpu"
        # The whole graph or an error: torch would otherwise run in silence, uncompiled, what it cannot follow.
        # Code for any number of rows spares a GPU little to compile, and costs it at each call.
        self._compiled: _Sums = torch.compile(
            self._sums, mode=self.backend.mode, fullgraph=True, dynamic=None if self._on_host else False
        )
        long = not self._on_host and self.columns.n >= _MANY_ROWS * _LONG_ROW
        self._row = _LONG_ROW if long else ROW
        rows = self.columns.n // self._row
        self._last = rows * self._row if rows >= _LEAST_ROWS else 0

    def __call__(self, at: Point) -> Evaluation:
        return finished(self.plan, self.columns, self.outputs(at), lambda: self._bounds(at))

    def _bounds(self, at: Point) -> ErrorBounds:
        return BlockedKernel(self.plan, BlockSteps(self.reduction), self.columns).bounds(at).times(_ALLOWED)

    def outputs(self, at: Point) -> list[Tensor]:
        """The outputs in the order of the keys: of shape () on the host, and (n,) on the device of the data."""
        slots, numbers = self.begun(at)
        sums, kept = self.reduced(numbers)
        plain = [np.float64(slot) if isinstance(slot, Tensor) else slot for slot in slots]  # quicker than tensors
        with np.errstate(all="ignore"):
            return totals(self.plan, self.reduction, plain, list(sums.cpu().numpy()), kept, self.columns.n)

    def begun(self, at: Point) -> tuple[list[Any], Tensor]:
        """What does not vary, on the host: all slots, and those that the device needs in one tensor."""
        parameters = zip(self.plan.loss.parameters, at, strict=True)
        slots = self.reduction.begun(
            TORCH, {name: torch.tensor(x, dtype=torch.float64, device="cpu") for name, x in parameters}
        )
        weight = 1 / self.columns.n if self.plan.loss.reduction == "mean" else 1.0
        return slots, torch.tensor(
            [*(float(slots[slot]) for slot in self._fixed), weight], dtype=torch.float64, device="cpu"
        )

    def reduced(self, numbers: Tensor) -> tuple[Tensor, list[Tensor]]:
        """On the device: the reductions in one tensor, and the outputs by sample."""
        n, device = self.columns.n, self.columns.device
        fixed, kept = numbers.to(device).unbind(), empty_outputs(self.plan, self.columns)
        sums = torch.zeros(len(self.reduction.sums), dtype=torch.float64, device=device)
        for function, first, last in ((self._compiled, 0, self._last), (self._sums, self._last, n)):
            if first < last:
                parts = self._over(function, fixed, kept, first, last)
                sums = sums + torch.stack([part.sum() for part in parts]) if parts else sums
        return sums, kept

    def _over(
        self, function: _Sums, numbers: Sequence[Tensor], kept: Sequence[Tensor], first: int, last: int
    ) -> list[Tensor]:
        """The function over some samples: as rows of a fixed length where they are whole rows."""
        shape = (-1, self._row) if function is self._compiled else (1, -1)
        columns = [self.columns.tensors[name].narrow(0, first, last - first).view(shape) for name in self._names]
        outs = [one.narrow(0, first, last - first).view(shape) for one in kept]
        if function is self._compiled and self._on_host:
            for one in (*columns, *outs):
                mark_rows_dynamic(one)
        with torch.no_grad():
            return function(numbers[:-1], numbers[-1], columns, outs)


def _fixed(reduction: Reduction) -> list[int]:
    """The slots of scalars that vectors are made of: parameters, and what is computed of them."""
    program = reduction.program
    needed = {slot for _, step in reduction.vectors for slot in step.arguments}
    needed |= {slot for slot, one in zip(program.outputs, reduction.combined, strict=True) if one is None}
    constants = range(len(program.inputs), program.first_step)
    return sorted(slot for slot in needed if not reduction.varies[slot] and slot not in constants)


def _summing(reduction: Reduction, names: Sequence[str], fixed: Sequence[int], dtype: torch.dtype) -> _Sums:
    """What is compiled, with code of its own: torch counts how often it compiles the same, and stops at the eighth."""
    program = reduction.program
    places = [program.inputs.index(name) for name in names]
    # Made beforehand: dynamo cannot follow SymPy's numbers in every version of torch.
    constants = [TORCH.constant(constant) for constant in program.constants]

    def run(
        numbers: Sequence[Tensor], weight: Tensor, columns: Sequence[Tensor], outs: Sequence[Tensor]
    ) -> list[Tensor]:
        slots: list[Any] = [None] * (program.first_step + len(program.steps))
        slots[len(program.inputs) : program.first_step] = constants
        for place, slot in enumerate(fixed):
            slots[slot] = numbers[place].to(dtype)
        for place, column in zip(places, columns, strict=True):
            slots[place] = column.to(dtype)
        for slot, step in reduction.vectors:
            slots[slot] = OPERATIONS[step.operation](*[slots[i] for i in step.arguments])
        by_sample = (slot for slot, one in zip(program.outputs, reduction.combined, strict=True) if one is None)
        for slot, out in zip(by_sample, outs, strict=True):
            out.copy_(slots[slot] * weight)
        found = []
        for one in reduction.sums:
            first, *second = (spread(slots[slot], columns[0].shape) for slot in one)
            product = first * second[0] if second else first
            found.append(product.sum(-1, dtype=torch.float64))
        return found

    return FunctionType(run.__code__.replace(), run.__globals__, closure=run.__closure__)


BACKEND = InductorBackend()
