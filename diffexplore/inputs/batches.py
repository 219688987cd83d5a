"""The data of a check: a column for each data symbol, in memory or in files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, cast

from diffexplore.errors import UsageError
from diffexplore.inputs.blocks import Blocks, whole
from diffexplore.inputs.columns import Column, missing_column
from diffexplore.inputs.stored import StoredColumn, StoredTensor, stored

if TYPE_CHECKING:
    from torch import Tensor

#: Samples that pictures are drawn of where there are more than a block.
_DRAWN = 1 << 14


@dataclass(frozen=True, eq=False)
class Batch:
    """``n`` samples: a column of shape (n,) for each data symbol, and where they come from.

    Columns are float64 NumPy arrays, or the tensors that the user gave, of their dtype and device; those of more
    samples than a block stay in their files, and give rows one block at a time. ``blocks`` says how the samples
    are divided, and which processes share them. A loss without data has no columns and n = 1: its reduction runs over
    a single summand.
    """

    columns: Mapping[str, Column]
    n: int
    origin: str
    blocks: Blocks = field(default_factory=lambda: whole(0))

    def __post_init__(self) -> None:
        if self.blocks.n != self.n:
            object.__setattr__(self, "blocks", whole(self.n))

    @property
    def in_memory(self) -> bool:
        """Whether the columns are arrays or tensors."""
        return stored(self.columns) is None

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """The samples a block at a time: for each name its rows, of shape (rows,)."""
        for number in range(self.blocks.count):
            first, last = self.blocks.rows(number)
            yield {name: column[first:last] for name, column in self.columns.items()}

    def tensors(self) -> dict[str, Tensor]:
        """The columns as tensors; a column in files answers to indices as a tensor does, and to nothing else."""
        import torch

        return {
            name: cast("Tensor", StoredTensor(column)) if isinstance(column, StoredColumn) else torch.as_tensor(column)
            for name, column in self.columns.items()
        }

    def of(self, names: tuple[str, ...]) -> Batch:
        """The same samples with some of the columns. Raises :class:`UsageError` for a column that is not there."""
        for name in names:
            if name not in self.columns:
                raise missing_column(name, self.columns, self.origin)
        return replace(self, columns={name: self.columns[name] for name in names})

    def held(self, what: str) -> Batch:
        """The batch, for ``what`` takes all of it at once. Raises :class:`UsageError` where it is in files."""
        if not self.in_memory:
            raise UsageError(f"{what} takes all samples at once, and {self.origin} has {self.n:,}: give fewer of them")
        return self

    def drawn(self) -> Batch:
        """What pictures are drawn of: the samples themselves, or the first of so many that no picture shows them."""
        if self.in_memory:
            return self
        count = min(_DRAWN, self.blocks.size, self.n)
        origin = f"the first {count:,} of {self.n:,} samples ({self.origin})"
        return Batch({name: column[:count] for name, column in self.columns.items()}, count, origin)
