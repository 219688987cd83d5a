"""Systems of equations and triangular factors of matrices, in steps: inverses, products, columns one after the other.

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

inverse_of = torch.linalg.inv


def run_unseen(function: Any, *args: Any, **options: Any) -> Any:
    """What the program's own kernel finds, unseen."""
    with disable_current_modes():
        plain = [value.detach() if isinstance(value, Tensor) else value for value in args]
        return function(*plain, **options)


# ------------------------------------------------------------------------------------------------------- equations
def solve(a: Tensor, b: Tensor, *, left: bool = True, check_errors: bool = False) -> tuple[Tensor, ...]:
    vector = b.dim() == 1 or (a.dim() - 1 == b.dim() and b.shape == a.shape[:-1])
    right = b.unsqueeze(-1) if vector else b
    inverse = inverse_of(a)
    found = inverse @ right if left else right @ inverse
    _, *rest = run_unseen(torch.ops.aten._linalg_solve_ex, a, b, left=left, check_errors=check_errors)
    return (found.squeeze(-1) if vector else found, *rest)


def _triangle(a: Tensor, upper: bool, unitriangular: bool) -> Tensor:
    if not unitriangular:
        return a.triu() if upper else a.tril()
    return (a.triu(1) if upper else a.tril(-1)) + torch.eye(a.shape[-1], dtype=a.dtype, device=a.device)


def solve_triangular(a: Tensor, b: Tensor, *, upper: bool, left: bool = True, unitriangular: bool = False) -> Tensor:
    inverse = inverse_of(_triangle(a, upper, unitriangular))
    return inverse @ b if left else b @ inverse


def triangular_solve(
    b: Tensor, a: Tensor, upper: bool = True, transpose: bool = False, unitriangular: bool = False
) -> tuple[Tensor, Tensor]:
    inverse = inverse_of(_triangle(a, upper, unitriangular))
    return (inverse.mT if transpose else inverse) @ b, a.clone()


def least_squares(a: Tensor, b: Tensor, rcond: float | None = None, *, driver: str | None = None) -> tuple[Tensor, ...]:
    vector = a.dim() - 1 == b.dim() and b.shape == a.shape[:-1]
    right = b.unsqueeze(-1) if vector else b
    found = _full_rank_inverse(a) @ right
    solution, residuals, *rest = run_unseen(torch.ops.aten.linalg_lstsq, a, b, rcond, driver=driver)
    result = found.squeeze(-1) if vector else found
    _same(result, solution)
    difference = a @ found - right
    squares = (difference * difference.conj()).real.sum(-2)
    return result, squares if residuals.numel() else squares.new_empty(residuals.shape), *rest


def _same(found: Tensor, computed: Tensor) -> None:
    """Raises NoDerivative where the program took a matrix for one of lower rank."""
    if not run_unseen(torch.allclose, found, computed, 1e-4, 1e-6):
        raise NoDerivative(_RANK)


_RANK = "a matrix is not certainly of full rank, and where the rank changes the solution jumps"


def _full_rank_inverse(a: Tensor) -> Tensor:
    wide = a.shape[-2] < a.shape[-1]
    try:
        return a.mH @ inverse_of(a @ a.mH) if wide else inverse_of(a.mH @ a) @ a.mH
    except RuntimeError:  # of LAPACK: it is singular
        raise NoDerivative(_RANK) from None


def pseudo_inverse(a: Tensor, *, atol: Any = None, rtol: Any = None, hermitian: bool = False) -> Tensor:
    """Of a matrix of full rank."""
    if hermitian:
        _check_hermitian(a)
    if 0 in a.shape:
        return a.mT.clone()
    found = _full_rank_inverse(a)
    _same(found, run_unseen(torch.linalg.pinv, a, atol=atol, rtol=rtol, hermitian=hermitian))
    return found


