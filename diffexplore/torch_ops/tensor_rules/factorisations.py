"""Systems of equations and factorisations of matrices, in steps: inverses, products, and columns one after the other.

Each step has a rule, so that the derivative is that of the factorisation itself. Signs and orders that a factorisation
leaves free, and pivots, are those that the program found. A symmetric matrix is read as half the sum of itself and its
transpose, so that its gradient is symmetric, as autograd has it.
"""

from __future__ import annotations

from typing import Any

import torch

from diffexplore.torch_ops.tensor_rules.operands import NOT_HERMITIAN, NoDerivative, closeness
from diffexplore.torch_private.watching import disable_current_modes

Tensor = torch.Tensor

_inverse = torch.linalg.inv


def _kernel(function: Any, *args: Any, **options: Any) -> Any:
    """What the program's own kernel finds, unseen."""
    with disable_current_modes():
        plain = [value.detach() if isinstance(value, Tensor) else value for value in args]
        return function(*plain, **options)


# ------------------------------------------------------------------------------------------------------- equations
def solve(a: Tensor, b: Tensor, *, left: bool = True, check_errors: bool = False) -> tuple[Tensor, ...]:
    vector = b.dim() == 1 or (a.dim() - 1 == b.dim() and b.shape == a.shape[:-1])
    right = b.unsqueeze(-1) if vector else b
    inverse = _inverse(a)
    found = inverse @ right if left else right @ inverse
    _, *rest = _kernel(torch.ops.aten._linalg_solve_ex, a, b, left=left, check_errors=check_errors)
    return (found.squeeze(-1) if vector else found, *rest)


def _triangle(a: Tensor, upper: bool, unitriangular: bool) -> Tensor:
    if not unitriangular:
        return a.triu() if upper else a.tril()
    return (a.triu(1) if upper else a.tril(-1)) + torch.eye(a.shape[-1], dtype=a.dtype, device=a.device)


def solve_triangular(a: Tensor, b: Tensor, *, upper: bool, left: bool = True, unitriangular: bool = False) -> Tensor:
    inverse = _inverse(_triangle(a, upper, unitriangular))
    return inverse @ b if left else b @ inverse


def triangular_solve(
    b: Tensor, a: Tensor, upper: bool = True, transpose: bool = False, unitriangular: bool = False
) -> tuple[Tensor, Tensor]:
    inverse = _inverse(_triangle(a, upper, unitriangular))
    return (inverse.mT if transpose else inverse) @ b, a.clone()


def least_squares(a: Tensor, b: Tensor, rcond: float | None = None, *, driver: str | None = None) -> tuple[Tensor, ...]:
    vector = a.dim() - 1 == b.dim() and b.shape == a.shape[:-1]
    right = b.unsqueeze(-1) if vector else b
    found = _full_rank_inverse(a) @ right
    solution, residuals, *rest = _kernel(torch.ops.aten.linalg_lstsq, a, b, rcond, driver=driver)
    result = found.squeeze(-1) if vector else found
    _same(result, solution)
    difference = a @ found - right
    squares = (difference * difference.conj()).real.sum(-2)
    return result, squares if residuals.numel() else squares.new_empty(residuals.shape), *rest


def _same(found: Tensor, computed: Tensor) -> None:
    """Raises NoDerivative where the program took a matrix for one of lower rank."""
    if not _kernel(torch.allclose, found, computed, 1e-4, 1e-6):
        raise NoDerivative(_RANK)


_RANK = "a matrix is not certainly of full rank, and where the rank changes the solution jumps"


def _full_rank_inverse(a: Tensor) -> Tensor:
    wide = a.shape[-2] < a.shape[-1]
    try:
        return a.mH @ _inverse(a @ a.mH) if wide else _inverse(a.mH @ a) @ a.mH
    except RuntimeError:  # of LAPACK: it is singular
        raise NoDerivative(_RANK) from None


def pseudo_inverse(a: Tensor, *, atol: Any = None, rtol: Any = None, hermitian: bool = False) -> Tensor:
    """Of a matrix of full rank."""
    if hermitian:
        _check_hermitian(a)
    if 0 in a.shape:
        return a.mT.clone()
    found = _full_rank_inverse(a)
    _same(found, _kernel(torch.linalg.pinv, a, atol=atol, rtol=rtol, hermitian=hermitian))
    return found


