"""Batches of small matrices of cells, and their products."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import sympy

from diffexplore.torch_ops.readers.arrays import Cells, Grid, Mixes, cells_of, filled
from diffexplore.torch_ops.readers.windows import product

#: A determinant of so many rows has 120 terms.
MOST = 5


def each_matrix(x: Grid, function: Callable[[Cells], Any]) -> Grid:
    """What a function makes of each matrix of a batch, in which the samples are no axis of them: cells, or a number."""
    if x.axis is not None and x.axis >= x.ndim - 2:
        raise Mixes
    if max(x.cells.shape[-2:]) > MOST:
        raise NotImplementedError(f"matrices of more than {MOST} rows are not read")
    matrices = x.cells.reshape(-1, *x.cells.shape[-2:])
    found = np.stack([np.asarray(function(matrix), dtype=object) for matrix in matrices])
    return Grid(found.reshape((*x.cells.shape[:-2], *found.shape[1:])), x.axis)


def no_error(x: Grid) -> Grid:
    """The number of the error of each matrix of a batch, of which there are none."""
    return Grid(filled(x.cells.shape[:-2], sympy.S.Zero), x.axis)


def transposed(x: Grid) -> Grid:
    return Grid(np.swapaxes(x.cells, -1, -2), x.axis)


def products(a: Grid, b: Grid) -> Grid:
    """The products of two batches of matrices."""
    if a.axis is not None or b.axis is not None:
        raise Mixes
    batch = np.broadcast_shapes(a.cells.shape[:-2], b.cells.shape[:-2])
    parts = [np.broadcast_to(x.cells, (*batch, *x.cells.shape[-2:])).reshape(-1, *x.cells.shape[-2:]) for x in (a, b)]
    found = [product(one, other) for one, other in zip(*parts, strict=True)]
    shape = (*batch, a.cells.shape[-2], b.cells.shape[-1])
    return Grid(cells_of([cell for part in found for cell in part.flat], shape))
