"""What is scanned: a loss with its samples, in one dtype, and the methods that can run on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from diffexplore import methods as registry
from diffexplore.checking.batch import Batch
from diffexplore.checking.evaluate import Running
from diffexplore.checking.options import as_dtype, as_wrt
from diffexplore.checking.run import prepared
from diffexplore.checking.tallies import Skipped
from diffexplore.floating_point import dtype_name
from diffexplore.loss import Loss
from diffexplore.methods.problem import Problem
from diffexplore.writing.numbers import point_text

#: A reduced loss is scanned on so many of its samples, evenly spread.
MOST_SAMPLES = 1_000

#: What is drawn where no method is named: one of each kind, which a figure can tell apart.
SHOWN = ("symbolic", "reverse", "forward_difference", "central_difference", "richardson", "complex_step")


@dataclass(frozen=True)
class Setting:
    """``columns`` hold ``n`` of the ``of`` samples of a batch."""

    problem: Problem
    columns: Mapping[str, Tensor]
    n: int
    of: int
    running: tuple[Running, ...]
    skipped: tuple[Skipped, ...]

    @property
    def dtype(self) -> str:
        """The name of the dtype."""
        return dtype_name(self.problem.dtype)

    def where(self, point: Mapping[str, float]) -> str:
        """What a figure is of: the loss, a point, the dtype, and the samples that it rests on."""
        loss, at = self.problem.loss, f" at {point_text(point)}" if point else ""
        samples = f" on {self.n:,}{'' if self.n == self.of else f' of {self.of:,}'} samples" if loss.data else ""
        return f"{loss.name or loss.formula}{at}, in {self.dtype}{samples}."


def setting_of(
    loss: Loss, batch: Batch, *, methods: Sequence[str] | str | None = None, wrt: Sequence[str] | str | None = None,
    dtype: str | torch.dtype = "float64", most: int = MOST_SAMPLES,
) -> Setting:  # fmt: skip
    """The setting of a scan, which runs on the CPU; ``methods`` None takes :data:`SHOWN`.

    Raises UsageError for unknown names.
    """
    names = tuple(name for name in as_wrt(loss, wrt) if name in loss.parameters)
    problem = Problem(loss, names, as_dtype(dtype), torch.device("cpu"))
    running, skipped, _ = prepared(problem, registry.select(SHOWN if methods is None else methods))
    stride = -(-batch.n // most)
    columns = {name: torch.as_tensor(column)[::stride] for name, column in batch.columns.items()}
    n = len(range(0, batch.n, stride))
    return Setting(problem, columns, n, batch.n, tuple(running), tuple(skipped))


def of_first_sample(loss: Loss, batch: Batch) -> tuple[Loss, Batch, dict[str, float]]:
    """The loss of the first sample alone, whose data are parameters then, and their values."""
    point = {name: float(column[0]) for name, column in batch.columns.items()}
    return loss.with_symbols(parameters=loss.data, data=()), Batch({}, 1, "the first sample"), point
