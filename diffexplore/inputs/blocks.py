"""How many samples are divided: into blocks of a fixed length, which do not depend on files or on processes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from diffexplore.ranks.records import ALONE, Ranks

#: Samples of a block: those of two columns take 16 MiB. Fewer samples are one block, which is held in memory.
BLOCK = 1 << 20

T = TypeVar("T")


@dataclass(frozen=True)
class Blocks:
    """``n`` samples in blocks of ``size``, of which the last may be shorter; ``ranks`` are who shares them."""

    n: int
    size: int
    ranks: Ranks = ALONE

    @property
    def count(self) -> int:
        return max(1, -(-self.n // self.size))

    def rows(self, block: int) -> tuple[int, int]:
        """The first sample of a block, and that behind its last."""
        return block * self.size, min(self.n, (block + 1) * self.size)

    def each(self, work: Callable[[int, int], T]) -> list[T]:
        """What ``work`` gives for each block, by its first sample and that behind its last, in the order of blocks.

        The blocks are worked on by all processes, and each of them gets every result: added up in this order, they
        give the same bits for any number of processes.
        """
        return self.ranks.each(self.count, lambda block: work(*self.rows(block)))


def whole(n: int) -> Blocks:
    """All samples as one block."""
    return Blocks(n, max(1, n))
