"""The gamma functions of a program as torch computes them, and what torch's kernels do not compute."""

from __future__ import annotations

import math
from functools import cache

import torch

from diffexplore.torch_private.watching import state_constant

#: Torch's kernel of order n ≥ 2, which also is the slope of order n − 1, steps up from a negative argument by 1 until
#: it is positive: a millisecond for each number from here, for ever from −2⁵³.
_STEPS_UP_FROM = -1e4


def gamma(x: torch.Tensor) -> torch.Tensor:
    """Γ(x): torch has log|Γ| only; between the poles at 0, −1, −2, … the sign of Γ alternates."""
    odd = torch.remainder(torch.floor(torch.clamp(x.detach(), max=0)), 2)
    return torch.exp(torch.lgamma(x)) * (1 - 2 * odd)


def polygamma(order: int, x: torch.Tensor) -> torch.Tensor:
    """ψ⁽ᵒʳᵈᵉʳ⁾(x), order ≥ 1: torch's kernel, and its reflection where that would step up too far.

    ψ⁽ⁿ⁾(x) = (−1)ⁿ ψ⁽ⁿ⁾(1 − x) − π dⁿ/dxⁿ cot πx. Source: NIST DLMF 5.15.6.
    """
    near = x.detach() > _STEPS_UP_FROM
    # Torch differentiates the branch not taken too: its input is chosen first.
    stepped = torch.polygamma(order, torch.where(near, x, 1))
    return torch.where(near, stepped, _reflected(order, torch.where(near, 0.5, x)))


def _reflected(order: int, x: torch.Tensor) -> torch.Tensor:
    right = torch.polygamma(order, 1 - x)
    return (right if order % 2 == 0 else -right) - _cotangent_slope(order, x)


def _cotangent_slope(order: int, x: torch.Tensor) -> torch.Tensor:
    """π dⁿ/dxⁿ cot πx, of period 1, as πⁿ⁺¹ times a polynomial in the cotangent."""
    state_constant(math.pi, math.ulp(math.pi))
    angle = (x - x.detach().floor()) * math.pi
    cotangent = torch.cos(angle) / torch.sin(angle)
    polynomial = torch.zeros_like(x)
    for coefficient in reversed(_coefficients(order)):
        polynomial = polynomial * cotangent + coefficient
    for _ in range(order + 1):
        polynomial = polynomial * math.pi
    return polynomial


@cache
def _coefficients(order: int) -> tuple[int, ...]:
    """Those of P with dⁿ/dtⁿ cot t = P(cot t), the constant first: c' = −(1 + c²). All have the sign (−1)ⁿ."""
    coefficients = [0, 1]
    for _ in range(order):
        slope = [power * coefficient for power, coefficient in enumerate(coefficients)][1:]
        coefficients = [-(low + high) for low, high in zip([*slope, 0, 0], [0, 0, *slope], strict=True)]
    return tuple(coefficients)
