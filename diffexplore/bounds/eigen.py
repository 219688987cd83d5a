"""Eigenvalues and eigenvectors of symmetric matrices, bounded by what is left of A V − V Λ.

Let V and Λ be what a kernel found, and G = V⁻¹ (A V − V Λ). The eigenvector near the i-th column of V is V (e_i + y),
with y_i = 0, and its eigenvalue λ_i + μ, where for all others k

    μ = G_ii + Σ G_ij y_j,    y_k = (μ y_k − G_ki − Σ G_kj y_j) / (λ_k − λ_i).

Where (g + |G_ii| + g η) / |λ_k − λ_i| ≤ 1/2 for η = 2 max over k of |G_ki / (λ_k − λ_i)|, and g the largest sum over a
row of |G|, the right sides take the box |y_k| ≤ η into itself: so there is such a y (Brouwer), and |y_k| is at most
(|G_ki| + (g + |G_ii| + g η) η) / |λ_k − λ_i|. A has the eigenvalues of Λ + G: where that interval and Gershgorin's disc
meet no other disc, it is the i-th one, and there is no other. The sign of a vector is free: it is that of the program.
Sources: G. W. Stewart and J. Sun, "Matrix Perturbation Theory", 1990, §IV.2 and V.2.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch

from diffexplore.bounds.approximate_inverses import (
    MatrixBall,
    approximate_inverse,
    lost_below_normal,
    mirrored,
    rounding_of_sums,
    upward,
)
from diffexplore.bounds.claims import QUANTUM, UNIT_ROUNDOFF
from diffexplore.bounds.handling import unwatched

if TYPE_CHECKING:
    from diffexplore.bounds.watch import Watch

Tensor = torch.Tensor


def symmetric(watch: Watch, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """_linalg_eigh: A (…, n, n), of which it reads a triangle; the eigenvalues (…, n) and eigenvectors (…, n, n)."""
    if watch.smooth or args[0].is_complex():
        return unwatched(watch, func, args, kwargs)
    given = MatrixBall.of(watch, args[0])
    upper = (args[1] if len(args) > 1 else kwargs.get("UPLO", "L")).upper() == "U"
    a = MatrixBall(*(mirrored(part, upper=upper) for part in (given.mid, given.rad)))
    out = func(*args, **kwargs)
    values = out[0].detach().to(torch.float64)
    vectors = out[1].detach().to(torch.float64) if out[1].numel() else torch.linalg.eigh(a.mid)[1]
    unit = UNIT_ROUNDOFF[watch.rounds_in(out[0].dtype)]
    by_value, by_vector = radii(a, values, vectors, unit, values.shape[-1])
    watch.set(out[0], by_value)
    if out[1].numel():
        watch.set(out[1], by_vector)
    return out


def radii(a: MatrixBall, values: Tensor, vectors: Tensor, unit: float, count: int) -> tuple[Tensor, Tensor]:
    """How far the first ``count`` eigenvalues (…, n) and entries of eigenvectors (…, n, n) may be off.

    Infinite where an eigenvalue may meet another one; those after the first ``count`` may meet each other.
    """
    n = values.shape[-1]
    if not vectors.numel():
        return values.abs()[..., :count], vectors.abs()[..., :count]
    scaled, sizes = vectors * values.unsqueeze(-2), vectors.abs()
    rest = a.mid @ vectors - scaled
    unknown = (a.mid.abs() @ sizes + scaled.abs()) * rounding_of_sums(a.mid, vectors, unit) + a.rad @ sizes
    unknown = (unknown + lost_below_normal(n)) * upward(n)
    inverse = approximate_inverse(MatrixBall.exactly(vectors))
    own = rounding_of_sums(vectors, vectors)
    left = (inverse.value @ rest).abs() + inverse.value.abs() @ (rest.abs() * own + unknown)
    left = (left + inverse.off @ (rest.abs() + unknown)) * upward(n)
    itself = torch.eye(n, dtype=torch.bool, device=values.device)
    apart = (values.unsqueeze(-1) - values.unsqueeze(-2)).abs() * (1 - 2.0**-50)
    apart = apart.masked_fill(itself, math.inf)
    row, diagonal = left.sum(-1).amax(-1, keepdim=True), left.diagonal(0, -2, -1)
    largest = 2 * (left / apart).amax(-2)
    moving = (row + diagonal + row * largest) * upward(n)
    holds = moving <= apart.amin(-2) / 2
    off = ((left + (moving * largest).unsqueeze(-2)) / apart).masked_fill(itself, 0.0) * upward(n)
    by_value = torch.where(holds, diagonal + row * largest, math.inf) * upward(n)
    discs = left.sum(-1) * upward(n)
    reach = torch.maximum(discs, by_value).unsqueeze(-2) + discs.unsqueeze(-1)
    alone = (apart > reach * upward(1))[..., :count].all(-2)
    return torch.where(alone, by_value[..., :count], math.inf), _by_vector(vectors, off, alone, count)


def _by_vector(vectors: Tensor, off: Tensor, alone: Tensor, count: int) -> Tensor:
    """How far V (e_i + y), made of length 1, is off the i-th column of V, for |y| ≤ ``off``."""
    n, sizes = vectors.shape[-1], vectors.abs()
    one = torch.eye(n, dtype=vectors.dtype, device=vectors.device)
    product = vectors.mT @ vectors
    skew = ((product - one).abs() + (sizes.mT @ sizes + one) * rounding_of_sums(vectors, vectors)) * upward(n)
    moved = (sizes @ off)[..., :count]
    squared = skew.diagonal(0, -2, -1)[..., :count] + 2 * (skew.mT * off).sum(-2)[..., :count] + moved.square().sum(-2)
    squared = (squared * upward(n)).unsqueeze(-2)
    found = (moved + sizes[..., :count] * squared) / (1 - squared) * upward(n)
    return torch.where(alone.unsqueeze(-2) & (squared < CLEARLY_BELOW_HALF), found, math.inf)


#: Less than one half by more than what the computation of a norm rounds.
CLEARLY_BELOW_HALF = 0.49


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
