"""Sums over fixed blocks of rows, and their combination: the same bits for any number of threads and processes.

A file or an array is cut into blocks of :data:`~diffexplore.kernels.slices.BLOCK` rows, counted from its first row. The
sums over a block depend on the rows of that block alone; all blocks together are added exactly, and rounded once. So it
does not matter who adds up which block::

    accumulator = statistics.about(statistics.centre(first_block))  # the same centre for all
    records = [accumulator.accumulate(rows) for rows in parts]      # anywhere; parts begin at multiples of BLOCK
    sums = accumulator.finish(combine(records))                     # records in the order of the rows
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class BlockSums:
    """The sums over some blocks, in the order of the rows: float64 arrays of shape (blocks, K), and how many rows.

    The exact sum k over block i lies within ``radius[i, k]`` of ``high[i, k] + low[i, k]``.
    """

    high: np.ndarray
    low: np.ndarray
    radius: np.ndarray
    rows: int


def combine(records: Sequence[BlockSums]) -> BlockSums:
    """The sums over the blocks of all records, in their order; nothing is rounded."""
    high, low, radius = (np.concatenate([getattr(one, name) for one in records]) for name in ("high", "low", "radius"))
    return BlockSums(high, low, radius, sum(one.rows for one in records))


@dataclass(frozen=True)
class Total:
    """A sum over all blocks: the exact one lies within ``radius`` of ``high + low``."""

    high: float
    low: float
    radius: float


def totals(record: BlockSums) -> list[Total]:
    """The sums over all blocks, added without rounding (math.fsum), so that their order does not count.

    Where numbers are not finite, or overflow, a total has the high part NaN.
    """
    return [_total(*columns) for columns in zip(record.high.T, record.low.T, record.radius.T, strict=True)]


def _total(high: np.ndarray, low: np.ndarray, radius: np.ndarray) -> Total:
    parts = [*high.tolist(), *low.tolist()]
    try:
        first = math.fsum(parts)
        second = math.fsum([*parts, -first])
        rest = math.fsum([*parts, -first, -second])
        error = math.fsum(radius.tolist())
    except (OverflowError, ValueError):
        return Total(math.nan, math.nan, math.inf)
    if not (math.isfinite(first) and math.isfinite(error)):
        return Total(math.nan, math.nan, math.inf)
    return Total(first, second, (error + abs(rest)) * (1 + 2.0**-50))  # three roundings
