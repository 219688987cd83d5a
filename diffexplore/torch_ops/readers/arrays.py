"""Arrays of SymPy expressions, of which one axis may stand for the samples of a batch of any size.

That axis has one place: its cell is the expression of the generic sample.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy

Cells = np.ndarray[Any, Any]


class Mixes(Exception):
    """What an operator does with the samples of a batch cannot be stated for the generic sample."""


@dataclass(frozen=True)
class Grid:
    """Cells in the shape of a tensor; ``axis`` is the one that stands for the samples, and has one place."""

    cells: Cells
    axis: int | None = None

    @property
    def ndim(self) -> int:
        return self.cells.ndim

    @property
    def from_right(self) -> int | None:
        """The sample axis counted from the last one, which is -1."""
        return None if self.axis is None else self.axis - self.ndim


def filled(shape: Sequence[int], value: sympy.Basic) -> Cells:
    """Cells of one value."""
    cells = np.empty(tuple(shape), dtype=object)
    cells.fill(value)
    return cells


def cells_of(values: Iterable[sympy.Basic], shape: Sequence[int]) -> Cells:
    """Cells from their values, row by row."""
    listed = list(values)
    cells = np.empty(len(listed), dtype=object)
    for position, value in enumerate(listed):
        cells[position] = value
    return cells.reshape(tuple(shape))


def scalar(value: sympy.Basic) -> Grid:
    """One value, without axes."""
    return Grid(filled((), value))


def paired(*cells: Cells) -> Iterator[tuple[Any, ...]]:
    """The cells at each place, row by row, broadcast as tensors are; raises ValueError where they cannot be."""
    return zip(*(column.ravel() for column in np.broadcast_arrays(*cells)), strict=True)


def each(function: Callable[..., Any], *grids: Grid) -> Grid:
    """``function`` of the cells at each place, the grids broadcast as tensors are."""
    axes = {grid.from_right for grid in grids} - {None}
    if len(axes) > 1:
        raise Mixes
    shape = np.broadcast_shapes(*(grid.cells.shape for grid in grids))
    cells = cells_of([function(*values) for values in paired(*(grid.cells for grid in grids))], shape)
    axis = axes.pop() if axes else None
    return Grid(cells, None if axis is None else axis + len(shape))


def normal_axes(axes: int | Sequence[int] | None, ndim: int) -> tuple[int, ...]:
    """Axes as numbers from 0, in order; none given means all of them."""
    if axes is None or (not isinstance(axes, int) and len(axes) == 0):
        return tuple(range(ndim))
    listed = [axes] if isinstance(axes, int) else list(axes)
    return tuple(sorted({axis % ndim if ndim else 0 for axis in listed})) if ndim else ()


def fold(function: Callable[[list[Any]], Any], grid: Grid, axes: tuple[int, ...], keep: bool) -> Grid:
    """``function`` of the list of cells along ``axes``, for each place on the others. Says nothing of samples."""
    kept = [axis for axis in range(grid.ndim) if axis not in axes]
    shape = [grid.cells.shape[axis] for axis in kept]
    rows = np.transpose(grid.cells, (*kept, *axes)).reshape(int(np.prod(shape, dtype=int)), -1)
    cells = cells_of([function(list(row)) for row in rows], shape)
    axis = kept.index(grid.axis) if grid.axis in kept else None
    if keep:
        cells = np.expand_dims(cells, axes)
        axis = grid.axis if axis is not None else None
    return Grid(cells, axis)
