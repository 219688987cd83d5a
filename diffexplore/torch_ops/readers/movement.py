"""Operators that move, copy, join or repeat elements. Views of cells are views, so that in-place changes go through."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from diffexplore.torch_ops.readers.arrays import Grid, Mixes, normal_axes

if TYPE_CHECKING:
    from diffexplore.tracing.interpret import Reading

_END = 2**63 - 1


def same(reading: Reading, x: Grid, *_: Any, **__: Any) -> Grid:
    return x


def copy(reading: Reading, x: Grid, *_: Any, **__: Any) -> Grid:
    """A copy that shares no cells."""
    return Grid(x.cells.copy(), x.axis)


def view(reading: Reading, x: Grid, *sizes: Any, **given: Any) -> Grid:
    """The same elements in another shape, in which the samples must still be one axis of its own."""
    if any(isinstance(size, torch.dtype) for size in (*sizes, *given.values())):
        raise NotImplementedError("it reads the bits of numbers as those of others: convert them with .to()")
    shape, axis = reading.shape
    if x.axis is not None and (axis is None or _before(x.cells.shape, x.axis) != _before(shape, axis)):
        raise Mixes
    cells = x.cells.reshape(shape)
    if not np.may_share_memory(cells, x.cells):
        reading.view_copied = True
    return Grid(cells, axis)


def _before(shape: Sequence[int], axis: int) -> int:
    return math.prod(shape[:axis])


def expand(reading: Reading, x: Grid, *_: Any, **__: Any) -> Grid:
    """The same elements, those of an axis that grew over and over: what is written to one is written to all."""
    shape, axis = reading.shape
    strides = np.broadcast_to(x.cells, shape).strides
    return Grid(np.lib.stride_tricks.as_strided(x.cells, shape, strides), axis)


def copied(move: Callable[..., Grid]) -> Callable[..., Grid]:
    """A view whose elements are copied."""

    def read(reading: Reading, *args: Any, **given: Any) -> Grid:
        return copy(reading, move(reading, *args, **given))

    return read


def permute(reading: Reading, x: Grid, order: Sequence[int]) -> Grid:
    places = [place % x.ndim for place in order]
    return Grid(np.transpose(x.cells, places), None if x.axis is None else places.index(x.axis))


def transpose(reading: Reading, x: Grid, first: int, second: int) -> Grid:
    order = list(range(x.ndim))
    if order:
        first, second = first % x.ndim, second % x.ndim
        order[first], order[second] = order[second], order[first]
    return permute(reading, x, order)


def t(reading: Reading, x: Grid) -> Grid:
    return permute(reading, x, range(x.ndim)[::-1])


def unsqueeze(reading: Reading, x: Grid, dim: int) -> Grid:
    place = dim % (x.ndim + 1)
    axis = None if x.axis is None else x.axis + (place <= x.axis)
    return Grid(np.expand_dims(x.cells, place), axis)


def squeeze(reading: Reading, x: Grid, dims: int | Sequence[int] | None = None) -> Grid:
    requested = () if isinstance(dims, Sequence) and not dims else normal_axes(dims, x.ndim)
    gone = tuple(axis for axis in requested if x.cells.shape[axis] == 1 and axis != x.axis)
    axis = None if x.axis is None else x.axis - sum(place < x.axis for place in gone)
    return Grid(np.squeeze(x.cells, gone), axis)


def take(x: Grid, dim: int, index: slice | int) -> Grid:
    """A part along one axis that is not that of the samples."""
    place = dim % x.ndim
    if place == x.axis:
        raise Mixes
    axis = x.axis
    if isinstance(index, int) and axis is not None and place < axis:
        axis -= 1
    cells = x.cells[(*[slice(None)] * place, index, ...)]  # the ellipsis makes a view of a single cell, too
    return Grid(cells, axis)


def select(reading: Reading, x: Grid, dim: int, index: int) -> Grid:
    return take(x, dim, index)


def as_slice(start: int | None, end: int | None, step: int) -> slice:
    """The slice of torch's arguments, whose end may be the largest integer."""
    return slice(start, None if end is None or end == _END else end, step)


def sliced(
    reading: Reading, x: Grid, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1
) -> Grid:
    if dim % x.ndim == x.axis:
        if start in (None, 0) and end in (None, _END) and step == 1:
            return x
        raise Mixes
    return take(x, dim, as_slice(start, end, step))


def narrow(reading: Reading, x: Grid, dim: int, start: int, length: int) -> Grid:
    return sliced(reading, x, dim, start, start + length)


def split(reading: Reading, x: Grid, size: int | Sequence[int], dim: int = 0) -> tuple[Grid, ...]:
    place = dim % x.ndim
    if place == x.axis:
        raise Mixes
    length = x.cells.shape[place]
    sizes = [size] * math.ceil(length / size) if isinstance(size, int) else size
    starts = [sum(sizes[:i]) for i in range(len(sizes))]
    return tuple(take(x, dim, slice(a, a + n)) for a, n in zip(starts, sizes, strict=True))


def unbind(reading: Reading, x: Grid, dim: int = 0) -> tuple[Grid, ...]:
    place = dim % x.ndim
    if place == x.axis:
        raise Mixes
    return tuple(take(x, dim, i) for i in range(x.cells.shape[place]))


def cat(reading: Reading, parts: Sequence[Grid], dim: int = 0) -> Grid:
    parts = [part for part in parts if part.cells.size] or parts
    axes = {part.axis for part in parts}
    if len(axes) > 1 or dim % parts[0].ndim in axes:
        raise Mixes
    return Grid(np.concatenate([part.cells for part in parts], dim), axes.pop())


def stack(reading: Reading, parts: Sequence[Grid], dim: int = 0) -> Grid:
    place = dim % (parts[0].ndim + 1)
    return cat(reading, [unsqueeze(reading, part, place) for part in parts], place)


def repeat(reading: Reading, x: Grid, times: Sequence[Any]) -> Grid:
    _, axis = reading.shape
    lead = len(times) - x.ndim
    if x.axis is not None and (axis != x.axis + lead or times[axis] != 1):
        raise Mixes
    counts = [1 if place == axis else int(count) for place, count in enumerate(times)]
    return Grid(np.tile(x.cells, counts), axis)


def flip(reading: Reading, x: Grid, dims: Sequence[int]) -> Grid:
    axes = normal_axes(dims, x.ndim) if dims else ()
    if x.axis in axes:
        raise Mixes
    return Grid(np.flip(x.cells, axes).copy() if axes else x.cells.copy(), x.axis)


def roll(reading: Reading, x: Grid, shifts: Sequence[int], dims: Sequence[int] = ()) -> Grid:
    if x.axis is not None and (not dims or x.axis in normal_axes(dims, x.ndim)):
        raise Mixes
    return Grid(np.roll(x.cells, tuple(shifts), tuple(dims)) if dims else np.roll(x.cells, shifts[0]), x.axis)


def diagonal(reading: Reading, x: Grid, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Grid:
    first, second = dim1 % x.ndim, dim2 % x.ndim
    if x.axis in (first, second):
        raise Mixes
    axis = None if x.axis is None else x.axis - (first < x.axis) - (second < x.axis)
    cells = np.diagonal(x.cells, offset, first, second)
    cells.flags.writeable = True  # a view of the same cells, as torch's is
    return Grid(cells, axis)
