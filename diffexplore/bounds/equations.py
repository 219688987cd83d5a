"""Inverses and solutions of linear equations, bounded by what is left of A X − B.

The factors that a kernel solves by are those of a matrix: where the watch saw which one was factored, it is that matrix
whose equations are solved, whatever rounding did to the factors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from diffexplore.bounds import factors
from diffexplore.bounds.approximate_inverses import (
    ApproximateInverse,
    MatrixBall,
    approximate_inverse,
    as_wide,
    error_of_solution,
    set_radius,
)
from diffexplore.bounds.kernel_rounding import KernelRounding

if TYPE_CHECKING:
    from diffexplore.bounds.watch import Watch

Tensor = torch.Tensor


def _bounded(watch: Watch, a: MatrixBall, b: MatrixBall, out: Tensor, *, upper: bool | None = None) -> None:
    """Says how far ``out``, a kernel's solution of A X = B, is off it."""
    _set(watch, a, approximate_inverse(a, upper=upper), b, out, out)


def _set(
    watch: Watch, a: MatrixBall, inverse: ApproximateInverse, b: MatrixBall, found: Tensor, out: Tensor,
    *, across: bool = False,
) -> None:  # fmt: skip
    rounding = KernelRounding.of(watch, out)
    radius = error_of_solution(a, inverse, b, as_wide(found), rounding.unit, measured=rounding.measured)
    radius = radius.mT if across else radius
    set_radius(watch, out, radius.reshape(out.shape))


def _solved(watch: Watch, a: MatrixBall, b: Tensor, out: Tensor, *, left: bool, upper: bool | None = None) -> None:
    """The same of A X = B, or of X A = B."""
    right = MatrixBall.of(watch, b)
    if left:
        _bounded(watch, a, right, out, upper=upper)
        return
    across = a.transposed
    inverse = approximate_inverse(across, upper=None if upper is None else not upper)
    _set(watch, across, inverse, right.transposed, out.mT, out, across=True)


def inverse(watch: Watch, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """linalg_inv_ex of matrices (…, n, n)."""
    out = func(*args, **kwargs)
    a = MatrixBall.of(watch, args[0])
    one = torch.eye(a.mid.shape[-1], dtype=a.mid.dtype, device=a.mid.device).expand(a.mid.shape)
    _bounded(watch, a, MatrixBall.exactly(one), out[0])
    return out


def solve(watch: Watch, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """_linalg_solve_ex: A (…, n, n), B (…, n, k), or a vector for each matrix; and the factors of A."""
    out = func(*args, **kwargs)
    matrix, right = args[:2]
    left = bool(args[2]) if len(args) > 2 else bool(kwargs.get("left", True))
    a = MatrixBall.of(watch, matrix)
    vector = right.dim() == 1 or (matrix.dim() - 1 == right.dim() and right.shape == matrix.shape[:-1])
    if vector:
        b = MatrixBall.of(watch, right)
        inverted = approximate_inverse(a)
        _set(watch, a, inverted, MatrixBall(b.mid[..., None], b.rad[..., None]), out[0][..., None], out[0])
    else:
        _solved(watch, a, right, out[0], left=left)
    factors.note(watch, a, out[1], out[2])
    return out


def lu_solve(watch: Watch, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """linalg_lu_solve: the factors of A in one matrix, the exchanges of rows, and B."""
    out = func(*args, **kwargs)
    packed, pivots, right = args[:3]
    left, adjoint = (bool(kwargs.get(name, default)) for name, default in (("left", True), ("adjoint", False)))
    a = watch.factorisations.matrix_of(watch, packed, pivots)
    if a is None:
        both = MatrixBall.of(watch, packed)
        lower, upper = factors.unpacked(both)
        exchanged = factors.permutation(pivots, packed)
        product = lower @ upper
        a = MatrixBall(exchanged.to(product.mid.dtype) @ product.mid, exchanged @ product.rad)
    _solved(watch, a.transposed.conjugated if adjoint else a, right, out, left=left)
    return out


def triangular(watch: Watch, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """linalg_solve_triangular: a triangle of A (…, n, n), whose diagonal may count as ones, and B."""
    out = func(*args, **kwargs)
    upper, left, unit = (
        bool(kwargs.get(name, default))
        for name, default in (("upper", False), ("left", True), ("unitriangular", False))
    )
    a = factors.triangle(MatrixBall.of(watch, args[0]), upper=upper, unit=unit)
    _solved(watch, a, args[1], out, left=left, upper=upper)
    return out


def cholesky_solve(watch: Watch, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """cholesky_solve: B, and the triangle L of A = L Lᴴ (``upper``: of A = Lᴴ L)."""
    out = func(*args, **kwargs)
    upper = bool(args[2]) if len(args) > 2 else bool(kwargs.get("upper", False))
    a = watch.factorisations.matrix_of(watch, args[1], upper)
    if a is None:
        factor = factors.triangle(MatrixBall.of(watch, args[1]), upper=upper, unit=False)
        across = factor.transposed.conjugated
        a = across @ factor if upper else factor @ across
    _bounded(watch, a, MatrixBall.of(watch, args[0]), out)
    return out
