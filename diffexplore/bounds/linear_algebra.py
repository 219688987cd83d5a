"""Linear algebra in elementary steps: elimination with partial pivoting, substitution, and Cholesky's factor.

Source: G. H. Golub and C. F. Van Loan, "Matrix Computations", 4th ed., 2013, §3.1, 3.4 and 4.2. All take batches.
"""

from __future__ import annotations

from typing import Any

import torch

from diffexplore.torch_private.watching import disable_current_modes

Tensor = torch.Tensor

#: Up to so many rows: n steps of a rank-one update each.
_MOST_ROWS = 64


def _rows(a: Tensor) -> int:
    if a.shape[-1] > _MOST_ROWS or a.shape[-1] != a.shape[-2] or a.is_complex():
        raise NotImplementedError("a matrix that is too large, not square, or complex")
    return int(a.shape[-1])


def _eliminated(a: Tensor) -> tuple[Tensor, Tensor]:
    """The factors L and U in one matrix, and the order in which the rows were taken."""
    n = _rows(a)
    rows = torch.arange(n, device=a.device)
    used = torch.zeros(a.shape[:-1], dtype=torch.bool, device=a.device)
    order = []
    for k in range(n):
        pivot = _largest(a[..., k], used)
        order.append(pivot)
        used = used | (rows == pivot)
        row = a.gather(-2, pivot[..., None].expand(*pivot.shape, n))
        factor = a[..., k : k + 1] / row[..., k : k + 1]
        rest = a[..., k + 1 :] - factor * row[..., k + 1 :]
        done = used[..., None]
        a = torch.cat(
            [
                a[..., :k],
                torch.where(done, a[..., k : k + 1], factor),
                torch.where(done, a[..., k + 1 :], rest),
            ],
            -1,
        )
    taken = torch.cat(order, -1) if order else torch.zeros_like(used, dtype=torch.int64)
    return a.gather(-2, taken[..., None].expand(a.shape)), taken


def _largest(column: Tensor, used: Tensor) -> Tensor:
    """The row of the largest entry that is left: any other one would do as well, so that no rounding bears on it."""
    with disable_current_modes():
        return torch.where(used, -1.0, column.detach().abs()).argmax(-1, keepdim=True)


def _sign(order: Tensor) -> Tensor:
    """That of each permutation: the number of pairs that stand the wrong way round is even or odd."""
    later = torch.ones(order.shape[-1], order.shape[-1], device=order.device).triu(1).bool()
    wrong = (order[..., :, None] > order[..., None, :]) & later
    return (1 - 2 * (wrong.sum((-1, -2)) % 2)).to(torch.float64)


def triangular(
    a: Tensor, b: Tensor, *, upper: bool, left: bool = True, unitriangular: bool = False, out: Any = None
) -> Tensor:
    """Substitution, a row at a time."""
    if not left:
        return triangular(a.mT, b.mT, upper=not upper, unitriangular=unitriangular).mT
    n = _rows(a)
    found: dict[int, Tensor] = {}
    for i in reversed(range(n)) if upper else range(n):
        known = list(found)
        row = b[..., i : i + 1, :]
        if known:
            solved = torch.cat([found[j] for j in known], -2)
            row = row - (a[..., i, known][..., :, None] * solved).sum(-2, keepdim=True)
        found[i] = row if unitriangular else row / a[..., i : i + 1, i : i + 1]
    return torch.cat([found[i] for i in range(n)], -2) if n else b.clone()


def _solved(factors: Tensor, order: Tensor, b: Tensor) -> Tensor:
    b = b.expand(*factors.shape[:-2], *b.shape[-2:]) if b.dim() < factors.dim() else b
    b = b.gather(-2, order[..., None].expand(*order.shape, b.shape[-1]))
    return triangular(factors, triangular(factors, b, upper=False, unitriangular=True), upper=True)


def inverse(a: Tensor, *, check_errors: bool = False) -> tuple[Tensor, None]:
    factors, order = _eliminated(a)
    unit = torch.eye(_rows(a), dtype=a.dtype, device=a.device).expand(a.shape)
    return _solved(factors, order, unit), None


def lu_factor(a: Tensor, *, pivot: bool = True, check_errors: bool = False) -> tuple[Tensor, None, None]:
    if not pivot:
        raise NotImplementedError("without pivots")
    return _eliminated(a)[0], None, None


def solve(a: Tensor, b: Tensor, *, left: bool = True, check_errors: bool = False) -> tuple[Tensor, Tensor, None, None]:
    factors, order = _eliminated(a)
    if not left:
        raise NotImplementedError("from the right")
    vector = b.dim() == a.dim() - 1
    found = _solved(factors, order, b[..., None] if vector else b)
    return found[..., 0] if vector else found, factors, None, None


def _as_kept(a: Tensor, factors: Tensor) -> Tensor:
    """What torch keeps are the factors of the transpose of a matrix that lies in rows: LAPACK's lie in columns."""
    return _eliminated(a.mT)[0] if a.is_contiguous() else factors


def lu_solve(factors: Tensor, pivots: Tensor, b: Tensor, *, left: bool = True, adjoint: bool = False) -> Tensor:
    if not left:
        return lu_solve(factors, pivots, b.mT, adjoint=not adjoint).mT
    order = _order_of(pivots)
    if not adjoint:
        return _solved(factors, order, b)
    inner = triangular(factors.mT, b, upper=False)
    found = triangular(factors.mT, inner, upper=True, unitriangular=True)
    back = order.argsort(-1)
    return found.gather(-2, back[..., None].expand(*back.shape, found.shape[-1]))


def _order_of(pivots: Tensor) -> Tensor:
    """The order of rows that LAPACK's exchanges of rows make."""
    n = pivots.shape[-1]
    orders: list[list[int]] = []
    for exchanges in pivots.flatten(0, -2).tolist() if pivots.dim() > 1 else [pivots.tolist()]:
        order = list(range(n))
        for i, j in enumerate(exchanges):
            order[i], order[j - 1] = order[j - 1], order[i]
        orders.append(order)
    return torch.tensor(orders, dtype=torch.int64, device=pivots.device).reshape(pivots.shape)


def determinant(a: Tensor) -> tuple[Tensor, Tensor, None]:
    factors, order = _eliminated(a)
    sign = _sign(order).to(a.dtype)
    return factors.diagonal(0, -2, -1).prod(-1) * sign, _as_kept(a, factors), None


def log_determinant(a: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
    factors, order = _eliminated(a)
    pivots = factors.diagonal(0, -2, -1)
    return pivots.sign().prod(-1) * _sign(order).to(a.dtype), pivots.abs().log().sum(-1), _as_kept(a, factors), None


def cholesky(a: Tensor, *, upper: bool = False, check_errors: bool = False) -> tuple[Tensor, None]:
    n = _rows(a)
    if upper:
        return cholesky(a.mT)[0].mT, None
    columns: list[Tensor] = []
    for k in range(n):
        column = a[..., k:, k : k + 1]
        if columns:
            done = torch.cat(columns, -1)
            column = column - (done[..., k:, :] * done[..., k : k + 1, :]).sum(-1, keepdim=True)
        column = column / column[..., :1, :].sqrt()
        columns.append(torch.constant_pad_nd(column, [0, 0, k, 0]))
    return torch.cat(columns, -1) if n else a.clone(), None


def cholesky_solve(b: Tensor, factor: Tensor, upper: bool = False) -> Tensor:
    lower = factor.mT if upper else factor
    return triangular(lower.mT, triangular(lower, b, upper=False), upper=True)
