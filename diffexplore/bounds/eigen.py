"""Eigenvalues and eigenvectors of symmetric matrices, bounded by what is left of A v − λ v.

For a symmetric A, a unit vector v and a number w with ρ = |A v − w v|, some eigenvalue is within ρ of w. Where the n
intervals so found are disjoint, each holds one; and v is within the angle θ of its eigenvector, sin θ ≤ ρ / gap, where
gap is the distance from w to the other eigenvalues. The sign of a vector is free: it is that of the program. Sources:
B. N. Parlett, "The Symmetric Eigenvalue Problem", 1998, theorems 4.5.1 and 11.7.1; C. Davis and W. M. Kahan, SIAM J.
Numer. Anal. 7(1), 1970.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch

from diffexplore.bounds.claims import QUANTUM, UPWARD
from diffexplore.bounds.handling import unwatched

if TYPE_CHECKING:
    from diffexplore.bounds.watch import Watch

Tensor = torch.Tensor


def symmetric(watch: Watch, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """_linalg_eigh: A (…, n, n), of which it reads a triangle; the eigenvalues (…, n) and eigenvectors (…, n, n)."""
    if watch.smooth or args[0].is_complex():
        return unwatched(watch, func, args, kwargs)
    ball = watch.ball(args[0], args[0])
    upper = (args[1] if len(args) > 1 else kwargs.get("UPLO", "L")).upper() == "U"
    a, spread = (_mirrored(part, upper) for part in (ball.mid, ball.rad.expand(args[0].shape)))
    out = func(*args, **kwargs)
    values = out[0].detach().to(torch.float64)
    vectors = out[1].detach().to(torch.float64) if out[1].numel() else torch.linalg.eigh(a)[1]
    by_value, by_vector = radii(a, spread, values, vectors)
    watch.rounds_in(out[0].dtype)
    watch.set(out[0], by_value)
    if out[1].numel():
        watch.set(out[1], by_vector.unsqueeze(-2).expand(out[1].shape))
    return out


def _mirrored(a: Tensor, upper: bool) -> Tensor:
    half = a.triu() if upper else a.tril()
    return half + (half.triu(1) if upper else half.tril(-1)).mT


def radii(a: Tensor, spread: Tensor, values: Tensor, vectors: Tensor, nullity: int = 0) -> tuple[Tensor, Tensor]:
    """How far each eigenvalue, and each eigenvector in the Euclidean norm, may be off; infinite where two may meet.

    ``nullity`` is how many eigenvalues are 0 beside those that are given: with these they are all.
    """
    n, scaled = a.shape[-1], vectors * values.unsqueeze(-2)
    own = rounding_of_products(n)
    length = norm(vectors, -2)
    rest = norm((a @ vectors - scaled).abs() + (a.abs() @ vectors.abs() + scaled.abs()) * own + underflow(n), -2)
    moved = norm(spread, (-2, -1)).unsqueeze(-1)
    by_value = rest * (1 + own) / (length * (1 - own)) + moved * (1 + own)
    others, their_own = (torch.nn.functional.pad(one, (0, 1)) if nullity else one for one in (values, by_value))
    apart = (values.unsqueeze(-1) - others.unsqueeze(-2)).abs() * (1 - own)
    itself = torch.eye(*apart.shape[-2:], dtype=torch.bool, device=a.device)
    alone = ((apart > by_value.unsqueeze(-1) + their_own.unsqueeze(-2)) | itself).all(-1)
    gap = (apart - their_own.unsqueeze(-2)).masked_fill(itself, math.inf).amin(-1) if n else by_value
    by_vector = math.sqrt(2) * by_value / gap + (length - 1).abs() + own
    clear = alone & (by_value < gap)
    return torch.where(alone, by_value, math.inf) * UPWARD, torch.where(clear, by_vector, math.inf) * (1 + own) * UPWARD


def rounding_of_products(terms: int) -> float:
    """What a product of double matrices may round, of that of their absolute values; and of a norm, of itself."""
    return 4 * (terms + 4) * 2.0**-53


def underflow(terms: int) -> float:
    """What it may lose in subnormal numbers."""
    return 4 * (terms + 4) * QUANTUM[torch.float64]


def norm(a: Tensor, dims: int | tuple[int, ...]) -> Tensor:
    """The Euclidean norm over some dimensions, scaled so that no square underflows or overflows."""
    if not a.numel():
        return torch.linalg.vector_norm(a, dim=dims)
    largest = a.abs().amax(dims, keepdim=True)
    scale = torch.where((largest > 0) & largest.isfinite(), largest, 1.0)
    found: Tensor = torch.linalg.vector_norm(a / scale, dim=dims)
    return found * scale.reshape(found.shape) + QUANTUM[torch.float64] * (largest > 0).reshape(found.shape)
