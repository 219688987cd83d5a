"""Pooling of cells: the mean or the largest of windows, and their ways back."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy

from diffexplore.torch_ops.readers.arrays import Cells, Grid, Mixes, cells_of
from diffexplore.torch_ops.readers.order import first_best
from diffexplore.torch_ops.readers.scatter import put_where
from diffexplore.torch_ops.readers.windows import Index, added, put_back, seen_by
from diffexplore.torch_ops.tensor_rules.windows import each, sliding

if TYPE_CHECKING:
    from diffexplore.tracing.interpret import Reading

Sizes = Sequence[int] | int


def adaptive_windows(sizes: Sequence[int], counts: Sequence[int]) -> Index:
    """Of a pooling that makes a result of a given size: on each axis from ⌊i·n/m⌋ to ⌈(i+1)·n/m⌉; −1 beside."""
    found: Index = np.zeros((1, 1), np.int64)
    for size, count in zip(sizes, counts, strict=True):
        first = np.arange(count) * size // count
        last = -(-(np.arange(count) + 1) * size // count)
        place = first + np.arange(int((last - first).max(initial=0)))[:, None]
        inside = (found >= 0)[:, None, :, None] & (place < last)[None, :, None, :]
        both = np.where(inside, found[:, None, :, None] * size + place[None, :, None, :], -1)
        found = both.reshape(found.shape[0] * place.shape[0], -1)
    return found


def _output_sizes(
    sizes: Sequence[int], kernel: list[int], stride: list[int], padding: list[int], dilation: list[int], ceil: bool
) -> list[int]:
    """As torch counts them: with ``ceil`` a last window may hang over, if it begins inside or in the left padding."""
    counts = []
    for size, k, s, p, d in zip(sizes, kernel, stride, padding, dilation, strict=True):
        reach = size + 2 * p - d * (k - 1) - 1
        count = -(-reach // s) + 1 if ceil else reach // s + 1
        counts.append(count - 1 if ceil and (count - 1) * s >= size + p else count)
    return counts


def _averaged(axes: int, sizes: Sequence[int], *arguments: Any) -> tuple[Index, list[sympy.Expr]]:
    """The windows of avg_pool, and what the sum of each is divided by."""
    kernel, stride, padding, ceil, with_padding, divisor = arguments
    kernel, padding = each(kernel, axes), each(padding, axes)
    stride = each(stride, axes) if not isinstance(stride, Sequence) or len(stride) else kernel
    counts = _output_sizes(sizes, kernel, stride, padding, [1] * axes, ceil)
    index = sliding(sizes, kernel, stride, padding, [1] * axes, counts)
    if divisor is not None:
        return index, [sympy.sympify(divisor)] * index.shape[1]
    padded = [size + 2 * pad for size, pad in zip(sizes, padding, strict=True)]
    counted = sliding(padded, kernel, stride, [0] * axes, [1] * axes, counts) if with_padding else index
    return index, [sympy.Integer(int(n)) for n in (counted >= 0).sum(0)]


def _planes(x: Grid, axes: int) -> Cells:
    """The cells in rows, one for each plane; the samples are none of its axes."""
    if x.axis is not None and x.axis >= x.ndim - axes:
        raise Mixes
    return x.cells.reshape(-1, math.prod(x.cells.shape[x.ndim - axes :]))


def _means(cells: Cells, index: Index, counts: Sequence[sympy.Expr]) -> list[sympy.Expr]:
    windows = seen_by(cells, index)
    return [added(row[:, place]) / count for row in windows for place, count in enumerate(counts)]


def _shared(grad: Cells, index: Index, counts: Sequence[sympy.Expr], size: int) -> Cells:
    """The way back: each mean, divided by the number of its elements, put back to all of them."""
    parts = cells_of([cell / count for row in grad for cell, count in zip(row, counts, strict=True)], grad.shape)
    return put_back(np.broadcast_to(parts[:, None, :], (len(parts), *index.shape)), index, size)


def average(axes: int) -> Callable[..., Grid]:
    """avg_pool over so many axes."""

    def read(
        reading: Reading, x: Grid, kernel_size: Sizes, stride: Sizes = (), padding: Sizes = 0, ceil_mode: bool = False,
        count_include_pad: bool = True, divisor_override: Any = None,
    ) -> Grid:  # fmt: skip
        given = kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
        index, counts = _averaged(axes, x.cells.shape[x.ndim - axes :], *given)
        return Grid(cells_of(_means(_planes(x, axes), index, counts), reading.shape[0]), x.axis)

    return read


def average_backward(axes: int) -> Callable[..., Grid]:
    """The way back of avg_pool."""

    def read(
        reading: Reading, grad: Grid, x: Grid, kernel_size: Sizes, stride: Sizes, padding: Sizes, ceil_mode: bool,
        count_include_pad: bool, divisor_override: Any,
    ) -> Grid:  # fmt: skip
        sizes = x.cells.shape[x.ndim - axes :]
        given = kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
        index, counts = _averaged(axes, sizes, *given)
        cells = _shared(_planes(grad, axes), index, counts, math.prod(sizes))
        return Grid(cells.reshape(x.cells.shape), grad.axis)

    return read


def _adaptive(axes: int, large: Sequence[int], small: Sequence[int]) -> tuple[Index, list[sympy.Expr]]:
    index = adaptive_windows(large[len(large) - axes :], small[len(small) - axes :])
    return index, [sympy.Integer(int(n)) for n in (index >= 0).sum(0)]


def adaptive_average(axes: int) -> Callable[..., Grid]:
    def read(reading: Reading, x: Grid, output_size: Sequence[int]) -> Grid:
        shape = reading.shape[0]
        return Grid(cells_of(_means(_planes(x, axes), *_adaptive(axes, x.cells.shape, shape)), shape), x.axis)

    return read


def adaptive_average_backward(axes: int) -> Callable[..., Grid]:
    def read(reading: Reading, grad: Grid, x: Grid) -> Grid:
        shape = x.cells.shape
        given = *_adaptive(axes, shape, grad.cells.shape), math.prod(shape[x.ndim - axes :])
        return Grid(_shared(_planes(grad, axes), *given).reshape(shape), grad.axis)

    return read


def largest(axes: int) -> Callable[..., tuple[Grid, Grid]]:
    """max_pool with the places of what is largest in each window."""

    def read(
        reading: Reading, x: Grid, kernel_size: Sizes, stride: Sizes = (), padding: Sizes = 0, dilation: Sizes = 1,
        ceil_mode: bool = False,
    ) -> tuple[Grid, Grid]:  # fmt: skip
        kernel, pads, steps = (each(one, axes) for one in (kernel_size, padding, dilation))
        strides = each(stride, axes) if not isinstance(stride, Sequence) or len(stride) else kernel
        sizes = x.cells.shape[x.ndim - axes :]
        counts = _output_sizes(sizes, kernel, strides, pads, steps, ceil_mode)
        return _largest(x, axes, sliding(sizes, kernel, strides, pads, steps, counts), counts)

    return read


def adaptive_largest(axes: int) -> Callable[..., tuple[Grid, Grid]]:
    def read(reading: Reading, x: Grid, output_size: Sequence[int]) -> tuple[Grid, Grid]:
        return _largest(x, axes, adaptive_windows(x.cells.shape[x.ndim - axes :], output_size), output_size)

    return read


def _largest(x: Grid, axes: int, index: Index, counts: Sequence[int]) -> tuple[Grid, Grid]:
    shape = (*x.cells.shape[: x.ndim - axes], *counts)
    windows = [places[places >= 0] for places in index.T]
    rows = _planes(x, axes)
    values = [sympy.Max(*row[places]) for row in rows for places in windows]
    found = [first_best(row[places], [sympy.Integer(int(p)) for p in places]) for row in rows for places in windows]
    return Grid(cells_of(values, shape), x.axis), Grid(cells_of(found, shape), x.axis)


def by_index(axes: int, place: int) -> Callable[..., Grid]:
    """The way back of a pooling for the largest: each element goes to the place in its plane that an index says.

    ``place`` is that of the indices among the arguments behind the operand.
    """

    def read(reading: Reading, grad: Grid, x: Grid, *given: Any) -> Grid:
        index: Grid = given[place]
        size = math.prod(x.cells.shape[x.ndim - axes :])
        found = [
            added(np.array([put_where(cell, k, g) for cell, g in zip(row, grads, strict=True)], dtype=object))
            for row, grads in zip(_planes(index, axes), _planes(grad, axes), strict=True)
            for k in range(size)
        ]
        return Grid(cells_of(found, x.cells.shape), grad.axis)

    return read
