"""Factors of matrices and determinants, bounded by what is left of A − L U and A − L Lᴴ.

Let L̂ and Û be what a kernel found for the rows of A in the order of its pivots, and F = L̂⁻¹ (P A − L̂ Û) Û⁻¹. With
1 + F = (1 + X)(1 + Y), X below the diagonal and Y on it and above, the factors of A are L̂ (1 + X) and (1 + Y) Û, and
X + Y = F − X Y. Hence |X + Y| ≤ 1 − √(1 − 2 |F|) in the Frobenius norm where |F| < 1/2, and entry by entry
|X + Y| ≤ |F| + |X + Y|². Likewise A = L̂ (1 + F) L̂ᴴ for Cholesky's factor L̂, with |X| ≤ (√2 − √(2 − 4 |F|))/2. And
det A = det L̂ det Û det (1 + F), |log det (1 + F) − tr F| ≤ |F|² / (2 (1 − |F|)). Source: G. W. Stewart, "On the
perturbation of LU and Cholesky factors", IMA J. Numer. Anal. 17(1), 1997.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from diffexplore.bounds import eigen
from diffexplore.bounds.approximate_inverses import (
    ApproximateInverse,
    MatrixBall,
    approximate_inverse,
    as_wide,
    lost_below_normal,
    mirrored,
    rounding_of_product,
    rounding_of_sums,
    set_radius,
    upward,
)
from diffexplore.bounds.claims import QUANTUM, UNIT_ROUNDOFF, UPWARD
from diffexplore.bounds.handling import unwatched
from diffexplore.bounds.kernel_rounding import KernelRounding

if TYPE_CHECKING:
    from diffexplore.bounds.watch import Watch

Tensor = torch.Tensor


@dataclass(frozen=True, eq=False)
class _Between:
    """F within ``rad`` of ``mid``, and no less than its Frobenius norm (…, 1, 1): infinite where it is not small."""

    mid: Tensor
    rad: Tensor
    norm: Tensor

    @property
    def size(self) -> Tensor:
        return self.mid.abs() + self.rad

    @property
    def of_logarithm(self) -> Tensor:
        """No less than |log det (1 + F)|, one number a matrix."""
        trace = self.mid.diagonal(0, -2, -1).sum(-1).abs() + self.rad.diagonal(0, -2, -1).sum(-1)
        norm = self.norm[..., 0, 0]
        return (trace + norm.square() / (2 * (1 - norm))) * upward(self.mid.shape[-1])


def _between(
    a: MatrixBall, lower: Tensor, upper: Tensor, left: ApproximateInverse, right: ApproximateInverse,
    rounding: KernelRounding,
) -> _Between:  # fmt: skip
    """L̂⁻¹ (A − L̂ Û) Û⁻¹."""
    terms = a.mid.shape[-1]
    own = rounding_of_product(terms, a.mid.is_complex(), UNIT_ROUNDOFF[torch.float64])
    rest = a.mid - lower @ upper if rounding.measured else torch.zeros_like(a.mid)
    reach = a.mid.abs() + lower.abs() @ upper.abs()
    unknown = reach * rounding_of_sums(lower, upper, rounding.unit) + a.rad + lost_below_normal(terms)
    spread = left.size @ (unknown + 2 * own * rest.abs()) @ right.size
    spread = spread + left.off @ rest.abs() @ right.size + left.value.abs() @ rest.abs() @ right.off
    spread = spread * upward(2 * terms)
    mid = left.value @ rest @ right.value
    norm = eigen.norm(mid.abs() + spread, (-2, -1))[..., None, None] * UPWARD if terms else spread.sum((-2, -1), True)
    return _Between(mid, spread, torch.where(norm < eigen.CLEARLY_BELOW_HALF, norm, math.inf))


def unpacked(packed: MatrixBall) -> tuple[MatrixBall, MatrixBall]:
    """L, with ones on its diagonal, and U."""
    return triangle(packed, upper=False, unit=True), triangle(packed, upper=True, unit=False)


def triangle(a: MatrixBall, *, upper: bool, unit: bool) -> MatrixBall:
    """One triangle of square matrices, with ones on its diagonal where these count as such."""
    off = int(unit) if upper else -int(unit)
    mid, rad = (part.triu(off) if upper else part.tril(off) for part in (a.mid, a.rad))
    return MatrixBall(mid + torch.eye(mid.shape[-1], dtype=mid.dtype, device=mid.device) if unit else mid, rad)


def permutation(pivots: Tensor, packed: Tensor) -> Tensor:
    """P with A = P L U, as doubles."""
    empty = torch.zeros(packed.shape, dtype=torch.float64, device=packed.device)
    return torch.lu_unpack(empty, pivots, unpack_data=False)[0]


def note(watch: Watch, a: MatrixBall, packed: Tensor, pivots: Tensor) -> _Between:
    """Says how far the factors that a kernel found of A are off the exact ones, and that they are those of A.

    The exchanges of rows are what they are, also where rounding bears on them: A has factors for any.
    """
    rounding = KernelRounding.of(watch, packed)
    lower, upper = unpacked(MatrixBall.exactly(as_wide(packed)))
    between, *radii = _factored(a, lower, upper, permutation(pivots, packed), rounding)
    _set(watch, packed, radii[0] + radii[1], rounding)
    watch.set(pivots, torch.zeros((), dtype=torch.bool, device=pivots.device))
    watch.factorisations.keep(watch, packed, pivots, a)
    return between


def _factored(
    a: MatrixBall, lower: MatrixBall, upper: MatrixBall, exchanged: Tensor, rounding: KernelRounding
) -> tuple[_Between, Tensor, Tensor]:
    """F of P A = L̂ Û, and how far the two factors are off those of A."""
    back = exchanged.mT
    moved = MatrixBall(back.to(a.mid.dtype) @ a.mid, back @ a.rad)
    inverses = approximate_inverse(lower, upper=False), approximate_inverse(upper, upper=True)
    between = _between(moved, lower.mid, upper.mid, *inverses, rounding)
    norm = 2 * between.norm / (1 + (1 - 2 * between.norm).sqrt())
    size = between.size + norm.square()
    return between, (lower.mid.abs() @ size.tril(-1)).tril(-1), (size.triu() @ upper.mid.abs()).triu()


def _set(watch: Watch, out: Tensor, radius: Tensor, rounding: KernelRounding) -> None:
    """Says how far the entries of a result are off, with what the radius itself rounds."""
    set_radius(watch, out, rounding.with_last(radius * upward(out.shape[-1] if out.dim() else 1), out))


def lu_factor(watch: Watch, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """linalg_lu_factor_ex of square matrices: both factors in one."""
    if args[0].shape[-1] != args[0].shape[-2]:
        return unwatched(watch, func, args, kwargs)
    out = func(*args, **kwargs)
    note(watch, MatrixBall.of(watch, args[0]), out[0], out[1])
    return out


def lu(watch: Watch, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """linalg_lu of square matrices: P, L and U."""
    if args[0].shape[-1] != args[0].shape[-2]:
        return unwatched(watch, func, args, kwargs)
    out = func(*args, **kwargs)
    exchanged, *found = map(as_wide, out)
    exchanged = (
        exchanged.real
        if exchanged.numel()
        else torch.eye(args[0].shape[-1], dtype=torch.float64, device=args[0].device)
    )
    rounding = KernelRounding.of(watch, out[1])
    lower, upper = map(MatrixBall.exactly, found)
    _, *radii = _factored(MatrixBall.of(watch, args[0]), lower, upper, exchanged, rounding)
    for tensor, radius in zip(out[1:], radii, strict=True):
        _set(watch, tensor, radius, rounding)
    return out


def _kept(watch: Watch, a: Tensor) -> MatrixBall:
    """Of which matrix the kernels of determinants keep the factors: LAPACK's matrices lie in columns."""
    ball = MatrixBall.of(watch, a)
    return ball.transposed if a.is_contiguous() and not a.is_complex() else ball