# --------------------------------------------------------------------------------------------------------- Cholesky
def cholesky(a: Tensor, upper: bool = False) -> Tensor:
    """Of a Hermitian matrix. As in torch its columns turn by i Im t / 2, where L⁻¹ dA L⁻ᴴ has the diagonal t."""
    _check_hermitian(a)
    lower = _cholesky((a + a.mH) / 2)
    if a.is_complex():
        inverse = _inverse(lower)
        turning = (inverse @ a @ inverse.mH).diagonal(0, -2, -1).imag  # 0
        lower = lower + lower * (0.5j * turning).unsqueeze(-2)
    return lower.mH if upper else lower


def _check_hermitian(a: Tensor) -> None:
    """Raises NoDerivative for another matrix: torch gives half of a gradient to each triangle, and reads only one."""
    if not _kernel(lambda x: torch.allclose(x.tril(-1), x.mH.tril(-1), *closeness(float(x.abs().sum()))), a):
        raise NoDerivative(NOT_HERMITIAN)


def cholesky_with_info(a: Tensor, *, upper: bool = False, check_errors: bool = False) -> tuple[Tensor, Tensor]:
    _, info = _kernel(torch.linalg.cholesky_ex, a, upper=upper, check_errors=check_errors)
    return cholesky(a, upper), info


def _cholesky(a: Tensor) -> Tensor:
    """Column by column: what is left of the matrix once a column's outer product is taken off."""
    columns = []
    for k in range(a.shape[-1]):
        column = a[..., k:, k] / a[..., k, k].real.sqrt().unsqueeze(-1)
        columns.append(torch.nn.functional.pad(column, (k, 0)))
        a = a - columns[-1].unsqueeze(-1) * columns[-1].conj().unsqueeze(-2)
    return torch.stack(columns, -1) if columns else a.clone()


def cholesky_inverse(factor: Tensor, upper: bool = False) -> Tensor:
    factor = factor.triu() if upper else factor.tril()
    return _inverse(factor.mH @ factor if upper else factor @ factor.mH)


def cholesky_solve(b: Tensor, factor: Tensor, upper: bool = False) -> Tensor:
    return cholesky_inverse(factor, upper) @ b


# --------------------------------------------------------------------------------------------------------------- LU
def lu_factor(a: Tensor, *, pivot: bool = True, check_errors: bool = False) -> tuple[Tensor, Tensor, Tensor]:
    """Gaussian elimination with the rows in the order that the program's pivots say."""
    _, pivots, info = _kernel(torch.linalg.lu_factor_ex, a, pivot=pivot, check_errors=check_errors)
    if pivot:
        a = _permutation(pivots, a.shape[-2], a.dtype).mT @ a
    return _eliminated(a), pivots, info


def _permutation(pivots: Tensor, rows: int, dtype: torch.dtype) -> Tensor:
    square = torch.zeros(*pivots.shape[:-1], rows, pivots.shape[-1], dtype=dtype, device=pivots.device)
    return _kernel(torch.lu_unpack, square, pivots, unpack_data=False)[0]


def _eliminated(a: Tensor) -> Tensor:
    """L below the diagonal, U on it and above."""
    rows, columns = a.shape[-2:]
    packed = a.new_zeros(a.shape)
    for k in range(min(rows, columns)):
        row, below = a[..., k, k:], a[..., k + 1 :, k] / a[..., k, k].unsqueeze(-1)
        full = torch.nn.functional.pad(below, (k + 1, 0))
        packed = packed + _outer_unit(row, rows, k, along_row=True) + _outer_unit(full, columns, k, along_row=False)
        a = a - full.unsqueeze(-1) * torch.nn.functional.pad(row, (k, 0)).unsqueeze(-2)
    return packed


def _outer_unit(vector: Tensor, size: int, k: int, *, along_row: bool) -> Tensor:
    """A matrix of zeros with ``vector`` in its row, or column, k."""
    if along_row:
        return torch.nn.functional.pad(vector.unsqueeze(-2), (k, 0, k, size - k - 1))
    return torch.nn.functional.pad(vector.unsqueeze(-1), (k, size - k - 1))


def lu_unpack(
    packed: Tensor, pivots: Tensor, unpack_data: bool = True, unpack_pivots: bool = True
) -> tuple[Tensor, Tensor, Tensor]:
    rows, columns = packed.shape[-2:]
    size = min(rows, columns)
    order = _permutation(pivots, rows, packed.dtype) if unpack_pivots else packed.new_zeros(0)
    if not unpack_data:
        return order, packed.new_zeros(0), packed.new_zeros(0)
    one = torch.eye(rows, size, dtype=packed.dtype, device=packed.device)
    return order, packed[..., :size].tril(-1) + one, packed[..., :size, :].triu()


