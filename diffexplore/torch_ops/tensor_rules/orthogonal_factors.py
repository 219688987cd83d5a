"""Factors with orthogonal columns: QR, singular values and vectors, products of reflections.

Signs and phases that a factorisation leaves free are those that the program found.
"""

from __future__ import annotations

import torch

from diffexplore.torch_ops.tensor_rules.factorisations import cholesky_columns, inverse_of, run_unseen

Tensor = torch.Tensor


def qr(a: Tensor, mode: str = "reduced") -> tuple[Tensor, Tensor]:
    """R is the Cholesky factor of AᴴA, with the signs of the program's; Q = A R⁻¹."""
    rows, columns = a.shape[-2:]
    if mode == "complete" and rows > columns:
        raise NotImplementedError("columns of Q that A does not determine")
    size = min(rows, columns)
    left = a[..., :size]
    signs = run_unseen(lambda x: torch.linalg.qr(x)[1].diagonal(dim1=-2, dim2=-1).real.sign(), left)
    upper = cholesky_columns(left.mH @ left).mH * signs.unsqueeze(-1)
    q = left @ inverse_of(upper)
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
    u, _, vh = run_unseen(torch.ops.aten._linalg_svd, a, full_matrices, True)
    if not compute_uv:
        return a.new_zeros(0), values, a.new_zeros(0)
    own = u if wide else vh.mH
    size = values.shape[-1]
    vectors = vectors * run_unseen(lambda x, y: (x.conj() * y).sum(-2, keepdim=True), vectors, own[..., :size]).sgn()
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
