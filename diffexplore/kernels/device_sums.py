"""The sums of :mod:`diffexplore.kernels.slices` by torch, on the device of the data, many blocks at a time.

The same cuts and products as on the host, and no wait for the device. What is exact is the same to the last bit;
products with a rest are added up in another order, within the same bound.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from diffexplore.arithmetic.double_double import two_sum
from diffexplore.kernels import slices
from diffexplore.kernels.slices import BLOCK, ROWS

#: Blocks that are cut at a time: a dozen tensors of a quarter of a gigabyte.
_BLOCKS = 4_096


def sums_on_device(
    columns: Sequence[Tensor], centre: Sequence[float], sums: Sequence[Sequence[int]], rows: int
) -> tuple[Tensor, Tensor]:
    """As :func:`~diffexplore.kernels.host_sums.sums_on_host`."""
    parts, radii = [], []
    for first in range(0, rows, _BLOCKS * BLOCK):
        count = min(_BLOCKS * BLOCK, rows - first)
        blocks = -(-count // BLOCK)
        cut = [_cut(one.narrow(0, first, count), c, blocks) for one, c in zip(columns, centre, strict=True)]
        sizes = torch.stack([size for _, _, size in cut])
        pieces = [one for one, _, _ in cut] + [rest for _, rest, _ in cut] + [torch.ones_like(cut[0][0])]
        matrices = torch.stack([one.view(-1, ROWS) for one in pieces], 1)
        grams = torch.bmm(matrices, matrices.transpose(1, 2)).view(blocks, -1, len(pieces), len(pieces))
        errors = torch.full_like(sizes[0], slices.rounded(BLOCK))
        errors[-1] = slices.rounded(count - (blocks - 1) * BLOCK)
        found = [slices.part_sums(grams, sizes, one, errors) for one in sums]
        parts.append(torch.stack([torch.stack(doubles, -1) for doubles, _ in found], 1))
        radii.append(torch.stack([radius for _, radius in found], 1))
    return torch.cat(parts), torch.cat(radii)


def _cut(column: Tensor, centre: float, blocks: int) -> tuple[Tensor, Tensor, Tensor]:
    """The slice, the rest, and the size of each block of a column less its centre, with which it is filled up."""
    whole = column.new_full((blocks * BLOCK,), centre, dtype=torch.float64)
    whole[: len(column)] = column
    values, lost = two_sum(whole.view(blocks, BLOCK), -centre)
    largest = values.abs().amax(1)
    size = 2 * (largest.view(torch.int64) & slices.EXPONENT).view(torch.float64)
    anchor = (slices.ANCHOR * size).unsqueeze(1)
    first = (values + anchor) - anchor
    return first, (values - first) + lost, size