def lu(a: Tensor, *, pivot: bool = True) -> tuple[Tensor, Tensor, Tensor]:
    packed, pivots, _ = lu_factor(a, pivot=pivot)
    return lu_unpack(packed, pivots, unpack_pivots=pivot)


def lu_solve(packed: Tensor, pivots: Tensor, b: Tensor, *, left: bool = True, adjoint: bool = False) -> Tensor:
    order, lower, upper = lu_unpack(packed, pivots)
    inverse = _inverse(upper) @ _inverse(lower) @ order.mT
    inverse = inverse.mH if adjoint else inverse
    return inverse @ b if left else b @ inverse


# ----------------------------------------------------------------------------------- orthogonal and singular vectors
def qr(a: Tensor, mode: str = "reduced") -> tuple[Tensor, Tensor]:
    """R is the Cholesky factor of AᴴA, with the signs of the program's; Q = A R⁻¹."""
    rows, columns = a.shape[-2:]
    if mode == "complete" and rows > columns:
        raise NotImplementedError("columns of Q that A does not determine")
    size = min(rows, columns)
    left = a[..., :size]
    signs = _kernel(lambda x: torch.linalg.qr(x)[1].diagonal(dim1=-2, dim2=-1).real.sign(), left)
    upper = _cholesky(left.mH @ left).mH * signs.unsqueeze(-1)
    q = left @ _inverse(upper)
    r = upper if columns == size else torch.cat([upper, q.mH @ a[..., size:]], -1)
    return (q if mode != "r" else a.new_zeros(0)), r


def singular_values(
    a: Tensor, full_matrices: bool = False, compute_uv: bool = True, *, driver: str | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """Through the eigenvectors of AᴴA, or of AAᴴ where that is smaller; with the program's signs or phases."""
    wide = a.shape[-2] < a.shape[-1]
    tall = a.mH if wide else a
    squares, vectors = torch.linalg.eigh(tall.mH @ tall)
    values, vectors = squares.flip(-1).sqrt(), vectors.flip(-1)
    u, _, vh = _kernel(torch.ops.aten._linalg_svd, a, full_matrices, True)
    if not compute_uv:
        return a.new_zeros(0), values, a.new_zeros(0)
    own = u if wide else vh.mH
    size = values.shape[-1]
    vectors = vectors * _kernel(lambda x, y: (x.conj() * y).sum(-2, keepdim=True), vectors, own[..., :size]).sgn()
    others = tall @ vectors / values.unsqueeze(-2)
    left, right = (vectors, others) if wide else (others, vectors)
    left, right = (torch.cat([x, _undetermined(y[..., size:], a)], -1) for x, y in ((left, u), (right, vh.mH)))
    return left, values, right.mH


def _undetermined(vectors: Tensor, a: Tensor) -> Tensor:
    """Vectors that ``a`` leaves free, as all that are orthogonal to the others: no slope of theirs is known."""
    total = a.sum((-2, -1), keepdim=True)
    size = total.real if total.is_complex() else total
    return torch.where(size * 0 > 0, total, vectors)  # a tie, at which any change may do anything


def householder_product(vectors: Tensor, factors: Tensor) -> Tensor:
    rows, columns = vectors.shape[-2:]
    one = torch.eye(rows, dtype=vectors.dtype, device=vectors.device)
    found = one.expand(*vectors.shape[:-2], rows, rows)
    lower = vectors.tril(-1) + torch.eye(rows, columns, dtype=vectors.dtype, device=vectors.device)
    for k in range(factors.shape[-1]):
        v = lower[..., k]
        step = one - (factors[..., k, None, None] * v.unsqueeze(-1)) * v.conj().unsqueeze(-2)
        found = found @ step
    return found[..., :columns]


def multiply_by_q(
    vectors: Tensor, factors: Tensor, other: Tensor, left: bool = True, transpose: bool = False
) -> Tensor:
    rows = vectors.shape[-2]
    q = householder_product(torch.nn.functional.pad(vectors, (0, rows - vectors.shape[-1])), factors)
    q = q.mH if transpose else q
    return q @ other if left else other @ q
