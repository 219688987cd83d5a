"""Adding up statistics about a centre, block by block."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from diffexplore.arithmetic.double_balls import DoubleBall, case_sub, exact, mul, total
from diffexplore.kernels import slices
from diffexplore.kernels.block_sums import BLOCK, BlockSums, Total, totals
from diffexplore.kernels.generators import Generators

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
        self._sliced = sorted({g for place in self._quick for g, power in enumerate(powers[place]) if power})

    def _is_quick(self, powers: Sequence[int]) -> bool:
        """Whether a sum is one of data columns, or of products of two of them."""
        return sum(powers) <= 2 and all(self._generators.columns[g] for g, power in enumerate(powers) if power)

    @property
    def columns(self) -> tuple[str | None, ...]:
        """The data column that each generator is; None for functions of the data."""
        return self._generators.columns

    @property
    def columns_alone(self) -> bool:
        """Whether all sums are those of data columns, and of products of two of them."""
        return bool(self.powers) and not self._slow

    @property
    def operations(self) -> int:
        """Passes over a column or a pair of them, for all sums: what a sample costs."""
        of_columns = len(self._sliced) * slices.OPERATIONS
        of_sums = sum(slices.PARTS if sum(self.powers[place]) == 2 else 3 for place in self._quick)
        return of_columns + of_sums + sum(_PASSES * sum(self.powers[place]) for place in self._slow)

    def accumulate(self, columns: Mapping[str, np.ndarray], rows: int | None = None) -> BlockSums:
        """The sums over each block of float64 or narrower columns of shape (rows,), the last of which may be shorter.

        The first row begins a block. ``rows`` is needed where there are no columns. Of a block with entries that are
        not finite, or too large, the sums are NaN.
        """
        rows = len(next(iter(columns.values()))) if rows is None else rows
        starts = range(0, rows, BLOCK)
        parts = np.zeros((len(starts), len(self.powers), slices.PARTS))
        radius = np.zeros((len(starts), len(self.powers)))
        space = np.empty((len(self._sliced), slices.ARRAYS, min(rows, BLOCK)))
        for i, start in enumerate(starts):
            block = {name: np.asarray(column[start : start + BLOCK], np.float64) for name, column in columns.items()}
            with np.errstate(all="ignore"):
                if self._quick:
                    self._add_quick(block, space, parts[i], radius[i])
                if self._slow:
                    self._add_slow(block, parts[i], radius[i])
        with np.errstate(all="ignore"):
            high, low, error = slices.joined(parts)
        return BlockSums(high, low, radius + error, rows)

    def _add_quick(
        self, block: Mapping[str, np.ndarray], space: np.ndarray, parts: np.ndarray, radius: np.ndarray
    ) -> None:
        known = {
            g: slices.sliced(block[self._generators.columns[g] or ""], self.centre[g], arrays)
            for g, arrays in zip(self._sliced, space, strict=True)
        }
        for place in self._quick:
            factors = [known[g] for g, power in enumerate(self.powers[place]) for _ in range(power)]
            if len(factors) == 1:
                found, radius[place] = slices.sum_parts(factors[0]), slices.sum_error(factors[0])
            else:
                one, other = factors
                found = slices.square_parts(one) if one is other else slices.product_parts(one, other)
                radius[place] = slices.product_error(one, other)
            parts[place, : len(found)] = found

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
