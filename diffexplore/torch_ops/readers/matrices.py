"""Linear algebra of small matrices by minors: determinants, inverses, equations.

Source: G. H. Golub and C. F. Van Loan, "Matrix Computations", 4th ed., 2013, §1.1.4 and 3.2.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy

from diffexplore.torch_ops.domains import nonzero
from diffexplore.torch_ops.readers.arrays import Cells, Grid, cells_of
from diffexplore.torch_ops.readers.factors import factored, pivots_of
from diffexplore.torch_ops.readers.small import each_matrix, no_error, products

if TYPE_CHECKING:
    from diffexplore.tracing.interpret import Reading


def _determinant(a: Cells) -> sympy.Expr:
    """By the first row."""
    if len(a) == 0:
        return sympy.S.One
    terms = [(-1) ** j * a[0, j] * _determinant(_minor(a, 0, j)) for j in range(len(a)) if a[0, j] != 0]
    return sympy.expand(sympy.Add(*terms)) if len(a) > 1 else a[0, 0]


def _minor(a: Cells, row: int, column: int) -> Cells:
    return np.delete(np.delete(a, row, 0), column, 1)


def _inverse(reading: Reading, a: Cells) -> Cells:
    """The adjugate over the determinant, which is not 0."""
    size, whole = len(a), _determinant(a)
    reading.need(nonzero(whole))
    entries = [(-1) ** (i + j) * _determinant(_minor(a, j, i)) / whole for i in range(size) for j in range(size)]
    return cells_of(entries, (size, size))


def inverse(reading: Reading, a: Grid, check_errors: bool = False) -> tuple[Grid, Grid]:
    return each_matrix(a, lambda matrix: _inverse(reading, matrix)), no_error(a)


def determinant(reading: Reading, a: Grid) -> tuple[Grid, Grid, Grid]:
    """With the factors, and which rows were exchanged."""
    return each_matrix(a, _determinant), factored(reading, a, kept=True), pivots_of(a)


def log_determinant(reading: Reading, a: Grid) -> tuple[Grid, Grid, Grid, Grid]:
    """The sign and the logarithm of the size of the determinant, which is not 0."""
    whole = each_matrix(a, _determinant)
    for cell in whole.cells.flat:
        reading.need(nonzero(cell))
    sign = Grid(_each(sympy.sign, whole.cells), whole.axis)
    size = Grid(_each(lambda d: sympy.log(sympy.Abs(d)), whole.cells), whole.axis)
    return sign, size, factored(reading, a, kept=True), pivots_of(a)


def _each(function: Callable[[Any], Any], cells: Cells) -> Cells:
    return cells_of([function(cell) for cell in cells.flat], cells.shape)


def solve(
    reading: Reading, a: Grid, b: Grid, left: bool = True, check_errors: bool = False
) -> tuple[Grid, Grid, Grid, Grid]:
    """A⁻¹b, or bA⁻¹."""
    vector = b.ndim == 1 or (a.ndim - 1 == b.ndim and b.cells.shape == a.cells.shape[:-1])
    right = np.expand_dims(b.cells, -1) if vector else b.cells
    inverses = each_matrix(a, lambda matrix: _inverse(reading, matrix))
    found = products(inverses, Grid(right, b.axis)) if left else products(Grid(right, b.axis), inverses)
    cells = found.cells[..., 0] if vector else found.cells
    return Grid(cells, found.axis), factored(reading, a, kept=False), pivots_of(a), no_error(a)
