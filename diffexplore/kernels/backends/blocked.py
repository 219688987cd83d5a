"""Closed forms over blocks that fit in the cache, in float64, by torch's own kernels: no compiler is needed."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from diffexplore.bounds.watch import Watch
from diffexplore.kernels.backends.base import BoundKernel, Effort, Point, collected, empty_outputs, finished, totals
from diffexplore.kernels.batches import Columns
from diffexplore.kernels.buffers import BlockSteps
from diffexplore.kernels.choice import fewest
from diffexplore.kernels.plan import Plan
from diffexplore.kernels.records import ErrorBounds, Evaluation

#: Rows of a block on a CPU: a dozen vectors stay in the second cache, and torch starts no threads of its own.
BLOCK = 16_384

#: Rows of a block on a GPU, which has to be kept busy.
_BLOCK_ON_GPU = 2**24


class BlockedBackend:
    """Runs everywhere."""

    def obstacle(self, plan: Plan, device: str) -> str | None:
        return None

    def effort(self, plan: Plan) -> Effort:
        steps = BlockSteps(fewest(plan))
        return Effort(
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
        return BLOCK if self.columns.device.type == "cpu" else _BLOCK_ON_GPU

    def __call__(self, at: Point) -> Evaluation:
        workers = torch.get_num_threads() if self.columns.device.type == "cpu" else 1
        return finished(self.plan, self.columns, self._outputs(at, workers), lambda: self.bounds(at))

    def bounds(self, at: Point) -> ErrorBounds:
        """How far the numbers may be off: each operation is followed, in this thread."""
        with Watch() as watch:
            outputs = self._outputs(at, 1)
        return ErrorBounds(*collected(self.plan, self.columns.numbers([watch.radius(one) for one in outputs])))

    def _outputs(self, at: Point, workers: int) -> list[Tensor]:
        n = self.columns.n
        begun = self.steps.begun(dict(zip(self.plan.loss.parameters, at, strict=True)), self.columns.device)
        kept = empty_outputs(self.plan, self.columns)
        parts: list[Sequence[Tensor]] = [()] * -(-n // self._block)
        numbers = itertools.count()

        def work() -> None:
            with torch.no_grad():
                space = _Space(self.steps, self.columns, min(n, self._block))
                while (i := next(numbers)) < len(parts):
                    parts[i] = self._block_done(begun, at, space, kept, i * self._block)

        _in_threads(work, min(workers, len(parts)))
        sums = [torch.stack(one).sum() for one in zip(*parts, strict=True)]
        return totals(self.plan, self.steps.reduction, begun, sums, kept, n)

    def _block_done(
        self, begun: Sequence[Any], at: Point, space: _Space, kept: Sequence[Tensor], first: int
    ) -> list[Tensor]:
        rows = min(self._block, self.columns.n - first)
        columns = space.read(first, rows)
        slots = self.steps.run(begun, columns, at, space.buffers(rows))
        reduction = self.steps.reduction
        by_sample = (s for s, one in zip(reduction.program.outputs, reduction.combined, strict=True) if one is None)
        for slot, whole in zip(by_sample, kept, strict=True):
            vector = torch.as_tensor(slots[slot], dtype=torch.float64, device=whole.device)
            vector = vector / self.columns.n if self.plan.loss.reduction == "mean" else vector
            whole[first : first + rows].copy_(vector)
        return self.steps.sums(slots, next(iter(columns.values()), torch.zeros(rows)))


class _Space:
    """The buffers of one thread."""

    def __init__(self, steps: BlockSteps, columns: Columns, rows: int) -> None:
        def buffer() -> Tensor:
            return torch.empty(rows, dtype=torch.float64, device=columns.device)

        self._columns = columns
        self._buffers = [buffer() for _ in range(steps.buffers)]
        self._wide = {name: buffer() for name, one in columns.tensors.items() if one.dtype != torch.float64}

    def buffers(self, rows: int) -> list[Tensor]:
        return [one if len(one) == rows else one[:rows] for one in self._buffers]

    def read(self, first: int, rows: int) -> dict[str, Tensor]:
        """The rows of each column in float64."""
        found = {}
        for name, tensor in self._columns.tensors.items():
            part = tensor[first : first + rows]
            found[name] = self._wide[name][:rows].copy_(part) if name in self._wide else part
        return found


def _in_threads(work: Callable[[], None], workers: int) -> None:
    if workers <= 1:
        work()
        return
    with ThreadPoolExecutor(workers) as pool:
        for done in [pool.submit(work) for _ in range(workers)]:
            done.result()


BACKEND = BlockedBackend()
