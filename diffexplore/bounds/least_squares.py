"""Least squares and pseudo-inverses of matrices of full rank, bounded by what is left of one system of equations.

Of a tall A, the x that minimises |A x − b| and r = b − A x solve ((1, A), (Aᴴ, 0)) (r, x) = (b, 0), and of a wide A the
shortest x with A x = b solves ((1, Aᴴ), (A, 0)) (x, y) = (0, b) with some y: so the condition of A counts as it does
for x itself, and not squared as in AᴴA. Source: Å. Björck, "Numerical Methods for Least Squares Problems", 1996, §1.4.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch

from diffexplore.bounds.approximate_inverses import (
    MatrixBall,
    approximate_inverse,
    as_wide,
    error_of_solution,
    rounding_of_product,
    set_radius,
    upward,
)
from diffexplore.bounds.kernel_rounding import KernelRounding

if TYPE_CHECKING:
    from diffexplore.bounds.watch import Watch

Tensor = torch.Tensor


def _minimised(watch: Watch, a: Tensor, b: MatrixBall, out: Tensor) -> tuple[Tensor, Tensor]:
    """Bounds ``out``, the solutions of A X = B that a kernel found; B − A X, and how far that may be off."""
    batch = torch.broadcast_shapes(a.shape[:-2], b.mid.shape[:-2])
    ball, found = MatrixBall.of(watch, a), as_wide(out).reshape(*batch, a.shape[-1], b.mid.shape[-1])
    rows, columns = a.shape[-2:]
    is_wide = rows < columns
    tall = ball.transposed.conjugated if is_wide else ball
    long = max(rows, columns)
    whole = MatrixBall(_bordered(tall.mid, 1.0), _bordered(tall.rad, 0.0))
    inverse = approximate_inverse(whole)
    right = MatrixBall(*(_beside_zeros(part, columns, above=is_wide) for part in (b.mid, b.rad)))
    rest = b.mid - ball.mid @ found
    others = (inverse.value @ right.mid)[..., long:, :] if is_wide else rest
    both = torch.cat([found, others] if is_wide else [others, found], -2)
    rounding = KernelRounding.of(watch, out)
    radius = error_of_solution(whole, inverse, right, both, rounding.unit, measured=rounding.measured)
    own = radius[..., :long, :] if is_wide else radius[..., long:, :]
    set_radius(watch, out, own.reshape(out.shape))
    return rest, radius[..., :long, :]


def _bordered(a: Tensor, unit: float) -> Tensor:
    """((unit, A), (Aᴴ, 0)) of a tall A."""
    rows, columns = a.shape[-2:]
    one = torch.eye(rows, dtype=a.dtype, device=a.device).mul(unit).expand(*a.shape[:-2], rows, rows)
    below = torch.cat([a.mH, a.new_zeros(*a.shape[:-2], columns, columns)], -1)
    return torch.cat([torch.cat([one, a], -1), below], -2)


def _beside_zeros(b: Tensor, rows: int, *, above: bool) -> Tensor:
    zeros = b.new_zeros(*b.shape[:-2], rows, b.shape[-1])
    return torch.cat([zeros, b] if above else [b, zeros], -2)


def least_squares(watch: Watch, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """linalg_lstsq: A (…, m, n), B (…, m, k) or vectors; X, |B − A X|² column by column, rank, singular values."""
    out = func(*args, **kwargs)
    a, b = args[:2]
    if not out[0].numel() or 0 in a.shape:
        return out
    ball = MatrixBall.of(watch, b)
    if a.dim() - 1 == b.dim() and b.shape == a.shape[:-1]:
        ball = MatrixBall(ball.mid[..., None], ball.rad[..., None])
    rest, radius = _minimised(watch, a, ball, out[0])
    if out[1].numel():
        rounding = KernelRounding.of(watch, out[1])
        strays = rounding.strays(out[1], rest.abs().square().sum(-2))
        moved = ((2 * rest.abs() + radius) * radius).sum(-2)
        rounded = rounding_of_product(a.shape[-2] + 2, a.is_complex(), rounding.unit)
        lost = (rest.abs() + radius).square().sum(-2) * rounded
        set_radius(watch, out[1], (strays + moved + lost) * upward(a.shape[-2]))
    if out[3].numel():
        watch.set(out[3], torch.full((), math.inf, dtype=torch.float64, device=out[3].device))
    return out


def pseudo_inverse(watch: Watch, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """linalg_pinv of matrices (…, m, n) of full rank."""
    out = func(*args, **kwargs)
    if out.numel():
        rows = args[0].shape[-2]
        one = torch.eye(rows, dtype=as_wide(out).dtype, device=out.device).expand(*args[0].shape[:-1], rows)
        _minimised(watch, args[0], MatrixBall.exactly(one), out)
    return out
