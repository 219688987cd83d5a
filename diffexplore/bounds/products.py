"""Rounding of sums of products: dot, mv, mm, bmm and their kin.

In whatever order k products are added up, with or without fused multiply-add, each goes through at most k roundings:
the error is at most γ_k |A||B| with γ_k = k u / (1 − k u) (Higham, "Accuracy and Stability of Numerical Algorithms",
2nd ed., 2002, §3.1), u that of the dtype in which the library accumulates; the result is rounded once more.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from diffexplore.bounds.claims import COMPUTE, QUANTUM, UNIT_ROUNDOFF, UPWARD, rounding
from diffexplore.bounds.watch import Watch

Tensor = torch.Tensor

#: TF32 keeps 10 explicit bits of float32's operands.
_TF32_UNIT = 2.0**-11

_Product = Callable[[Tensor, Tensor], Tensor]

_PLAIN: dict[str, _Product] = {
    "mm": torch.mm, "bmm": torch.bmm, "mv": torch.mv, "dot": torch.dot, "vdot": torch.dot,
}  # fmt: skip

_WITH_SUM: dict[str, _Product] = {"addmm": torch.mm, "addmv": torch.mv, "baddbmm": torch.bmm}

NAMES = frozenset(_PLAIN) | frozenset(_WITH_SUM)


def product(watch: Watch, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The product of two tensors, or (addmm and its kin) beta · a tensor + alpha · such a product."""
    out = func(*args, **kwargs)
    name = func.overloadpacket.__name__
    multiply = _PLAIN.get(name) or _WITH_SUM[name]
    left, right = args[:2] if name in _PLAIN else args[1:3]
    x, y = watch.ball(left, left), watch.ball(right, right)
    dtype = watch.rounds_in(out.dtype)
    terms = left.shape[-1]
    unit = _unit(out, dtype)
    size = multiply(x.mid.abs(), y.mid.abs())
    reach = multiply(x.farthest_from_zero, y.farthest_from_zero)
    # Arithmetic of the radii itself: 2 (terms + 2) roundings in double precision, covered by twice their number.
    own = 1 + 4 * (terms + 4) * 2.0**-53
    spread = (reach - size).clamp(min=0) + size * (terms + 2) * 2.0**-52
    radius = (spread + reach * _growth(terms, unit)) * own + terms * QUANTUM[dtype]
    value = out.detach().to(torch.float64)
    if name in _WITH_SUM:
        added = watch.ball(args[0], args[0])
        alpha, beta = abs(float(kwargs.get("alpha", 1))), abs(float(kwargs.get("beta", 1)))
        most = alpha * reach + beta * added.farthest_from_zero
        radius = alpha * radius + beta * added.rad + most * 4 * unit
    watch.set(out, (radius + rounding("add", value, dtype)) * UPWARD)
    return out


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
