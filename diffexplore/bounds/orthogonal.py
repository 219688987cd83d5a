"""QR and singular values of real matrices, bounded by what is left of A − Q R and of A v − σ u.

Through AᵀA the condition of a matrix would count twice. Let Q̂, R̂ be what the kernel found, B = A R̂⁻¹ and F = Bᵀ B − 1.
With A = Q R and R = S R̂, S is the Cholesky factor of 1 + F. For S = 1 + X, X upper triangular, X + Xᵀ = F − Xᵀ X, so
that |X| ≤ (|F| + |X|²)/√2 in the Frobenius norm, hence |X| ≤ (√2 − √(2 − 4|F|))/2 where |F| < 1/2. And Q = B − Q X.
Singular values and vectors are eigenvalues and eigenvectors of ((0, A), (Aᵀ, 0)). Source: G. H. Golub and C. F. Van
Loan, "Matrix Computations", 4th ed., 2013, §5.2 and 8.6.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch

from diffexplore.bounds import eigen
from diffexplore.bounds.approximate_inverses import MatrixBall
from diffexplore.bounds.claims import UNIT_ROUNDOFF, UPWARD
from diffexplore.bounds.handling import finite_float, unwatched

if TYPE_CHECKING:
    from diffexplore.bounds.watch import Watch

Tensor = torch.Tensor


def qr(watch: Watch, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """linalg_qr: A (…, m, n) = Q R, with the signs on the diagonal of R that the kernel found."""
    mode = args[1] if len(args) > 1 else kwargs.get("mode", "reduced")
    rows, columns = args[0].shape[-2:]
    if watch.smooth or not finite_float(args[0]) or (mode == "complete" and rows > columns):
        return unwatched(watch, func, args, kwargs)
    a, spread = _middle_and_radius(watch, args[0])
    out = func(*args, **kwargs)
    watch.rounds_in(out[1].dtype)
    r = out[1].detach().to(torch.float64)
    size = min(rows, columns)
    q = out[0].detach().to(torch.float64) if out[0].numel() else _with_signs_of(a[..., :size], r)
    by_q, by_first = _of_square(a[..., :size], spread[..., :size], q, r[..., :size])
    if out[0].numel():
        watch.set(out[0], by_q)
    late, moved, rest = a[..., size:], spread[..., size:], r[..., size:]
    own = eigen.rounding_of_products(rows)
    rounded = q.abs().mT @ late.abs() * own + eigen.underflow(rows)
    by_rest = (q.mT @ late - rest).abs() + rounded + by_q.mT @ (late.abs() + moved) + q.abs().mT @ moved
    watch.set(out[1], torch.cat([by_first, by_rest * (1 + own) * UPWARD], -1))
    return out


def _middle_and_radius(watch: Watch, a: Tensor) -> tuple[Tensor, Tensor]:
    ball = watch.ball(a, a)
    return ball.mid, ball.rad.expand(a.shape)


def _with_signs_of(a: Tensor, r: Tensor) -> Tensor:
    q, own = torch.linalg.qr(a)
    size = own.shape[-1]
    return q * (own * r[..., :size]).diagonal(0, -2, -1).sign().unsqueeze(-2)


def _of_square(a: Tensor, spread: Tensor, q: Tensor, r: Tensor) -> tuple[Tensor, Tensor]:
    """How far Q and the square R may be off; infinite where A is not certainly of full rank."""
    rows, size = a.shape[-2:]
    own, one = eigen.rounding_of_products(rows), torch.eye(size, dtype=a.dtype, device=a.device)
    inverse, failed = torch.linalg.inv_ex(r)
    defect = _whole((r @ inverse - one).abs() + r.abs() @ inverse.abs() * own)
    sizes = inverse.abs() + eigen.norm(inverse, -1).unsqueeze(-1) * (defect / (1 - defect)) * (1 + own)
    off = (a - q @ r).abs() + (a.abs() + q.abs() @ r.abs()) * own + eigen.underflow(rows) + spread
    apart = off @ sizes * (1 + own)  # of B and Q̂
    skew, far = _whole((q.mT @ q - one).abs() + q.abs().mT @ q.abs() * own), _whole(apart)
    f = skew + 2 * (1 + skew).sqrt() * far + far.square()
    x = 2 * f / (math.sqrt(2) + (2 - 4 * f).sqrt()) * (1 + own)
    x = torch.where(
        (failed == 0)[..., None, None] & (defect < eigen.CLEARLY_BELOW_HALF) & (f < eigen.CLEARLY_BELOW_HALF),
        x,
        math.inf,
    )
    by_r = (x * eigen.norm(r, -2).unsqueeze(-2)).expand(r.shape).triu()  # below, both are 0
    return (apart + x) * UPWARD, by_r * UPWARD


def _whole(a: Tensor) -> Tensor:
    """No less than the Euclidean norm of each matrix."""
    return eigen.norm(a, (-2, -1))[..., None, None] * UPWARD


def singular(watch: Watch, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """_linalg_svd: A (…, m, n), its singular values, and the vectors that belong to each."""
    if watch.smooth or not finite_float(args[0]):
        return unwatched(watch, func, args, kwargs)
    a, spread = _middle_and_radius(watch, args[0])
    out = func(*args, **kwargs)
    rows, columns = a.shape[-2:]
    size = min(rows, columns)
    values = out[1].detach().to(torch.float64)
    known = [out[0], out[2].mT] if out[0].numel() or out[2].numel() else _vectors(a)
    u, v = (one.detach().to(torch.float64)[..., :size] for one in known)
    unit = UNIT_ROUNDOFF[watch.rounds_in(out[1].dtype)]
    pairs = torch.cat(
        [torch.cat([u, u, *_completed(u, v, rows)], -1), torch.cat([v, -v, *_completed(v, u, columns)], -1)], -2
    )
    pairs = pairs * torch.cat([values.new_full((2 * size,), math.sqrt(0.5)), values.new_ones(abs(rows - columns))])
    signed = torch.cat([values, -values, values.new_zeros(*values.shape[:-1], abs(rows - columns))], -1)
    whole = MatrixBall(_in_blocks(a), _in_blocks(spread))
    by_value, by_vector = eigen.radii(whole, signed, pairs, unit, 2 * size)
    watch.set(out[1], by_value[..., :size])
    of_sides = (
        by_vector[..., :rows, :size] * math.sqrt(2) * UPWARD,
        by_vector[..., rows:, :size] * math.sqrt(2) * UPWARD,
    )
    for tensor, flat, own in ((out[0], out[0], of_sides[0]), (out[2], out[2].mT, of_sides[1])):
        if tensor.numel():
            radius = _with_free(flat.detach().to(torch.float64), own)
            watch.set(tensor, radius if flat is tensor else radius.mT)
    return out


def _with_free(vectors: Tensor, own: Tensor) -> Tensor:
    """How far orthonormal vectors W are off, of which the matrix determines the first within ``own``, and no others.

    Any that complete those would do: the nearest to W₂ are the polar factor of P W₂, P = 1 − U Uᵀ, which is off by
    |Uᵀ W₂| + |W₂ᵀ P W₂ − 1| in the Frobenius norm, as |s − 1| ≤ |s² − 1| for its singular values s.
    """
    rows, size = own.shape[-2:]
    first, free = vectors[..., :size], vectors[..., size:]
    more, one = 1 + eigen.rounding_of_products(rows), torch.eye(free.shape[-1], dtype=own.dtype, device=own.device)
    lost = eigen.rounding_of_products(rows)
    aslant = (first.mT @ free).abs() + (own.mT + first.abs().mT * lost) @ free.abs()
    skew = (free.mT @ free - one).abs() + (free.abs().mT @ free.abs() + one) * lost
    across = _whole(aslant)
    off = (across + across.square() + _whole(skew)) * more * UPWARD
    off = torch.where(across < eigen.CLEARLY_BELOW_HALF, off, math.inf)
    return torch.cat([own, off.expand(free.shape)], -1)


def _completed(known: Tensor, other: Tensor, rows: int) -> list[Tensor]:
    """Of the longer vectors those that complete them, and 0 in the place of the shorter ones."""
    size = known.shape[-1]
    more = other.shape[-2] - size
    if rows > size:
        return [torch.linalg.qr(known, mode="complete")[0][..., size:]]
    return [known.new_zeros(*known.shape[:-1], more)] if more else []


def _vectors(a: Tensor) -> list[Tensor]:
    u, _, vh = torch.linalg.svd(a, full_matrices=False)
    return [u, vh.mT]


def _in_blocks(a: Tensor) -> Tensor:
    """((0, A), (Aᵀ, 0))."""
    rows, columns = a.shape[-2:]
    above = torch.cat([a.new_zeros(*a.shape[:-2], rows, rows), a], -1)
    return torch.cat([above, torch.cat([a.mT, a.new_zeros(*a.shape[:-2], columns, columns)], -1)], -2)
