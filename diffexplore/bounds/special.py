"""Sums over dimensions, and the polygamma functions."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from diffexplore.bounds import gamma
from diffexplore.bounds.ball import APART, Ball
from diffexplore.bounds.claims import COMPUTE, QUANTUM, UNIT_ROUNDOFF, UPWARD, rounding, summation_rounding
from diffexplore.bounds.handling import conclude, converted, finite_float

if TYPE_CHECKING:
    from diffexplore.bounds.watch import Watch

#: Roundings of zeta's largest terms that are allowed for.
_TERM_ULPS = 32

#: Where the same overload of sum has another name than that of mean.
_SUM_OVERLOADS = {"dim": "dim_IntList"}


def reduce(watch: Watch, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """sum and mean, over all or some dimensions."""
    source = args[0]
    out = func(*args, **kwargs)
    if not finite_float(out):
        return out
    if out.dtype == source.dtype and out.numel() == source.numel() > 0:  # each is the sum of one, which rounds nothing
        watch.set(out, watch.radius(source).reshape(out.shape))
        return out
    name = func.overloadpacket.__name__
    plain = {key: value for key, value in kwargs.items() if key != "dtype"}
    total = getattr(torch.ops.aten.sum, _SUM_OVERLOADS.get(func._overloadname, func._overloadname))
    (x,) = converted([watch.ball(source, source)], [source], out.dtype, wide_numbers=False)
    n = max(1, source.numel() // max(1, out.numel()))
    radius, magnitude = total(x.rad, *args[1:], **plain), total(x.farthest_from_zero, *args[1:], **plain)
    value = out.detach().to(torch.float64)
    if name == "mean":
        radius, magnitude = radius / n, magnitude / n
    spread = radius * (1 + n * 2.0**-52) * UPWARD
    dtype = watch.rounds_in(out.dtype)
    twice = rounding("div", value, dtype) * 2 if name == "mean" else 0.0
    rounded = summation_rounding(magnitude, value, n, dtype) + twice
    watch.set(out, spread + torch.where(magnitude == 0, 0.0, rounded))  # zeros add up to 0
    return out


def extreme(watch: Watch, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """amax and amin: |max(X) − max(x)| ≤ max |X − x| over the elements that may be the largest.

    A kink where a second element reaches the largest.
    """
    out = func(*args, **kwargs)
    if not finite_float(out):
        return out
    x = watch.ball(args[0], args[0])
    dims = list(args[1] if len(args) > 1 else kwargs.get("dim", [])) or list(range(x.mid.dim()))
    largest = func(x.mid, dims, True)
    reach = x.rad + torch.where(x.mid == largest, x.rad, 0.0).amax(dims, keepdim=True)
    spread = torch.where((x.mid - largest).abs() > reach * APART, 0.0, x.rad).amax(*args[1:], **kwargs)
    if watch.smooth:
        near = ((x.mid - largest).abs() <= x.rad + x.rad.amax(dims, keepdim=True)).to(torch.float64)
        spread = torch.where(near.sum(dims, keepdim=True).reshape(out.shape) > 1, math.inf, spread)
    watch.set(out, spread)
    return out


def running_sum(watch: Watch, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """cumsum: the k-th partial sum goes through at most k additions, in whatever order; a GPU may add up halves.

    Source: Higham, "Accuracy and Stability of Numerical Algorithms", 2nd ed., 2002, §4.2.
    """
    out = func(*args, **kwargs)
    source, dim = args[0], args[1] if len(args) > 1 else kwargs["dim"]
    if not finite_float(out):
        return out
    (x,) = converted([watch.ball(source, source)], [source], out.dtype, wide_numbers=False)
    dtype = watch.rounds_in(out.dtype)
    unit = UNIT_ROUNDOFF[dtype if out.is_cuda else COMPUTE[dtype]]
    depth = torch.ones_like(x.mid).cumsum(dim)
    growth = torch.expm1(depth * math.log1p(unit)) * (1 + depth * 2.0**-52)
    spread = x.rad.cumsum(dim) * (1 + depth * 2.0**-52) + x.farthest_from_zero.cumsum(dim) * growth
    value = out.detach().to(torch.float64)
    watch.set(out, (spread + rounding("add", value, dtype)) * UPWARD)
    return out


def polygamma(watch: Watch, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """polygamma(n, x), and x.polygamma_(n), which overwrites its operand."""
    order, x = (args[0], args[1]) if isinstance(args[0], int) else (args[1], args[0])
    ball = Ball(x.detach().to(torch.float64, copy=True), watch.radius(x))
    out = func(*args, **kwargs)
    if x is args[0]:
        watch.forget(out)
    value, dtype = out.detach().to(torch.float64), watch.rounds_in(out.dtype)
    if order == 0:
        spread = gamma.digamma(ball, value)
    elif order == 1:
        spread = gamma.polygamma(1, gamma.reflected(ball, UNIT_ROUNDOFF[dtype]), value)
    else:
        spread = gamma.polygamma(int(order), ball, value) + _product_rounding(int(order), value, dtype)
        spread = spread + _cancelled(int(order), ball, dtype)
    spread = spread + _lost_zeta(int(order), ball.mid, out.dtype)
    claim = {0: "digamma", 1: "trigamma" if out.dtype == torch.float64 else "polygamma"}.get(int(order), "polygamma")
    conclude(watch, claim, out, value.abs(), spread)
    return out


def _product_rounding(order: int, value: Tensor, dtype: torch.dtype) -> Tensor:
    """Of exp(lgamma(n + 1)) · zeta(n + 1, x), where each of the four results is rounded to the dtype.

    Source: torch's calc_polygamma (aten/src/ATen/native/Math.h). A relative error δ of lgamma is one of δ·lgamma in its
    exponential; 1/(1 - u) is at most exp(u(1 + u)). What underflows in zeta is multiplied by n!.
    """
    unit, log_factorial = UNIT_ROUNDOFF[dtype], math.lgamma(order + 1)
    relative = math.expm1((log_factorial + 3) * unit * (1 + unit)) * UPWARD
    return value.abs() * relative + math.exp(log_factorial) * UPWARD * QUANTUM[dtype]


def _cancelled(order: int, x: Ball, dtype: torch.dtype) -> Tensor:
    """Left of 0, the terms of the sum for zeta have both signs: their roundings are those of its largest terms."""
    terms = _TERM_ULPS * UNIT_ROUNDOFF[dtype] * gamma.size_left(order, x)
    return torch.where(x.mid < 0, terms, 0.0)


def _lost_zeta(order: int, x: Tensor, dtype: torch.dtype) -> Tensor:
    """What polygamma may lose at a large x, because its zeta forms x⁻ⁿ⁻¹, which underflows before the result does.

    All of it: |ψ⁽ⁿ⁾(x)| ≤ (n − 1)!/xⁿ + n!/xⁿ⁺¹ ≤ 2 (n − 1)!/xⁿ for x ≥ n (NIST DLMF 5.15.8 and 5.9.12).
    """
    if order == 0:
        return torch.zeros_like(x)
    underflows = (order + 1) * x.clamp(min=1).log() > -math.log(torch.finfo(dtype).tiny) - 1
    return torch.where(underflows, 2 * math.factorial(order - 1) * x.abs() ** -order, 0.0)
