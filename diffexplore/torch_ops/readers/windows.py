"""Windows that slide over cells: convolutions, means of windows, and what their ways back add up.

The samples are the first axis of what is read, if they are one at all. Where each place of a window takes its element
from is given by :mod:`~diffexplore.torch_ops.tensor_rules.windows`, also for tensors on balls.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy

from diffexplore.torch_ops.readers.arrays import Cells, Grid, Mixes, cells_of, filled
from diffexplore.torch_ops.tensor_rules.windows import each, sliding

if TYPE_CHECKING:
    from diffexplore.tracing.interpret import Reading

Index = np.ndarray[Any, Any]
Sizes = Sequence[int] | int


def added(cells: Cells) -> sympy.Expr:
    """The sum of all cells, those that are 0 left out."""
    return sympy.Add(*(cell for cell in cells.flat if cell != 0))


def seen_by(cells: Cells, index: Index) -> Cells:
    """The windows (…, *index.shape) of cells (…, size); 0 where the index is −1."""
    padded = np.concatenate([cells, filled((*cells.shape[:-1], 1), sympy.S.Zero)], -1)
    return padded[..., index]


def put_back(windows: Cells, index: Index, size: int) -> Cells:
    """The sums (…, size) of what all windows (…, *index.shape) say of each element."""
    front = windows.shape[: windows.ndim - index.ndim]
    rows = windows.reshape(-1, index.size)
    places = [np.flatnonzero(index.ravel() == place) for place in range(size)]
    return cells_of([added(row[found]) for row in rows for found in places], (*front, size))


def product(a: Cells, b: Cells) -> Cells:
    """The product of two matrices of cells."""
    return cells_of([added(row * column) for row in a for column in b.T], (len(a), b.shape[1]))


def _samples_first(*grids: Grid) -> int | None:
    """The axis of the samples, 0 where there is one; raises Mixes where it is another one."""
    axes = {grid.axis for grid in grids}
    if not axes <= {None, 0}:
        raise Mixes
    return 0 if 0 in axes else None


def _flat(grid: Grid, *front: int) -> Cells:
    return grid.cells.reshape(*front, -1)


def convolution(
    reading: Reading, x: Grid, weight: Grid, bias: Grid | None, stride: Sizes, padding: Sizes, dilation: Sizes,
    transposed: bool, output_padding: Sizes, groups: int,
) -> Grid:  # fmt: skip
    """The convolution of (N, C, *sizes) with (O, C / groups, *kernel), or its transpose, plus a bias."""
    shape, axis = reading.shape
    if weight.axis is not None or (bias is not None and bias.axis is not None):
        raise Mixes
    _samples_first(x)
    index = _of_kernel(x.cells.shape, shape, weight.cells.shape, stride, padding, dilation, transposed)
    rows = _flat(weight, groups, weight.cells.shape[0] // groups)
    operand = _flat(x, len(x.cells), groups, x.cells.shape[1] // groups)
    found = [
        _spread(row, part, index, shape) if transposed else product(row, _columns(part, index))
        for sample in operand
        for row, part in zip(rows, sample, strict=True)
    ]
    cells = cells_of([cell for part in found for cell in part.flat], shape)
    if bias is not None:
        cells = cells + bias.cells.reshape(-1, *[1] * (len(shape) - 2))
    return Grid(cells, axis)


def _of_kernel(
    x: Sequence[int], out: Sequence[int], kernel: Sequence[int], stride: Sizes, padding: Sizes, dilation: Sizes,
    transposed: bool,
) -> Index:  # fmt: skip
    small, large = (x, out) if transposed else (out, x)
    axes = len(kernel) - 2
    stride, padding, dilation = (each(one, axes) for one in (stride, padding, dilation))
    return sliding(large[2:], kernel[2:], stride, padding, dilation, small[2:])


def _columns(part: Cells, index: Index) -> Cells:
    """The windows of some channels, a column for each place of the result."""
    return seen_by(part, index).reshape(len(part) * len(index), -1)


def _spread(row: Cells, part: Cells, index: Index, shape: Sequence[int]) -> Cells:
    """The transpose: what each place of the small tensor adds to the large one."""
    columns = product(row.T, part)
    size = math.prod(shape[2:])
    return put_back(columns.reshape(-1, *index.shape), index, size)


def convolution_backward(
    reading: Reading, grad: Grid, x: Grid, weight: Grid, bias_sizes: Any, stride: Sizes, padding: Sizes,
    dilation: Sizes, transposed: bool, output_padding: Sizes, groups: int, output_mask: Sequence[bool],
) -> tuple[Grid | None, ...]:  # fmt: skip
    """The gradients by the operand, the weight and the bias; None for those that are masked out."""
    if weight.axis is not None:
        raise Mixes
    axis, sizes = _samples_first(grad, x), x.cells.shape
    index = _of_kernel(sizes, grad.cells.shape, weight.cells.shape, stride, padding, dilation, transposed)
    rows = _flat(weight, groups, weight.cells.shape[0] // groups)
    upstream, operand = (_flat(one, len(one.cells), groups, one.cells.shape[1] // groups) for one in (grad, x))
    by_x = by_weight = by_bias = None
    if output_mask[0]:
        found = [
            product(row, _columns(part, index)) if transposed else _spread(row, part, index, sizes)
            for sample in upstream
            for row, part in zip(rows, sample, strict=True)
        ]
        by_x = Grid(cells_of([cell for part in found for cell in part.flat], sizes), axis)
    if output_mask[1]:
        small, large = (operand, upstream) if transposed else (upstream, operand)
        parts = [
            [product(one, _columns(other, index).T) for one, other in zip(first, second, strict=True)]
            for first, second in zip(small, large, strict=True)
        ]
        cells = [added(np.array(same, dtype=object)) for same in zip(*(_cells(p) for p in parts), strict=True)]
        by_weight = Grid(cells_of(_over(reading, axis, cells), weight.cells.shape))
    if output_mask[2]:
        totals = [added(grad.cells[:, channel]) for channel in range(grad.cells.shape[1])]
        by_bias = Grid(cells_of(_over(reading, axis, totals), (len(totals),)))
    return by_x, by_weight, by_bias


def _cells(parts: Sequence[Cells]) -> list[sympy.Expr]:
    return [cell for part in parts for cell in part.flat]


def _over(reading: Reading, axis: int | None, cells: list[sympy.Expr]) -> list[sympy.Expr]:
    return cells if axis is None else list(map(reading.over_samples, cells))
