"""How errors of operands spread through the Bessel functions of the first and second kind.

Mₙ² = Jₙ² + Yₙ² falls as x grows (Nicholson's integral, NIST DLMF 10.9.30): what it is at the lower end of a ball
bounds Jₙ and Yₙ on all of it.
"""

from __future__ import annotations

import math

import torch

from diffexplore.bounds.ball import Ball

Tensor = torch.Tensor

#: Above what PyTorch's kernels of these functions are off in float64, beside one digit of a large value.
_KERNELS_OFF = 2.0**-18

#: Bounds of the slopes everywhere: |J₁| ≤ 1/√2 (NIST DLMF 10.14.1), and |J₁′| = |J₀ − J₂|/2 ≤ (1 + 1/√2)/2.
_SLOPE_OF_J0 = math.sqrt(0.5)
_SLOPE_OF_J1 = (1 + math.sqrt(0.5)) / 2


def j0(x: Ball, out: Tensor) -> Tensor:
    return x.rad * _modulus_1(x.nearest_to_zero).clamp(max=_SLOPE_OF_J0)  # J₀′ = −J₁


def j1(x: Ball, out: Tensor) -> Tensor:
    return x.rad * _slope_of_order_1(x.nearest_to_zero).clamp(max=_SLOPE_OF_J1)


def y0(x: Ball, out: Tensor) -> Tensor:
    return _right_of_zero(x, _modulus_1(x.nearest_to_zero))  # Y₀′ = −Y₁


def y1(x: Ball, out: Tensor) -> Tensor:
    return _right_of_zero(x, _slope_of_order_1(x.nearest_to_zero))


def _right_of_zero(x: Ball, slope: Tensor) -> Tensor:
    return torch.where((x.mid > x.rad) & slope.isfinite(), x.rad * slope, math.inf)


def _modulus_0(low: Tensor) -> Tensor:
    return torch.hypot(torch.special.bessel_j0(low), torch.special.bessel_y0(low)) * (1 + 2.0**-20) + _KERNELS_OFF


def _modulus_1(low: Tensor) -> Tensor:
    """Above M₁; infinite at 0."""
    found = torch.hypot(torch.special.bessel_j1(low), torch.special.bessel_y1(low)) * (1 + 2.0**-20) + _KERNELS_OFF
    return torch.where(low > 0, found, math.inf)


def _slope_of_order_1(low: Tensor) -> Tensor:
    """Above |C₀ − C₁/x| for both kinds C (NIST DLMF 10.6.2); infinite at 0."""
    return torch.where(low > 0, _modulus_0(low) + _modulus_1(low) / low, math.inf)
