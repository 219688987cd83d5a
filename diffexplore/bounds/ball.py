"""Balls, and how they spread through arithmetic; the rules of functions are in :mod:`~diffexplore.bounds.propagation`.

Each rule takes balls (a float64 midpoint and a radius) and the computed result, and bounds |f(X) - f(x)| for every X in
the balls around the midpoints x, second-order terms included. It is infinite where a ball holds a singularity.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from diffexplore.bounds.elements import all_finite, all_hold, chosen, in_place

#: What a product or quotient in a rule may lose below the normal doubles, before it is multiplied by anything.
LEAST = math.ldexp(1.0, -1074)

#: Covers the roundings of a distance and of a sum of two radii: balls that are apart by more do not overlap.
APART = 1 + 2.0**-40

#: A ball must keep this relative distance from a singularity, so that the distance itself is computed well.
MARGIN = 1 - 2.0**-20


class Ball(NamedTuple):
    """All numbers within ``rad`` of ``mid`` (float64 tensors that broadcast); ``exact``: ``rad`` is known to be 0."""

    mid: Tensor
    rad: Tensor
    exact: bool = False

    @property
    def nearest_to_zero(self) -> Tensor:
        return (self.mid.abs() - self.rad).clamp(min=0)

    @property
    def farthest_from_zero(self) -> Tensor:
        return self.mid.abs() + self.rad


Rule = Callable[..., Tensor]


def infinite_unless(condition: Tensor, value: Tensor) -> Tensor:
    """``value`` where the condition holds, infinity elsewhere."""
    return chosen(condition, value, math.inf)


def add(x: Ball, y: Ball, out: Tensor) -> Tensor:
    if x.exact or y.exact:
        return x.rad if y.exact else y.rad
    return x.rad + y.rad


def mul(x: Ball, y: Ball, out: Tensor) -> Tensor:
    if (x.exact or y.exact) and all_finite(out):  # 0 times infinity is left to the general rule
        if x.exact and y.exact:
            return x.rad
        return x.mid.abs() * y.rad if x.exact else y.mid.abs() * x.rad
    spread = in_place(Tensor.add_, x.mid.abs() * y.rad, in_place(Tensor.mul_, y.mid.abs() + y.rad, x.rad))
    return spread if all_finite(out) else torch.where(infinite_product(x, y), 0.0, spread)


def infinite_product(x: Ball, y: Ball) -> Tensor:
    """Where a factor is infinite, and the other is not 0: then nothing moves the product.

    An infinity of radius 0 is data, such as a mask, or was made of some: what overflows has an infinite radius.
    """
    return (infinite(x) & (y.nearest_to_zero > 0)) | (infinite(y) & (x.nearest_to_zero > 0))


def infinite_quotient(x: Ball, y: Ball) -> Tensor:
    """Where the dividend is infinite, and the divisor neither 0 nor infinite."""
    return infinite(x) & (y.nearest_to_zero > 0) & y.farthest_from_zero.isfinite()


def infinite(x: Ball) -> Tensor:
    """Where a number is infinite as data are, such as a mask."""
    return x.mid.isinf() & (x.rad == 0)


def div(x: Ball, y: Ball, out: Tensor) -> Tensor:
    """|x/y|·ry/(|y| − ry) + rx/(|y| − ry): the divisor may be so small that neither product by ry may underflow."""
    if y.mid.numel() == 1:
        return _div_by_one_number(x, float(y.mid.abs()), float(y.rad))
    divisor = y.mid.abs()
    if y.exact and all_hold(divisor) and all_finite(out):
        return x.rad / divisor
    clear = y.rad < divisor * MARGIN
    left = divisor - y.rad
    quotient = in_place(Tensor.div_, x.mid.abs(), divisor)
    spread = in_place(Tensor.mul_, quotient.add_(LEAST), y.rad / left)
    spread = infinite_unless(clear, in_place(Tensor.add_, spread, x.rad / left))
    return spread if all_finite(out) else torch.where(infinite_quotient(x, y), 0.0, spread)


def _div_by_one_number(x: Ball, size: float, radius: float) -> Tensor:
    if not radius < size * MARGIN:
        return torch.full_like(x.rad + x.mid, math.inf)
    left = size - radius
    spread = x.rad / left
    if not radius:
        return spread
    more = (x.mid.abs() / size + LEAST) * (radius / left)
    return spread + torch.where(infinite(x), 0.0, more)


def reciprocal(x: Ball, out: Tensor) -> Tensor:
    return div(Ball(torch.ones_like(x.mid), torch.zeros_like(x.rad)), x, out)


def unchanged(x: Ball, *rest: object) -> Tensor:
    """For functions with slopes in [-1, 1]."""
    return x.rad


def clamp(x: Ball, *limits_and_out: Any) -> Tensor:
    """Cut off at limits. A midpoint beyond a limit leaves to the ball what reaches back over it."""
    *limits, out = limits_and_out
    spread = (x.rad * (1 + 2.0**-50) - (x.mid - out).abs()).clamp(min=0)
    for limit in limits:
        spread = spread + limit.rad
    return spread


def largest(x: Ball, y: Ball, out: Tensor) -> Tensor:
    """The larger or the smaller one of two numbers. One that certainly is not chosen leaves its radius behind."""
    either = slopes_within_one(x, y, out)
    if x.exact and y.exact:
        return either
    apart = (x.mid - y.mid).abs() > (x.rad + y.rad) * APART
    return torch.where(apart, torch.where(x.mid == out, x.rad, y.rad), either)


def slopes_within_one(x: Ball, y: Ball, out: Tensor) -> Tensor:
    """For functions of two numbers whose slopes are at least 0 and add up to at most 1."""
    return torch.maximum(*torch.broadcast_tensors(x.rad, y.rad))


def square(x: Ball, out: Tensor) -> Tensor:
    return mul(x, x, out)
