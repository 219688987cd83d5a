"""Rounding of sums of products: dot, mv, mm, bmm and their kin.

In whatever order k products are added up, with or without fused multiply-add, each goes through at most k roundings:
the error is at most γ_k |A||B| with γ_k = k u / (1 − k u) (Higham, "Accuracy and Stability of Numerical Algorithms",
2nd ed., 2002, §3.1), u that of the dtype in which the library accumulates; the result is rounded once more.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from diffexplore.bounds.ball import Ball, infinite
from diffexplore.bounds.claims import BELOW_NORMAL, COMPUTE, QUANTUM, UNIT_ROUNDOFF, UPWARD, rounding
from diffexplore.bounds.elements import all_finite
from diffexplore.bounds.watch import Watch

#: TF32 keeps 10 explicit bits of float32's operands.
_TF32_UNIT = 2.0**-11

_Product = Callable[[Tensor, Tensor], Tensor]


def product(
    multiply: _Product, added: bool, watch: Watch, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """The product of two tensors, or (``added``, addmm and its kin) beta · a tensor + alpha · such a product."""
    out = func(*args, **kwargs)
    left, right = args[1:3] if added else args[:2]
    x, y = watch.ball(left, left), watch.ball(right, right)
    dtype = watch.rounds_in(out.dtype)
    terms = left.shape[-1]
    unit = _unit(out, dtype)
    spread = _spread(multiply, x, y)
    reach = multiply(x.mid.abs(), y.mid.abs()) + spread
    # Arithmetic of the radii itself: 2 (terms + 2) roundings in double precision, covered by twice their number.
    own = 1 + 4 * (terms + 4) * 2.0**-53
    # Below the normal numbers each product loses half a quantum, in the kernel and in both products of radii.
    radius = (spread + reach * _growth(terms, unit)) * own + terms * (QUANTUM[dtype] + QUANTUM[torch.float64])
    value = out.detach().to(torch.float64)
    certain = None
    if added:
        alpha, beta = abs(float(kwargs.get("alpha", 1))), abs(float(kwargs.get("beta", 1)))
        reach, radius = alpha * reach, alpha * radius
        if beta:  # else what is in the tensor is ignored, NaN too
            addend = watch.ball(args[0], args[0])
            if not all_finite(addend.mid):
                # In the dtype the products may overflow to the other side: then the result is no number.
                certain = infinite(addend) & (reach + radius).isfinite() & value.isinf()
            reach = reach + beta * addend.farthest_from_zero
            radius = radius + beta * addend.rad
        radius = radius + reach * 4 * unit + QUANTUM[dtype]
    radius = (radius + rounding("add", value, dtype) + BELOW_NORMAL) * UPWARD
    watch.set(out, radius if certain is None else torch.where(certain, 0.0, radius))
    return out


def _spread(multiply: _Product, x: Ball, y: Ball) -> Tensor | float:
    """|XY − xy| ≤ |x|·ry + rx·(|y| + ry): no difference of two sums, which are rounded as much as xy."""
    if x.exact:
        return 0.0 if y.exact else multiply(x.mid.abs(), y.rad)
    first = multiply(x.rad, y.farthest_from_zero)
    return first if y.exact else first + multiply(x.mid.abs(), y.rad)


def _unit(out: Tensor, dtype: torch.dtype) -> float:
    """The unit roundoff of the products and their sum; a GPU may add up halves in their own precision."""
    if out.is_cuda and dtype in (torch.bfloat16, torch.float16):
        return UNIT_ROUNDOFF[dtype]
    tf32 = out.is_cuda and out.dtype == torch.float32 and torch.backends.cuda.matmul.allow_tf32
    return _TF32_UNIT if tf32 else UNIT_ROUNDOFF[COMPUTE[dtype]]


def _growth(terms: int, unit: float) -> float:
    """γ of two roundings of operands and one for each term."""
    worst = (terms + 2) * unit
    return worst / (1 - worst) if worst < 1 else float("inf")


def convolution(watch: Watch, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A convolution, or its gradients, held against the same sums of products in float64.

    Each entry of the result is a sum of k products. In float64, in whatever order, it is within γ_k |A||B| of the exact
    one. A library may compute it by transforms (Winograd, FFT), for which no such bound holds entry by entry: how far
    its result is from the sum in float64 is therefore part of the bound.
    """
    out = func(*args, **kwargs)
    for tensor in _several(out):
        if tensor is not None:
            watch.rounds_in(tensor.dtype)
    balls = [None if value is None else watch.ball(value, value) for value in args[:3]]
    rest = args[3:]
    with_mids = func(*(ball and ball.mid for ball in balls), *rest, **kwargs)
    sizes = func(*(ball and ball.mid.abs() for ball in balls), *rest, **kwargs)
    reach = func(*(ball and ball.farthest_from_zero for ball in balls), *rest, **kwargs)
    # The sums run over entries of the weight, or (that gradient's) over those of the upstream gradient; and the bias.
    summed = args[1:2] if func.overloadpacket.__name__ == "convolution" else (args[0], args[2])
    terms = max(value.numel() for value in summed) + 1
    own = UNIT_ROUNDOFF[torch.float64]
    for tensor, sum_of, size, most in zip(*map(_several, (out, with_mids, sizes, reach)), strict=True):
        if tensor is None or not tensor.is_floating_point():
            continue
        spread = (most - size).clamp(min=0) + most * 4 * _growth(terms, own)
        strays = (tensor.detach().to(torch.float64) - sum_of).abs()
        watch.set(tensor, (spread + strays + terms * BELOW_NORMAL) * UPWARD)
    return out


def _several(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)
