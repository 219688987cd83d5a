"""Triangles of small matrices, and factorisations into them: substitution, LU, Cholesky.

A factorisation with pivots is read as the one without, of which products and solutions are the same. The program runs
where rows are exchanged as well, so that what reads the factors themselves is refused.
Source: G. H. Golub and C. F. Van Loan, "Matrix Computations", 4th ed., 2013, §3.1, 3.2 and 4.2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import sympy

from diffexplore.torch_ops.domains import nonzero, positive
from diffexplore.torch_ops.readers.arrays import Cells, Grid, cells_of, filled
from diffexplore.torch_ops.readers.small import each_matrix, no_error, products, transposed
from diffexplore.torch_ops.readers.windows import added, product

if TYPE_CHECKING:
    from diffexplore.tracing.interpret import Reading


_NOT_SYMMETRIC = (
    "it reads one triangle of its matrix and gives half of the gradient to each, which is the derivative where the "
    "matrix is symmetric, and this one need not be: write (A + A.mT) / 2 for a matrix A"
)


def _factors(reading: Reading, a: Cells) -> Cells:
    """L below the diagonal, U on it and above, without exchanges of rows."""
    a = a.copy()
    for k in range(min(a.shape)):
        if k + 1 < len(a):
            reading.need(nonzero(sympy.together(a[k, k])))
        for i in range(k + 1, len(a)):
            a[i, k] = sympy.together(a[i, k] / a[k, k])
            for j in range(k + 1, a.shape[1]):
                a[i, j] = sympy.together(a[i, j] - a[i, k] * a[k, j])
    return a


def pivots_of(a: Grid) -> Grid:
    size = min(a.cells.shape[-2:])
    rows = np.broadcast_to(cells_of([sympy.Integer(k + 1) for k in range(size)], (size,)), (*a.cells.shape[:-2], size))
    return Grid(rows.copy(), a.axis)


def factored(reading: Reading, a: Grid, *, kept: bool) -> Grid:
    """The factors; of the transpose where that is what torch keeps: of a matrix that lies in rows."""
    source = transposed(a) if kept and reading.operand.is_contiguous() else a
    return each_matrix(source, lambda matrix: _factors(reading, matrix))


def lu_solve(reading: Reading, factors: Grid, pivots: Grid, b: Grid, left: bool = True, adjoint: bool = False) -> Grid:
    """(LU)⁻¹b, b(LU)⁻¹, or the same of the transpose."""

    def inverted(packed: Cells) -> Cells:
        lower, upper = (_triangle(packed, upper=u, unit=not u) for u in (False, True))
        found = product(_substituted(reading, upper, upper=True), _substituted(reading, lower, upper=False))
        return found.T if adjoint else found

    inverses = each_matrix(factors, inverted)
    return products(inverses, b) if left else products(b, inverses)


def _triangle(a: Cells, *, upper: bool, unit: bool) -> Cells:
    """One triangle of a matrix, with ones on its diagonal if they are not its own."""
    size = range(len(a))
    cells = [
        sympy.S.One if unit and i == j else a[i, j] if (i <= j if upper else i >= j) else sympy.S.Zero
        for i in size
        for j in size
    ]
    return cells_of(cells, (len(a), len(a)))


def _substituted(reading: Reading, a: Cells, *, upper: bool) -> Cells:
    """The inverse of a triangle, row by row."""
    size = len(a)
    found = filled((size, size), sympy.S.Zero)
    order = list(range(size))[:: -1 if upper else 1]
    for position, i in enumerate(order):
        reading.need(nonzero(a[i, i]))
        for j in range(size):
            known = added(cells_of([a[i, k] * found[k, j] for k in order[:position]], (position,)))
            found[i, j] = ((1 if i == j else 0) - known) / a[i, i]
    return found


def solve_triangular(
    reading: Reading, a: Grid, b: Grid, upper: bool, left: bool = True, unitriangular: bool = False
) -> Grid:
    """T⁻¹b, or bT⁻¹, of the upper or the lower triangle T of a matrix."""

    def inverted(matrix: Cells) -> Cells:
        return _substituted(reading, _triangle(matrix, upper=upper, unit=unitriangular), upper=upper)

    inverses = each_matrix(a, inverted)
    return products(inverses, b) if left else products(b, inverses)


def triangular_solve(
    reading: Reading, b: Grid, a: Grid, upper: bool = True, transpose: bool = False, unitriangular: bool = False
) -> tuple[Grid, Grid]:
    """torch.triangular_solve: with a copy of the matrix."""
    if transpose:
        a = transposed(a)
    found = solve_triangular(reading, a, b, upper != transpose, True, unitriangular)
    return found, Grid((transposed(a) if transpose else a).cells.copy(), a.axis)


def cholesky(reading: Reading, a: Grid, upper: bool = False, check_errors: bool = False) -> tuple[Grid, Grid]:
    """The lower factor L with LLᵀ = A, or its transpose, of a symmetric matrix whose minors are above 0.

    Torch reads one triangle of A and gives half of the gradient to each, which is right of symmetric matrices alone.
    """

    def factor(matrix: Cells) -> Cells:
        size = len(matrix)
        if any(sympy.expand(matrix[i, j] - matrix[j, i]) != 0 for i in range(size) for j in range(i)):
            raise NotImplementedError(_NOT_SYMMETRIC)
        source = matrix.T if upper else matrix
        found = filled((size, size), sympy.S.Zero)
        for j in range(size):
            for i in range(j, size):
                rest = source[i, j] - added(cells_of([found[i, k] * found[j, k] for k in range(j)], (j,)))
                if i == j:
                    reading.need(positive(sympy.together(rest)))
                found[i, j] = sympy.sqrt(rest) if i == j else rest / found[j, j]
        return found.T if upper else found

    return each_matrix(a, factor), no_error(a)


def cholesky_factor(reading: Reading, a: Grid, upper: bool = False) -> Grid:
    """torch.cholesky, which tells no number of an error."""
    return cholesky(reading, a, upper)[0]


def cholesky_inverse(reading: Reading, factor: Grid, upper: bool = False) -> Grid:
    """(LLᵀ)⁻¹ of a lower factor L, or (UᵀU)⁻¹."""

    def inverted(matrix: Cells) -> Cells:
        found = _substituted(reading, _triangle(matrix, upper=upper, unit=False), upper=upper)
        return product(found, found.T) if upper else product(found.T, found)

    return each_matrix(factor, inverted)


def cholesky_solve(reading: Reading, b: Grid, factor: Grid, upper: bool = False) -> Grid:
    return products(cholesky_inverse(reading, factor, upper), b)


def lu_unpack(
    reading: Reading, factors: Grid, pivots: Grid, unpack_data: bool = True, unpack_pivots: bool = True
) -> tuple[Grid, Grid, Grid]:
    """P, L and U; those that are not requested have no elements."""
    rows, columns = factors.cells.shape[-2:]
    size = min(rows, columns)
    if any(cell != 1 + k % size for k, cell in enumerate(pivots.cells.flat)):
        raise NotImplementedError("exchanges of rows are not read")

    def unit(_: Cells) -> Cells:
        return cells_of([sympy.Integer(int(i == j)) for i in range(rows) for j in range(rows)], (rows, rows))

    def lower(packed: Cells) -> Cells:
        one = [packed[i, j] if i > j else sympy.Integer(int(i == j)) for i in range(rows) for j in range(size)]
        return cells_of(one, (rows, size))

    def upper(packed: Cells) -> Cells:
        one = [packed[i, j] if i <= j else sympy.S.Zero for i in range(size) for j in range(columns)]
        return cells_of(one, (size, columns))

    chosen = (unpack_pivots, unpack_data, unpack_data)
    none = Grid(filled((0,), sympy.S.Zero))
    order, left, right = (
        each_matrix(factors, part) if taken else none for part, taken in zip((unit, lower, upper), chosen, strict=True)
    )
    return order, left, right


def lu_factor(reading: Reading, a: Grid, pivot: bool = True, check_errors: bool = False) -> tuple[Grid, Grid, Grid]:
    """The factors, which rows were exchanged, and no error."""
    return factored(reading, a, kept=False), pivots_of(a), no_error(a)
