"""Adding up statistics about a centre, block by block."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from diffexplore.arithmetic.double_balls import DoubleBall, case_sub, exact, mul, total
from diffexplore.kernels import slices
from diffexplore.kernels.block_sums import BlockSums, Total, totals
from diffexplore.kernels.device_sums import sums_on_device
from diffexplore.kernels.generators import Generators
from diffexplore.kernels.host_sums import sums_on_host
from diffexplore.kernels.slices import BLOCK
from diffexplore.kernels.threads import in_threads

#: Blocks that one thread takes at a time, at most, and how many times each takes some at least.
_BLOCKS, _PARTS = 128, 4

#: Passes of a product of double-double balls and of its sum.
_PASSES = 60


class Accumulator:
    """Adds up products of powers of generators, less their centres.

    Attributes:
        centre: of each generator.
        powers: for each sum, the exponent of each generator.
    """

    def __init__(self, generators: Generators, centre: tuple[float, ...], powers: tuple[tuple[int, ...], ...]) -> None:
        self._generators = generators
        self.centre = centre
        self.powers = powers
        self._quick = [place for place, one in enumerate(powers) if self._is_quick(one)]
        self._slow = [place for place in range(len(powers)) if place not in set(self._quick)]
        self._places = sorted({g for place in self._quick for g, power in enumerate(powers[place]) if power})
        self._columns = [generators.columns[g] or "" for g in self._places]

    def _is_quick(self, powers: Sequence[int]) -> bool:
        """Whether a sum is one of data columns, or of products of two of them."""
        return sum(powers) <= 2 and all(self._generators.columns[g] for g, power in enumerate(powers) if power)

    @property
    def columns_alone(self) -> bool:
        """Whether all sums are those of data columns, and of products of two of them."""
        return bool(self.powers) and not self._slow

    @property
    def operations(self) -> int:
        """Passes over a column, and products of two numbers, for all sums: what a sample costs."""
        quick = len(self._columns) * slices.OPERATIONS + (2 * len(self._columns) + 1) ** 2 if self._quick else 0
        return quick + sum(_PASSES * sum(self.powers[place]) for place in self._slow)

    def accumulate(
        self, columns: Mapping[str, np.ndarray], rows: int | None = None, *, reading: bool = False
    ) -> BlockSums:
        """The sums over each block of float64 or narrower columns of shape (rows,), the last of which may be shorter.

        The first row begins a block. ``rows`` is needed where there are no columns. Of a block with entries that are
        not finite, or too large, the sums are NaN. While a thread is ``reading`` what follows, a core is left to it:
        that one is waited for.
        """
        rows = len(next(iter(columns.values()))) if rows is None else rows
        blocks, threads = -(-rows // BLOCK), max(1, torch.get_num_threads() - reading)
        step = BLOCK * min(_BLOCKS, -(-blocks // (threads * _PARTS)))

        def over(part: int) -> tuple[np.ndarray, np.ndarray]:
            first, last = part * step, min(rows, (part + 1) * step)
            return self._parts({name: column[first:last] for name, column in columns.items()}, last - first)

        parts, radius = zip(*in_threads(lambda: over, -(-rows // step), threads), strict=True)
        return _record(np.concatenate(parts), np.concatenate(radius), rows)

    def _parts(self, columns: Mapping[str, np.ndarray], rows: int) -> tuple[np.ndarray, np.ndarray]:
        """The doubles that each sum is made of, of shape (blocks, sums, parts), and their errors, (blocks, sums)."""
        starts = range(0, rows, BLOCK)
        parts = np.zeros((len(starts), len(self.powers), slices.PARTS))
        radius = np.zeros((len(starts), len(self.powers)))
        if self._quick:
            found = sums_on_host([columns[name] for name in self._columns], *self._quick_sums, rows)
            parts[:, self._quick], radius[:, self._quick] = found
        for i, start in enumerate(starts if self._slow else ()):
            block = {name: np.asarray(column[start : start + BLOCK], np.float64) for name, column in columns.items()}
            with np.errstate(all="ignore"):
                self._add_slow(block, parts[i], radius[i])
        return parts, radius

    def accumulate_on_device(self, columns: Mapping[str, Tensor]) -> BlockSums:
        """The same for tensors on one device, where :attr:`columns_alone`."""
        found = [columns[name] for name in self._columns]
        parts, radius = sums_on_device(found, *self._quick_sums, len(found[0]))
        return _record(parts.cpu().numpy(), radius.cpu().numpy(), len(found[0]))

    @property
    def _quick_sums(self) -> tuple[list[float], list[list[int]]]:
        """The centres of the columns, and for each sum the places of those whose products it is of."""
        centre = [self.centre[g] for g in self._places]
        factors = ([g for g, power in enumerate(self.powers[sum_]) for _ in range(power)] for sum_ in self._quick)
        return centre, [[self._places.index(g) for g in one] for one in factors]

    def _add_slow(self, block: Mapping[str, np.ndarray], parts: np.ndarray, radius: np.ndarray) -> None:
        balls = [
            case_sub(ball, exact(c)) if c else ball
            for ball, c in zip(self._generators.balls(block), self.centre, strict=True)
        ]
        for place in self._slow:
            factors = [balls[g] for g, power in enumerate(self.powers[place]) for _ in range(power)]
            product = factors[0]
            for factor in factors[1:]:
                product = mul(product, factor)
            whole: DoubleBall = total(product)
            parts[place, :2], radius[place] = (whole.high, whole.low), whole.radius

    def finish(self, record: BlockSums) -> dict[tuple[int, ...], Total]:
        """Each sum over all blocks, by its powers; the high part is NaN where it is not a double."""
        return dict(zip(self.powers, totals(record), strict=True))


def _record(parts: np.ndarray, radius: np.ndarray, rows: int) -> BlockSums:
    with np.errstate(all="ignore"):
        high, low, error = slices.joined(parts)
    return BlockSums(high, low, radius + error, rows)
