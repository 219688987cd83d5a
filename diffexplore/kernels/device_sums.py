"""The sums of :mod:`diffexplore.kernels.slices` by torch, on the device of the data, many blocks at a time.

The same cuts and products, and no wait for the device. What is exact is the same to the last bit; products with a rest
are added up in another order, within the same bound.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from diffexplore.arithmetic.double_double import two_sum
from diffexplore.kernels import slices
from diffexplore.kernels.block_sums import BLOCK, BlockSums

#: Blocks that are cut at a time: a dozen tensors of a quarter of a gigabyte.
_BLOCKS = 4_096


class _Cut(NamedTuple):
    """A column as (blocks, rows), cut as in :class:`~diffexplore.kernels.slices.Sliced`; sizes are (blocks,)."""

    values: Tensor
    first: Tensor
    second: Tensor
    rest: Tensor
    size: Tensor
    squares: Tensor


def sums_on_device(
    columns: Mapping[int, Tensor], centre: Sequence[float], powers: Sequence[Sequence[int]], rows: int
) -> BlockSums:
    """The sums of columns, and of products of two of them, by their places; ``powers`` as of an accumulator."""
    parts, radii = parts_on_device(columns, centre, powers, rows)
    high, low, error = slices.joined(parts.cpu().numpy())
    return BlockSums(high, low, radii.cpu().numpy() + error, rows)


def parts_on_device(
    columns: Mapping[int, Tensor], centre: Sequence[float], powers: Sequence[Sequence[int]], rows: int
) -> tuple[Tensor, Tensor]:
    """The doubles that each sum is made of, of shape (blocks, sums, parts), and their errors, (blocks, sums)."""
    whole = rows // BLOCK * BLOCK
    spans = [(first, min(_BLOCKS * BLOCK, whole - first), BLOCK) for first in range(0, whole, _BLOCKS * BLOCK)]
    spans += [(whole, rows - whole, rows - whole)] if whole < rows else []
    parts, radii = [], []
    for first, count, length in spans:
        here = {place: one.narrow(0, first, count).view(-1, length) for place, one in columns.items()}
        cut = {place: _cut(one, centre[place]) for place, one in here.items()}
        found = [_summed([cut[place] for place, power in enumerate(one) for _ in range(power)]) for one in powers]
        parts.append(torch.stack([part for part, _ in found], 1))
        radii.append(torch.stack([radius for _, radius in found], 1))
    return torch.cat(parts), torch.cat(radii)


def _cut(column: Tensor, centre: float) -> _Cut:
    values, lost = two_sum(column.to(torch.float64), -centre)
    largest = values.abs().amax(1)
    size = torch.ldexp(torch.ones_like(largest), torch.frexp(largest).exponent)
    size = torch.where(largest == 0, 0.0, torch.where(largest < slices.LARGEST, size, torch.nan))
    anchor = (slices.ANCHOR * size).unsqueeze(1)
    first = (values + anchor) - anchor
    below = values - first
    anchor = anchor * 2.0**-slices.SLICE
    second = (below + anchor) - anchor
    rest = (below - second) + lost
    return _Cut(values, first, second, rest, size, (rest * rest).sum(1))


def _summed(factors: Sequence[_Cut]) -> tuple[Tensor, Tensor]:
    """The doubles that a sum is made of for each block, of shape (blocks, parts), and their errors."""
    x, *others = factors
    rounds = (x.squares != 0) | (x.size < slices.SMALL)
    many = x.values.shape[1] ** 2
    if not others:
        found = [x.first, x.second, x.rest]
        radius = torch.where(rounds, slices.SUM_ERROR * many, slices.TINY) * x.size
    else:
        y = others[0]
        found = [x.first * y.first, x.first * y.second, x.second * y.first, x.second * y.second]
        found += [x.values * y.rest, x.rest * y.values, -x.rest * y.rest]
        rounds = rounds | (y.squares != 0) | (y.size < slices.SMALL)
        radius = torch.where(rounds, slices.PRODUCT_ERROR * many, slices.TINY) * x.size * y.size
    sums = [one.sum(1) for one in found]
    sums += [torch.zeros_like(x.size)] * (slices.PARTS - len(sums))
    return torch.stack(sums, 1), radius + slices.UNDERFLOW