# --------------------------------------------------------------------------------------------------------- Cholesky
def cholesky(a: Tensor, upper: bool = False) -> Tensor:
    """Of a Hermitian matrix. As in torch its columns turn by i Im t / 2, where L⁻¹ dA L⁻ᴴ has the diagonal t."""
    _check_hermitian(a)
    hermitian, whole = (a + a.mH) / 2, a
    for in_both, in_one in run_unseen(_of_one_triangle, a, upper):
        hermitian, whole = hermitian + in_both, whole + in_one
    lower = cholesky_columns(hermitian)
    if a.is_complex():
        inverse = inverse_of(lower)
        turning = (inverse @ whole @ inverse.mH).diagonal(0, -2, -1).imag  # 0
        lower = lower + lower * (0.5j * turning).unsqueeze(-2)
    return lower.mH if upper else lower


def _of_one_triangle(a: Tensor, upper: bool) -> list[tuple[Tensor, Tensor]]:
    """What makes half the sum of a matrix and its adjoint, and the matrix itself, that of the triangle that is read.

    Nothing of a matrix that is exactly Hermitian; else constants to be added, of which the second ones are the rounding
    of the first.
    """
    read = (a.triu(1) if upper else a.tril(-1)) / 2
    other = (a.tril(-1) if upper else a.triu(1)).mH / 2
    difference = read - other
    if not bool(difference.any()):
        return []
    back = difference - read
    rounding = (read - (difference - back)) - (other + back)
    return [(part + part.mH, 2 * part.mH) for part in (difference, rounding)]


def _check_hermitian(a: Tensor) -> None:
    """Raises NoDerivative for another matrix: torch gives half of a gradient to each triangle, and reads only one."""
    if not run_unseen(lambda x: torch.allclose(x.tril(-1), x.mH.tril(-1), *closeness(float(x.abs().sum()))), a):
        raise NoDerivative(NOT_HERMITIAN)


def cholesky_with_info(a: Tensor, *, upper: bool = False, check_errors: bool = False) -> tuple[Tensor, Tensor]:
    _, info = run_unseen(torch.linalg.cholesky_ex, a, upper=upper, check_errors=check_errors)
    return cholesky(a, upper), info


def cholesky_columns(a: Tensor) -> Tensor:
    """Column by column: what is left of the matrix once a column's outer product is taken off."""
    columns = []
    for k in range(a.shape[-1]):
        column = a[..., k:, k] / a[..., k, k].real.sqrt().unsqueeze(-1)
        columns.append(torch.nn.functional.pad(column, (k, 0)))
        a = a - columns[-1].unsqueeze(-1) * columns[-1].conj().unsqueeze(-2)
    return torch.stack(columns, -1) if columns else a.clone()


def cholesky_inverse(factor: Tensor, upper: bool = False) -> Tensor:
    factor = factor.triu() if upper else factor.tril()
    return inverse_of(factor.mH @ factor if upper else factor @ factor.mH)


def cholesky_solve(b: Tensor, factor: Tensor, upper: bool = False) -> Tensor:
    return cholesky_inverse(factor, upper) @ b


# --------------------------------------------------------------------------------------------------------------- LU
def lu_factor(a: Tensor, *, pivot: bool = True, check_errors: bool = False) -> tuple[Tensor, Tensor, Tensor]:
    """Gaussian elimination with the rows in the order that the program's pivots say."""
    _, pivots, info = run_unseen(torch.linalg.lu_factor_ex, a, pivot=pivot, check_errors=check_errors)
    if pivot:
        a = _permutation(pivots, a.shape[-2], a.dtype).mT @ a
    return _eliminated(a), pivots, info


def _permutation(pivots: Tensor, rows: int, dtype: torch.dtype) -> Tensor:
    square = torch.zeros(*pivots.shape[:-1], rows, pivots.shape[-1], dtype=dtype, device=pivots.device)
    return run_unseen(torch.lu_unpack, square, pivots, unpack_data=False)[0]


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
    inverse = inverse_of(upper) @ inverse_of(lower) @ order.mT
    inverse = inverse.mH if adjoint else inverse
    return inverse @ b if left else b @ inverse
