"""Inverses of matrices that are known within radii, and how far what a kernel found is off the solution of equations.

For an approximate inverse X of A let R = 1 − A X. Where |R| ≤ C entry by entry, and C w ≤ c w for a vector w > 0 and a
number c < 1, no such A is singular, and

    |A⁻¹ − X| ≤ |X| (C + C² + …) ≤ |X| (C + c/(1 − c) w βᵀ),    β_j = max over i of C_ij / w_i.

So A⁻¹ B is within |X r| + |X| s + |A⁻¹ − X| (|r| + s) of what was found for it, r its residual and s what is not known
of that: the radii of the operands, and the rounding of a sum of products. A library may add up in any order: what that
could do to the residual is allowed in the dtype of its kernel, whatever it did this time. Sources: S. M. Rump,
"Verification methods: rigorous results using floating-point arithmetic", Acta Numerica 19, 2010, §10; N. J. Higham,
"Accuracy and Stability of Numerical Algorithms", 2nd ed., 2002, §3.5 and 7.2.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from diffexplore.bounds.claims import QUANTUM, UNIT_ROUNDOFF, UPWARD
from diffexplore.bounds.handling import real_numbers

if TYPE_CHECKING:
    from diffexplore.bounds.watch import Watch

Tensor = torch.Tensor


#: Less than 1 by more than what its own rounding matters in 1 − c.
_CLEARLY = 0.99


@dataclass(frozen=True, eq=False)
class MatrixBall:
    """All matrices with entries within ``rad``, in modulus, of those of ``mid`` (…, m, n): float64 or complex128."""

    mid: Tensor
    rad: Tensor

    @classmethod
    def of(cls, watch: Watch, tensor: Tensor) -> MatrixBall:
        """What a watch knows of a tensor."""
        numbers = real_numbers(tensor)
        assert numbers is not None
        radius = watch.radius(numbers)
        if tensor.is_complex():
            return cls(tensor.detach().to(torch.complex128).resolve_conj(), radius.sum(-1))
        return cls(tensor.detach().to(torch.float64), radius.expand(tensor.shape))

    @classmethod
    def exactly(cls, mid: Tensor) -> MatrixBall:
        return cls(mid, torch.zeros((), dtype=torch.float64, device=mid.device).expand(mid.shape))

    @property
    def transposed(self) -> MatrixBall:
        return MatrixBall(self.mid.mT, self.rad.mT)

    @property
    def conjugated(self) -> MatrixBall:
        return MatrixBall(self.mid.conj().resolve_conj(), self.rad)

    @property
    def farthest_from_zero(self) -> Tensor:
        return self.mid.abs() + self.rad

    def __matmul__(self, other: MatrixBall) -> MatrixBall:
        """A ball that holds all products."""
        terms = self.mid.shape[-1]
        reach = self.farthest_from_zero @ other.farthest_from_zero
        spread = self.farthest_from_zero @ other.rad + self.rad @ other.mid.abs()
        lost = reach * rounding_of_sums(self.mid, other.mid) + lost_below_normal(terms)
        return MatrixBall(self.mid @ other.mid, (spread + lost) * upward(terms))


@dataclass(frozen=True, eq=False)
class ApproximateInverse:
    """X within ``off`` of the inverses of all matrices in a ball; infinite where one of these may be singular."""

    value: Tensor
    off: Tensor

    @property
    def size(self) -> Tensor:
        """No less than the modulus of an inverse's entries."""
        return self.value.abs() + self.off


def rounding_of_sums(a: Tensor, b: Tensor, unit: float = UNIT_ROUNDOFF[torch.float64]) -> Tensor:
    """What the entries of C − A B may round, of |C| + |A||B|: γ_k for k products that are not 0, and a difference.

    The parts of a complex product are sums of two, and the modulus of both parts' errors is √2 of one's at most.
    """
    counts = (a != 0).to(torch.float64) @ (b != 0).to(torch.float64)
    worst = (counts + 1) * (3 if a.is_complex() else 1) * unit
    return torch.where(worst < 1, worst / (1 - worst), math.inf)


def rounding_of_product(terms: int, is_complex: bool, unit: float) -> float:
    """What a product, or a sum, of so many numbers may round, of itself or of the sum of their absolute values."""
    worst = (terms + 1) * (3 if is_complex else 1) * unit
    return worst / (1 - worst) if worst < 1 else math.inf