def determinant(watch: Watch, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """_linalg_det: the determinant, and the factors."""
    out = func(*args, **kwargs)
    moved = note(watch, _kept(watch, args[0]), out[1], out[2]).of_logarithm
    product, lost = _product(as_wide(out[1]).diagonal(0, -2, -1))
    product = product * torch.linalg.det(permutation(out[2], out[1])).round()
    rounding = KernelRounding.of(watch, out[0])
    rounded = rounding_of_product(args[0].shape[-1], args[0].is_complex(), rounding.unit)
    radius = rounding.strays(out[0], product) + product.abs() * (moved.expm1() * (1 + rounded) + rounded) + lost
    _set(watch, out[0], radius, rounding)
    return out


def _product(pivots: Tensor) -> tuple[Tensor, float]:
    """The product of the last axis, of which no part overflows or underflows, and what it may lose below the normal."""
    exponents = torch.frexp(pivots.abs()).exponent
    parts = torch.ldexp(torch.view_as_real(pivots), -exponents[..., None]) if pivots.is_complex() else None
    scaled = torch.ldexp(pivots, -exponents) if parts is None else torch.view_as_complex(parts)
    product, whole = scaled.prod(-1), exponents.sum(-1)
    halves = whole // 2, whole - whole // 2  # neither of their powers of two is beyond the doubles
    for half in halves:
        product = product * torch.ldexp(torch.ones_like(half, dtype=torch.float64), half.clamp(-1000, 1000))
    return torch.where(whole.abs() < 1990, product, math.nan), 4 * QUANTUM[torch.float64]


def log_determinant(watch: Watch, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """_linalg_slogdet: the sign, or det/|det|, log |det|, and the factors."""
    out = func(*args, **kwargs)
    moved = note(watch, _kept(watch, args[0]), out[2], out[3]).of_logarithm
    pivots, terms = as_wide(out[2]).diagonal(0, -2, -1), args[0].shape[-1]
    rounding = KernelRounding.of(watch, out[1])
    rounded = rounding_of_product(terms, args[0].is_complex(), rounding.unit)
    logarithms = pivots.abs().log()
    of_absolute = 4 * terms * rounding.unit if args[0].is_complex() else 0.0
    lost = logarithms.abs().sum(-1) * (rounded + 16 * rounding.unit) + of_absolute
    _set(watch, out[1], rounding.strays(out[1], logarithms.sum(-1)) + lost + moved, rounding)
    turned = torch.where(moved.isfinite(), 0.0, math.inf)
    if args[0].is_complex():
        turned = moved.expm1() + _turn(pivots, out, rounding) + rounded
    set_radius(watch, out[0], turned * UPWARD)
    return out


def _turn(pivots: Tensor, out: Any, rounding: KernelRounding) -> Tensor:
    """How far det/|det| is off the product of the pivots' own, which rounds as a product of so many does."""
    product = pivots.sgn().prod(-1) * torch.linalg.det(permutation(out[3], out[2])).round()
    return rounding.strays(out[0], product)


def cholesky(watch: Watch, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """linalg_cholesky_ex, and cholesky, of a Hermitian matrix of which it reads a triangle."""
    out = func(*args, **kwargs)
    found = out if isinstance(out, torch.Tensor) else out[0]
    upper = bool(args[1]) if len(args) > 1 else bool(kwargs.get("upper", False))
    given = MatrixBall.of(watch, args[0])
    a = MatrixBall(*(mirrored(part, upper=upper) for part in (given.mid, given.rad)))
    rounding = KernelRounding.of(watch, found)
    lower = as_wide(found).mH.resolve_conj() if upper else as_wide(found)
    left = approximate_inverse(MatrixBall.exactly(lower), upper=False)
    right = ApproximateInverse(left.value.mH, left.off.mT)
    between = _between(a, lower, lower.mH, left, right, rounding)
    norm = 2 * between.norm / (math.sqrt(2) + (2 - 4 * between.norm).sqrt()) * upward(1)
    size = between.size + norm.square()
    half = size.tril(-1) + torch.diag_embed(size.diagonal(0, -2, -1) / 2)
    radius = (lower.abs() @ half).tril()
    _set(watch, found, radius.mT if upper else radius, rounding)
    watch.factorisations.keep(watch, found, upper, a)
    return out
