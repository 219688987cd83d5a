"""How errors of operands spread through the gamma functions, on both sides of 0.

Left of 0 a function is bounded through its reflection: by its size at 1 − x, and by the distance d from the poles at
0, −1, −2, … Source: NIST DLMF 5.5.4 and 5.15.6: ψ(x) = ψ(1 − x) − π cot πx, and 5.15.1 for the sums over all poles.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from diffexplore.bounds.ball import Ball, infinite_unless

_UP = 1 + 2.0**-20

#: Torch's kernels take the tangent or sine of π·x without a reduction: as if x were off by so many roundoffs of itself.
_REFLECTED = 4.0


def lgamma(x: Ball, out: Tensor) -> Tensor:
    low, high = x.mid - x.rad, x.mid + x.rad
    slope = torch.maximum(torch.digamma(low).abs(), torch.digamma(high).abs())
    right = x.rad * (slope * _UP + 2.0**-40)
    distance = _from_poles(x)
    # |ψ(1 − x)| ≤ log(1 − x) + 1 for x ≤ 0, and |π cot πx| ≤ 1/d.
    left = infinite_unless(distance > 0, x.rad * ((1 - low).log() + 1 + 1 / distance) * _UP)
    return torch.where(x.rad == 0, 0.0, torch.where(low > 0, right, left))


def digamma(x: Ball, out: Tensor) -> Tensor:
    low = x.mid - x.rad
    right = x.rad * torch.polygamma(1, _positive(low)) * _UP
    return torch.where(low > 0, right, _left(0, reflected(x, 2.0**-53)))


def polygamma(order: int, x: Ball, out: Tensor) -> Tensor:
    low = x.mid - x.rad
    right = x.rad * torch.polygamma(order + 1, _positive(low)).abs() * _UP
    return torch.where(low > 0, right, _left(order, x))


def reflected(x: Ball, unit: float) -> Ball:
    """With what a kernel of roundoff ``unit`` does to a negative argument before it is reflected."""
    return Ball(x.mid, x.rad + torch.where(x.mid < 0, _REFLECTED * unit * x.mid.abs(), 0.0))


def size_left(order: int, x: Ball) -> Tensor:
    """A bound of |ψ⁽ⁿ⁾|, n ≥ 1, between two poles: n! Σ 1/|x + k|ⁿ⁺¹ ≤ n! (2/dⁿ⁺¹ + 2 ζ(2)), infinite at a pole."""
    distance = _from_poles(x)
    size = math.factorial(order) * (2 * distance ** -(order + 1) + math.pi**2 / 3)
    return infinite_unless(distance > 0, size)


def _left(order: int, x: Ball) -> Tensor:
    """How ψ⁽ⁿ⁾ spreads a radius between two poles, by the size of its derivative."""
    return torch.where(x.rad == 0, 0.0, x.rad * size_left(order + 1, x) * _UP)


def _from_poles(x: Ball) -> Tensor:
    """How far all of a ball is from the whole numbers; 0 or less where it may hold one."""
    room = x.rad * _UP + torch.where(x.rad > 0, x.mid.abs() * 2.0**-51, 0.0)
    nearest = (x.mid - x.mid.round()).abs()  # exact: these are less than a factor of 2 apart, or the other is 0
    return nearest * (1 - 2.0**-50) - room


def _positive(x: Tensor) -> Tensor:
    """NaN for what is not positive: torch's polygamma steps up from a negative argument by 1 until it is."""
    return torch.where(x > 0, x, math.nan)
