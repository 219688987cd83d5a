"""Places in memory, in the raveled tensor, or where a constant mask holds: what is read and put there."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy
import torch

from diffexplore.torch_ops.readers.arrays import Cells, Grid, Mixes, cells_of, filled
from diffexplore.torch_ops.readers.scatter import whole_numbers
from diffexplore.torch_ops.readers.windows import put_back

if TYPE_CHECKING:
    from diffexplore.tracing.interpret import Reading


# ------------------------------------------------------------------------------------------------------------- memory
def as_strided(
    reading: Reading, x: Grid, size: Sequence[int], stride: Sequence[int], storage_offset: int | None = None
) -> Grid:
    """The elements that lie in memory where the strides say, those of the operand alone."""
    if x.axis is not None or reading.shape[1] is not None:
        raise Mixes
    found = _in_memory(reading.operand, size, stride, storage_offset)
    if (found < 0).any():
        raise NotImplementedError("it reads memory that is none of its operand's elements: take them from the whole")
    cells = _as_view(x.cells, found)
    if cells is None:
        reading.view_copied = True
        cells = np.array(x.cells.reshape(-1)[found], dtype=object)
    return Grid(cells)


def as_strided_scatter(
    reading: Reading, x: Grid, source: Grid, size: Sequence[int], stride: Sequence[int],
    storage_offset: int | None = None,
) -> Grid:  # fmt: skip
    """A copy of x with the elements of the source where the strides over its memory say."""
    if x.axis is not None or source.axis is not None:
        raise Mixes
    flat = x.cells.reshape(-1).copy()
    found = _in_memory(reading.operand, size, stride, storage_offset)
    if len(np.unique(found)) < found.size or (found < 0).any():
        raise NotImplementedError("its strides put several elements in one place, or beside the operand")
    flat[found.reshape(-1)] = np.broadcast_to(source.cells, found.shape).reshape(-1)
    return Grid(flat.reshape(x.cells.shape))


def _in_memory(
    operand: torch.Tensor, size: Sequence[int], stride: Sequence[int], offset: int | None
) -> np.ndarray[Any, Any]:
    """Which element of the operand lies at each place that the strides say; −1 where none does."""
    start = int(operand.storage_offset())
    own = _places(operand.shape, operand.stride(), start).reshape(-1).tolist()
    number = {place: position for position, place in reversed(list(enumerate(own)))}
    places = _places(size, stride, start if offset is None else offset)
    return np.array([number.get(place, -1) for place in places.reshape(-1).tolist()], np.int64).reshape(places.shape)


def _places(size: Sequence[int], stride: Sequence[int], offset: int) -> np.ndarray[Any, Any]:
    found: np.ndarray[Any, Any] = np.full(tuple(size), offset, np.int64)
    for axis, (count, step) in enumerate(zip(size, stride, strict=True)):
        found = found + (np.arange(count) * step).reshape([-1 if k == axis else 1 for k in range(len(size))])
    return found


def _as_view(cells: Cells, index: np.ndarray[Any, Any]) -> Cells | None:
    """The cells at an index as a view of them, where the index grows evenly along each axis; None where not."""
    if not cells.flags.c_contiguous or not index.size:
        return None
    first = int(index.flat[0])
    steps = [int(np.take(index, 1, axis).flat[0]) - first if n > 1 else 0 for axis, n in enumerate(index.shape)]
    if not (index == _places(index.shape, steps, first)).all() or any(step < 0 for step in steps):
        return None
    flat = cells.reshape(-1)
    strides = [step * flat.strides[0] for step in steps]
    return np.lib.stride_tricks.as_strided(flat[first:], index.shape, strides)


# --------------------------------------------------------------------------------------------------- the raveled tensor
def taken(reading: Reading, x: Grid, index: Grid) -> Grid:
    """The elements at indices into the raveled tensor."""
    if x.axis is not None or index.axis is not None:
        raise Mixes
    return Grid(np.array(x.cells.reshape(-1)[whole_numbers(index)], dtype=object).reshape(index.cells.shape))


def put(reading: Reading, x: Grid, index: Grid, source: Grid, accumulate: bool = False) -> Grid:
    """A copy with elements put, or added, at indices into the raveled tensor."""
    if any(one.axis is not None for one in (x, index, source)):
        raise Mixes
    flat = list(x.cells.flat)
    for place, value in zip(whole_numbers(index).flat, source.cells.flat, strict=True):
        flat[place] = flat[place] + value if accumulate else value
    return Grid(cells_of(flat, x.cells.shape))


# --------------------------------------------------------------------------------------------------------------- masks
def masked_scatter(reading: Reading, x: Grid, mask: Grid, source: Grid) -> Grid:
    """A copy with the elements of the source, one after the other, where a constant mask holds."""
    if any(one.axis is not None for one in (x, mask, source)):
        raise Mixes
    shape = reading.shape[0]
    flat = np.broadcast_to(x.cells, shape).reshape(-1).copy()
    places = _held(mask, shape)
    flat[places] = source.cells.reshape(-1)[: len(places)]
    return Grid(flat.reshape(shape))


def masked_scatter_backward(reading: Reading, grad: Grid, mask: Grid, sizes: Sequence[int]) -> Grid:
    """The elements where the mask holds, one after the other, and zeros behind them."""
    if grad.axis is not None or mask.axis is not None:
        raise Mixes
    places = _held(mask, grad.cells.shape)
    flat = filled((math.prod(sizes),), sympy.S.Zero)
    flat[: len(places)] = grad.cells.reshape(-1)[places]
    return Grid(flat.reshape(tuple(sizes)))


def _held(mask: Grid, shape: Sequence[int]) -> np.ndarray[Any, Any]:
    cells = np.broadcast_to(mask.cells, tuple(shape)).reshape(-1)
    if any(cell not in (sympy.true, sympy.false) for cell in cells):
        raise NotImplementedError("the mask depends on the values of inputs: write it with torch.where")
    return np.flatnonzero([cell == True for cell in cells])  # noqa: E712 (SymPy's true)


# ------------------------------------------------------------------------------------------------------------- padding
def replication_backward(axes: int) -> Callable[..., Grid]:
    """The way back of padding by the nearest element: what is padded is added up at its element."""

    def read(reading: Reading, grad: Grid, x: Grid, padding: Sequence[int]) -> Grid:
        shape = x.cells.shape
        sizes, padded = shape[x.ndim - axes :], grad.cells.shape[x.ndim - axes :]
        _keep_samples(x, axes)
        index: np.ndarray[Any, Any] = np.zeros((1,), np.int64)
        for axis, (size, count) in enumerate(zip(sizes, padded, strict=True)):
            before = padding[2 * (axes - 1 - axis)]
            line = np.clip(np.arange(count) - before, 0, size - 1)
            index = (index[:, None] * size + line).reshape(-1)
        rows = grad.cells.reshape(-1, 1, len(index))
        return Grid(put_back(rows, index[None, :], math.prod(sizes)).reshape(shape), grad.axis)

    return read


def nearest(name: str) -> Callable[..., Grid]:
    """Resizing by the nearest element. The kernel rounds its place in float32: labels tell which one it takes."""
    kernel = getattr(torch.ops.aten, name).default

    def read(reading: Reading, x: Grid, output_size: Sequence[int], *scales: Any, **named: Any) -> Grid:
        sizes = x.cells.shape[2:]
        labels = torch.arange(math.prod(sizes), dtype=torch.float64, device="cpu").reshape((1, 1, *sizes))
        index = kernel(labels, output_size, *_floats(scales), **_named(named)).to(torch.int64).numpy().reshape(-1)
        _keep_samples(x, len(sizes))
        found = x.cells.reshape(-1, math.prod(sizes))[:, index]
        return Grid(found.reshape((*x.cells.shape[:2], *output_size)), x.axis)

    return read


def nearest_backward(name: str) -> Callable[..., Grid]:
    """Its way back: what the kernel makes of each single place of the gradient says where that is added."""
    kernel = getattr(torch.ops.aten, name).default

    def read(
        reading: Reading, grad: Grid, output_size: Sequence[int], input_size: Sequence[int], *scales: Any, **named: Any
    ) -> Grid:
        count, sizes = math.prod(output_size), tuple(input_size[2:])
        units = torch.eye(count, dtype=torch.float64, device="cpu").reshape((count, 1, *output_size))
        made = kernel(units, output_size, (count, 1, *sizes), *_floats(scales), **_named(named)).reshape(count, -1)
        _keep_samples(grad, len(sizes))
        found = put_back(grad.cells.reshape(-1, 1, count), made.argmax(1).numpy()[None, :], math.prod(sizes))
        return Grid(found.reshape((*grad.cells.shape[:2], *sizes)), grad.axis)

    return read


def _floats(given: Sequence[Any]) -> list[Any]:
    return [None if one is None else float(one) for one in given]


def _named(given: Mapping[str, Any]) -> dict[str, Any]:
    return dict(zip(given, _floats(list(given.values())), strict=True))


def _keep_samples(x: Grid, axes: int) -> None:
    if x.axis is not None and x.axis >= x.ndim - axes:
        raise Mixes
