"""Linear algebra of small matrices: determinants and inverses by minors, triangles by substitution.

A factorisation with pivots is read as the one without, of which products and solutions are the same: the program runs
at points of both kinds, so that what reads the factors themselves is refused.
Source: G. H. Golub and C. F. Van Loan, "Matrix Computations", 4th ed., 2013, §1.1.4, 3.1, 3.2 and 4.2.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy

from diffexplore.torch_ops.domains import nonzero, positive
from diffexplore.torch_ops.readers.arrays import Cells, Grid, Mixes, cells_of, filled
from diffexplore.torch_ops.readers.windows import added, product

if TYPE_CHECKING:
    from diffexplore.tracing.interpret import Reading

#: A determinant of so many rows has 120 terms.
MOST = 5


def _matrices(x: Grid, most: int = MOST) -> Cells:
    """The matrices of a batch, one after the other; the samples are no axis of them."""
    if x.axis is not None and x.axis >= x.ndim - 2:
        raise Mixes
    if max(x.cells.shape[-2:]) > most:
        raise NotImplementedError(f"matrices of more than {most} rows are not read")
    return x.cells.reshape(-1, *x.cells.shape[-2:])


def _batch(x: Grid, function: Callable[[Cells], Any], *, most: int = MOST) -> Grid:
    """What a function makes of each matrix: cells, or a number."""
    found = [np.asarray(function(matrix), dtype=object) for matrix in _matrices(x, most)]
    cells = np.stack(found) if found else filled((0,), sympy.S.Zero)
    return Grid(cells.reshape((*x.cells.shape[:-2], *cells.shape[1:])), x.axis)


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


def _zeros(shape: tuple[int, ...]) -> Grid:
    return Grid(filled(shape, sympy.S.Zero))


def _no_error(x: Grid, *more: int) -> Grid:
    """The numbers of errors, of which there are none."""
    return Grid(_zeros((*x.cells.shape[:-2], *more)).cells, x.axis)


def inverse(reading: Reading, a: Grid, check_errors: bool = False) -> tuple[Grid, Grid]:
    return _batch(a, lambda matrix: _inverse(reading, matrix)), _no_error(a)


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


def _transposed(x: Grid) -> Grid:
    return Grid(np.swapaxes(x.cells, -1, -2), x.axis)


def _pivots(a: Grid) -> Grid:
    size = min(a.cells.shape[-2:])
    rows = np.broadcast_to(cells_of([sympy.Integer(k + 1) for k in range(size)], (size,)), (*a.cells.shape[:-2], size))
    return Grid(rows.copy(), a.axis)


def _factored(reading: Reading, a: Grid, *, kept: bool) -> Grid:
    """The factors; of the transpose where that is what torch keeps: of a matrix that lies in rows."""
    source = _transposed(a) if kept and reading.operand.is_contiguous() else a
    return _batch(source, lambda matrix: _factors(reading, matrix))


def determinant(reading: Reading, a: Grid) -> tuple[Grid, Grid, Grid]:
    """With the factors, and which rows were exchanged."""
    return _batch(a, _determinant), _factored(reading, a, kept=True), _pivots(a)


def log_determinant(reading: Reading, a: Grid) -> tuple[Grid, Grid, Grid, Grid]:
    """The sign and the logarithm of the size of the determinant, which is not 0."""
    whole = _batch(a, _determinant)
    for cell in whole.cells.flat:
        reading.need(nonzero(cell))
    sign = Grid(_each(sympy.sign, whole.cells), whole.axis)
    size = Grid(_each(lambda d: sympy.log(sympy.Abs(d)), whole.cells), whole.axis)
    return sign, size, _factored(reading, a, kept=True), _pivots(a)


def _each(function: Callable[[Any], Any], cells: Cells) -> Cells:
    return cells_of([function(cell) for cell in cells.flat], cells.shape)


def solve(
    reading: Reading, a: Grid, b: Grid, left: bool = True, check_errors: bool = False
) -> tuple[Grid, Grid, Grid, Grid]:
    """A⁻¹b, or bA⁻¹."""
    vector = b.ndim == 1 or (a.ndim - 1 == b.ndim and b.cells.shape == a.cells.shape[:-1])
    right = np.expand_dims(b.cells, -1) if vector else b.cells
    inverses = _batch(a, lambda matrix: _inverse(reading, matrix))
    found = _products(inverses, Grid(right, b.axis)) if left else _products(Grid(right, b.axis), inverses)
    cells = found.cells[..., 0] if vector else found.cells
    return Grid(cells, found.axis), _factored(reading, a, kept=True), _pivots(a), _no_error(a)


def _products(a: Grid, b: Grid) -> Grid:
    """The products of two batches of matrices."""
    if a.axis is not None or b.axis is not None:
        raise Mixes
    batch = np.broadcast_shapes(a.cells.shape[:-2], b.cells.shape[:-2])
    parts = [np.broadcast_to(x.cells, (*batch, *x.cells.shape[-2:])).reshape(-1, *x.cells.shape[-2:]) for x in (a, b)]
    found = [product(one, other) for one, other in zip(*parts, strict=True)]
    shape = (*batch, a.cells.shape[-2], b.cells.shape[-1])
    return Grid(cells_of([cell for part in found for cell in part.flat], shape))


def lu_solve(reading: Reading, factors: Grid, pivots: Grid, b: Grid, left: bool = True, adjoint: bool = False) -> Grid:
    """(LU)⁻¹b, b(LU)⁻¹, or the same of the transpose."""

    def inverted(packed: Cells) -> Cells:
        lower, upper = (_triangle(packed, upper=u, unit=not u) for u in (False, True))
        found = product(_substituted(reading, upper, upper=True), _substituted(reading, lower, upper=False))
        return found.T if adjoint else found

    inverses = _batch(factors, inverted)
    return _products(inverses, b) if left else _products(b, inverses)


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

    inverses = _batch(a, inverted)
    return _products(inverses, b) if left else _products(b, inverses)


def triangular_solve(
    reading: Reading, b: Grid, a: Grid, upper: bool = True, transpose: bool = False, unitriangular: bool = False
) -> tuple[Grid, Grid]:
    """torch.triangular_solve: with a copy of the matrix."""
    if transpose:
        a = _transposed(a)
    found = solve_triangular(reading, a, b, upper != transpose, True, unitriangular)
    return found, Grid((_transposed(a) if transpose else a).cells.copy(), a.axis)


def cholesky(reading: Reading, a: Grid, upper: bool = False, check_errors: bool = False) -> tuple[Grid, Grid]:
    """The lower factor L with LLᵀ = A, or its transpose: read from one triangle of A, whose minors are above 0."""

    def factor(matrix: Cells) -> Cells:
        size = len(matrix)
        source = matrix.T if upper else matrix
        found = filled((size, size), sympy.S.Zero)
        for j in range(size):
            for i in range(j, size):
                rest = source[i, j] - added(cells_of([found[i, k] * found[j, k] for k in range(j)], (j,)))
                if i == j:
                    reading.need(positive(sympy.together(rest)))
                found[i, j] = sympy.sqrt(rest) if i == j else rest / found[j, j]
        return found.T if upper else found

    return _batch(a, factor), _no_error(a)


def cholesky_inverse(reading: Reading, factor: Grid, upper: bool = False) -> Grid:
    """(LLᵀ)⁻¹ of a lower factor L, or (UᵀU)⁻¹."""

    def inverted(matrix: Cells) -> Cells:
        found = _substituted(reading, _triangle(matrix, upper=upper, unit=False), upper=upper)
        return product(found, found.T) if upper else product(found.T, found)

    return _batch(factor, inverted)


def cholesky_solve(reading: Reading, b: Grid, factor: Grid, upper: bool = False) -> Grid:
    return _products(cholesky_inverse(reading, factor, upper), b)


def lu_unpack(
    reading: Reading, factors: Grid, pivots: Grid, unpack_data: bool = True, unpack_pivots: bool = True
) -> tuple[Grid, Grid, Grid]:
    """P, L and U; those that are not asked for have no elements."""
    rows, columns = factors.cells.shape[-2:]
    size, batch = min(rows, columns), factors.cells.shape[:-2]
    order = _whole(range(1, size + 1))
    if any(cell != want for row in pivots.cells.reshape(-1, size) for cell, want in zip(row, order, strict=True)):
        raise NotImplementedError("exchanges of rows are not read")
    one = np.broadcast_to(
        cells_of(_whole(i == j for i in range(rows) for j in range(rows)), (rows, rows)), (*batch, rows, rows)
    )
    none = Grid(filled((0,), sympy.S.Zero))
    if not unpack_data:
        return Grid(one.copy(), factors.axis), none, none

    def lower(packed: Cells) -> Cells:
        return cells_of(
            [packed[i, j] if i > j else sympy.Integer(i == j) for i in range(rows) for j in range(size)], (rows, size)
        )

    def upper(packed: Cells) -> Cells:
        return cells_of(
            [packed[i, j] if i <= j else sympy.S.Zero for i in range(size) for j in range(columns)], (size, columns)
        )

    return Grid(one.copy(), factors.axis) if unpack_pivots else none, _batch(factors, lower), _batch(factors, upper)


def _whole(numbers: Iterable[int]) -> list[sympy.Expr]:
    return [sympy.Integer(int(number)) for number in numbers]


def lu_factor(reading: Reading, a: Grid, pivot: bool = True, check_errors: bool = False) -> tuple[Grid, Grid, Grid]:
    """The factors, which rows were exchanged, and no error."""
    return _factored(reading, a, kept=False), _pivots(a), _no_error(a)
