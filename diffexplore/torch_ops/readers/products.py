"""Products of matrices. Where the samples are what is summed over, the sum is formal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sympy

from diffexplore.torch_ops.readers.arrays import Grid, Mixes, cells_of

if TYPE_CHECKING:
    from diffexplore.tracing.interpret import Reading


def mm(reading: Reading, a: Grid, b: Grid) -> Grid:
    over_samples = a.axis == 1 or b.axis == 0
    rows, columns = a.cells.shape[0], b.cells.shape[1]
    values = []
    for i in range(rows):
        for j in range(columns):
            terms = [x * y for x, y in zip(a.cells[i], b.cells[:, j], strict=True)]
            values.append(reading.over_samples(terms[0]) if over_samples else sympy.Add(*terms))
    return Grid(cells_of(values, (rows, columns)), _axis(0 if a.axis == 0 else None, 1 if b.axis == 1 else None))


def bmm(reading: Reading, a: Grid, b: Grid) -> Grid:
    """A product for each place on the first axis."""

    def inner(axis: int | None) -> int | None:
        return axis - 1 if axis else None

    parts = [mm(reading, Grid(x, inner(a.axis)), Grid(y, inner(b.axis))) for x, y in zip(a.cells, b.cells, strict=True)]
    axis = None if not parts or parts[0].axis is None else parts[0].axis + 1
    values = [cell for part in parts for cell in part.cells.flat]
    shape = (len(parts), a.cells.shape[1], b.cells.shape[2])
    return Grid(cells_of(values, shape), _axis(0 if 0 in (a.axis, b.axis) else None, axis))


def _axis(*axes: int | None) -> int | None:
    found = [axis for axis in axes if axis is not None]
    if len(found) > 1:
        raise Mixes
    return found[0] if found else None
