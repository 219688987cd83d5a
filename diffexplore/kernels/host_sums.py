"""The sums of :mod:`diffexplore.kernels.slices` on the host, by a few blocks at a time, which stay in the cache."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from diffexplore.arithmetic.double_double import two_sum
from diffexplore.kernels import slices
from diffexplore.kernels.slices import BLOCK, PARTS, ROWS
from diffexplore.kernels.threads import one_thread

#: Bytes of what is at work.
_CACHE = 2**20

#: Columns that are multiplied by all others in one product: MKL takes three times as long for each from four on.
_FACTORS = 3


def sums_on_host(
    columns: Sequence[np.ndarray], centre: Sequence[float], sums: Sequence[Sequence[int]], rows: int
) -> tuple[np.ndarray, np.ndarray]:
    """The doubles that each sum is made of, of shape (blocks, sums, parts), and their errors, (blocks, sums).

    Args:
        columns: of shape (rows,) each, of at most 64 bits; less their ``centre`` they are added up.
        sums: for each sum the place of a column, or of the two whose products are added up.
    """
    blocks = -(-rows // BLOCK)
    pieces = _Pieces(len(columns), min(blocks, max(1, _CACHE // (8 * BLOCK * (2 * len(columns) + 1)))))
    width, step = 2 * len(columns) + 1, pieces.blocks
    grams = torch.zeros((-(-blocks // step) * step, BLOCK // ROWS, width, width), dtype=torch.float64, device="cpu")
    sizes = np.empty((len(columns), len(grams)))
    with one_thread(), np.errstate(all="ignore"):
        for first, out in zip(range(0, blocks, step), grams.view(-1, width, width).split(pieces.count), strict=True):
            last = first + step
            sizes[:, first:last] = pieces.cut([one[first * BLOCK : last * BLOCK] for one in columns], centre)
            for place, factors in pieces.factors.items():  # those on and above the diagonal
                out[:, place : place + _FACTORS, place:] = torch.bmm(*factors)
        errors = np.full(blocks, slices.rounded(BLOCK))
        errors[-1] = slices.rounded(rows - (blocks - 1) * BLOCK)
        parts, radii = np.empty((blocks, len(sums), PARTS)), np.empty((blocks, len(sums)))
        for place, one in enumerate(sums):
            found, radii[:, place] = slices.part_sums(grams.numpy()[:blocks], sizes[:, :blocks], one, errors)
            parts[:, place] = np.stack(found, -1)
    return parts, radii


class _Pieces:
    """Space for some blocks of each column, cut.

    Attributes:
        blocks: how many.
        count: of matrices.
        factors: some of slices, rests and ones as matrices for some rows each, by the first of them, and the transposes
            of all from there on.
    """

    def __init__(self, columns: int, blocks: int) -> None:
        self.blocks = blocks
        space = torch.ones((2 * columns + 1, blocks, BLOCK), dtype=torch.float64, device="cpu")
        self._first, self._rest = space.numpy()[:columns], space.numpy()[columns:-1]
        self._whole = list(self._rest.reshape(columns, -1))
        matrices = space.view(2 * columns + 1, -1, ROWS).transpose(0, 1)
        self.count = len(matrices)
        self.factors = {
            place: (matrices[:, place : place + _FACTORS], matrices[:, place:].transpose(1, 2))
            for place in range(0, 2 * columns + 1, _FACTORS)
        }

    def cut(self, columns: Sequence[np.ndarray], centre: Sequence[float]) -> np.ndarray:
        """Cuts each column less its centre; returns the sizes, (columns, blocks): NaN for entries that are not finite.

        Shorter columns are filled up with the centre, of which nothing is left.
        """
        first, values = self._first, self._rest
        for column, c, whole in zip(columns, centre, self._whole, strict=True):
            whole[: len(column)] = column
            if len(column) < len(whole):
                whole[len(column) :] = c
        low, high = np.minimum.reduce(values, axis=-1), np.maximum.reduce(values, axis=-1)
        lost: dict[int, np.ndarray] = {}
        for place, c in enumerate(centre):
            if not c:
                continue
            if _within_a_factor_of_two(c, low[place].min(), high[place].max()):  # the difference is exact (Sterbenz)
                values[place] -= c
            else:
                values[place], lost[place] = two_sum(values[place], -c)
            low[place] -= c
            high[place] -= c
        sizes = _powers_of_two(np.maximum(-low, high))
        anchor = (slices.ANCHOR * sizes)[..., None]
        np.add(values, anchor, out=first)
        np.subtract(first, anchor, out=first)
        values -= first  # the rests, from here on
        for place, one in lost.items():
            values[place] += one
        return sizes


def _powers_of_two(largest: np.ndarray) -> np.ndarray:
    """The least ones above numbers by their exponents: 0 for 0 and subnormal numbers, infinite or NaN for those."""
    return 2 * (largest.view(np.int64) & slices.EXPONENT).view(np.float64)


def _within_a_factor_of_two(centre: float, low: float, high: float) -> bool:
    least, most = sorted((centre / 2, centre * 2))
    return least <= low and high <= most
