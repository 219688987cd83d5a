"""Closed forms over blocks that fit in the cache, in float64, by torch's own kernels: no compiler is needed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from diffexplore.bounds.watch import Watch
from diffexplore.kernels.backends.base import (
    BoundKernel,
    KernelEffort,
    Point,
    collected,
    empty_outputs,
    finished,
    totals,
)
from diffexplore.kernels.batches import Columns
from diffexplore.kernels.buffers import PIECE, BlockSteps
from diffexplore.kernels.choice import fewest
from diffexplore.kernels.plan import Plan
from diffexplore.kernels.records import ErrorBounds, Evaluation
from diffexplore.kernels.threads import in_threads

#: Bytes of the vectors of a block on a CPU that are read again: they stay in the second cache of a core.
CACHE = 3 * 2**18

#: Rows of a block on a GPU, which has to be kept busy.
_BLOCK_ON_GPU = 2**24


class BlockedBackend:
    """Runs everywhere."""

    def obstacle(self, plan: Plan, device: str) -> str | None:
        return None

    def effort(self, plan: Plan) -> KernelEffort:
        steps = BlockSteps(fewest(plan))
        return KernelEffort(
            "closed forms over blocks that fit in the cache",
            steps.operations, len(steps.reduction.scalars),
            "of the operations that run, in float64 whatever the data: result.bounds follows each of them",
        )  # fmt: skip

    def bind(self, plan: Plan, columns: Columns) -> BoundKernel:
        return BlockedKernel(plan, BlockSteps(fewest(plan)), columns)


@dataclass(eq=False)
class BlockedKernel:
    """One batch, read at each call."""

    plan: Plan
    steps: BlockSteps
    columns: Columns

    @cached_property
    def _block(self) -> int:
        """Rows of a block: they depend on the loss alone, so that the bits of a sum do."""
        if self.columns.device.type != "cpu":
            return _BLOCK_ON_GPU
        return max(1, CACHE // (8 * PIECE * max(1, self.steps.vectors))) * PIECE

    @cached_property
    def _parts(self) -> list[tuple[Tensor, ...]]:
        """The blocks of each column."""
        names = [name for name in self.steps.reduction.program.inputs if name in self.columns.tensors]
        return [self.columns.tensors[name].split(self._rows) for name in names]

    @cached_property
    def _rows(self) -> list[int]:
        """The rows of each block: what is left is whole pieces, whose sums are short, and less than one."""
        count, left = divmod(self.columns.n, self._block)
        last = left % PIECE
        return [*[self._block] * count, *[one for one in (left - last, last) if one]]

    def __call__(self, at: Point) -> Evaluation:
        workers = torch.get_num_threads() if self.columns.device.type == "cpu" else 1
        return finished(self.plan, self.columns, self.outputs(at, workers), lambda: self.bounds(at))

    def bounds(self, at: Point) -> ErrorBounds:
        """How far the numbers may be off: each operation is followed, in this thread."""
        with Watch() as watch:
            outputs = self.outputs(at)
        return ErrorBounds(*collected(self.plan, self.columns.numbers([watch.radius(one) for one in outputs])))

    def outputs(self, at: Point, workers: int = 1) -> list[Tensor]:
        """The outputs in the order of the keys, of shape () or (n,), on the device of the data."""
        n, reduction = self.columns.n, self.steps.reduction
        begun = self.steps.begun(dict(zip(self.plan.loss.parameters, at, strict=True)), self.columns.device)
        whole = empty_outputs(self.plan, self.columns)
        kept = [one.split(self._rows) for one in whole]

        def worker() -> Callable[[int], list[Tensor]]:
            space = _Space(self.steps.buffers, self._parts, max(self._rows), self.columns.device)
            steps = {
                rows: self.steps.ready(begun, at, [one[:rows] for one in space.buffers], rows)
                for rows in set(self._rows)
            }

            def sums_over(part: int) -> list[Tensor]:
                here = steps[self._rows[part]]
                sums = here(space.read(part))
                if kept:
                    self._keep(here.slots, [one[part] for one in kept])
                return sums

            return sums_over

        parts = in_threads(worker, len(self._rows), workers)
        sums = [(torch.cat(one) if one[0].dim() else torch.stack(one)).sum() for one in zip(*parts, strict=True)]
        return totals(self.plan, reduction, begun, sums, whole, n)

    def _keep(self, slots: Sequence[Any], kept: Sequence[Tensor]) -> None:
        """Writes the outputs by sample of one block."""
        reduction, outs = self.steps.reduction, iter(kept)
        for slot, combined in zip(reduction.program.outputs, reduction.combined, strict=True):
            if combined is None:
                out = next(outs)
                vector = torch.as_tensor(slots[slot], dtype=torch.float64, device=out.device)
                out.copy_(vector / self.columns.n if self.plan.loss.reduction == "mean" else vector)


class _Space:
    """The buffers of one thread: for steps, and for columns in another dtype."""

    def __init__(self, buffers: int, columns: Sequence[tuple[Tensor, ...]], rows: int, device: torch.device) -> None:
        def buffer() -> Tensor:
            return torch.empty(rows, dtype=torch.float64, device=device)

        self.buffers = [buffer() for _ in range(buffers)]
        self._columns = [(one, None if one[0].dtype == torch.float64 else buffer()) for one in columns]

    def read(self, part: int) -> list[Tensor]:
        """The rows of a block of each column, in float64."""
        found = []
        for blocks, wide in self._columns:
            block = blocks[part]
            found.append(block if wide is None else wide.narrow(0, 0, len(block)).copy_(block))
        return found


BACKEND = BlockedBackend()