def upward(terms: int) -> float:
    """Covers the roundings of products of matrices of so many non-negative doubles, and of what is added to them."""
    return (1 + 8 * (terms + 4) * 2.0**-53) * UPWARD


def lost_below_normal(terms: int) -> float:
    """What a sum of products may lose in subnormal numbers."""
    return 4 * (terms + 4) * QUANTUM[torch.float64]


def approximate_inverse(a: MatrixBall, *, upper: bool | None = None) -> ApproximateInverse:
    """That of square matrices (…, n, n); ``upper`` says of triangular ones which triangle they have."""
    n = a.mid.shape[-1]
    one = torch.eye(n, dtype=a.mid.dtype, device=a.mid.device)
    if not a.mid.numel():
        return ApproximateInverse(a.mid, a.rad)
    if upper is None:
        x = torch.linalg.inv_ex(a.mid)[0]
    else:
        x = torch.linalg.solve_triangular(a.mid, one.expand(a.mid.shape), upper=upper)
    size, more = x.abs(), upward(n)
    rounded = (one.abs() + a.mid.abs() @ size) * rounding_of_sums(a.mid, x)
    left = ((one - a.mid @ x).abs() + rounded + a.rad @ size + lost_below_normal(n)) * more
    weights, shrinks = _weights(left)
    by_row = (size @ weights) * (shrinks / (1 - shrinks))
    by_column = (left / weights).amax(-2, keepdim=True)
    off = (size @ left + by_row * by_column + lost_below_normal(n)) * more
    return ApproximateInverse(x, torch.where(shrinks < _CLEARLY, off, math.inf))


def _weights(left: Tensor) -> tuple[Tensor, Tensor]:
    """w > 0 (…, n, 1) and c with C w ≤ c w, near ½ at most where there is one; c is NaN where none is found."""
    one = torch.eye(left.shape[-1], dtype=left.dtype, device=left.device)
    found = torch.linalg.solve_ex(one - 2 * left, torch.ones_like(left[..., :1]))[0]
    positive = (found > 0).all(-2, keepdim=True) & found.isfinite().all(-2, keepdim=True)
    found = torch.where(positive, found, 1.0)
    return found, ((left @ found) / found).amax(-2, keepdim=True) * upward(left.shape[-1])


def error_of_solution(
    a: MatrixBall, inverse: ApproximateInverse, b: MatrixBall, found: Tensor, unit: float, *, measured: bool = True
) -> Tensor:
    """How far ``found``, what a kernel of that unit roundoff computed, may be from the solutions of A X = B.

    Without ``measured`` the residual of what was found does not count: as if it had been computed in another dtype,
    which is narrower than that of ``found``, and rounded once more.
    """
    terms, sizes = a.mid.shape[-1], found.abs()
    rest = b.mid - a.mid @ found if measured else torch.zeros_like(b.mid - found)
    reach = b.mid.abs() + a.mid.abs() @ sizes
    unknown = reach * rounding_of_sums(a.mid, found, unit) + b.rad + a.rad @ sizes
    unknown = (unknown + lost_below_normal(terms)) * upward(terms)
    size = inverse.value.abs()
    own = rounding_of_product(terms, found.is_complex(), UNIT_ROUNDOFF[torch.float64])
    first = (inverse.value @ rest).abs() + size @ (rest.abs() * own + unknown)
    radius = (first + inverse.off @ (rest.abs() + unknown) + lost_below_normal(terms)) * upward(terms)
    return radius if measured else radius + sizes * unit


def mirrored(a: Tensor, *, upper: bool) -> Tensor:
    """The Hermitian matrices of which one triangle is read: their diagonals are real."""
    off, diagonal = a.triu(1) if upper else a.tril(-1), a.diagonal(0, -2, -1)
    return off + off.mH + torch.diag_embed(diagonal.real if a.is_complex() else diagonal)


def set_radius(watch: Watch, tensor: Tensor, radius: Tensor) -> None:
    """Says how far the entries of a tensor are off, in modulus."""
    numbers = real_numbers(tensor)
    assert numbers is not None
    watch.set(numbers, radius.unsqueeze(-1).expand(numbers.shape) if tensor.is_complex() else radius)


def as_wide(tensor: Tensor) -> Tensor:
    """The numbers of a tensor in double precision."""
    return tensor.detach().to(torch.complex128 if tensor.is_complex() else torch.float64).resolve_conj()


def real_dtype(tensor: Tensor) -> torch.dtype:
    """That of its parts."""
    numbers = real_numbers(tensor)
    assert numbers is not None
    return numbers.dtype
