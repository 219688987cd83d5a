"""Bessel functions of whole order as PyTorch computes them, and those of the orders that it lacks.

Iₙ(x) = Σ (x/2)²ᵏ⁺ⁿ/(k! (n + k)!) and Iₙ₊₁(x) = Iₙ₋₁(x) − (2n/x) Iₙ(x), which loses few digits where x is not small
beside n. The terms of Jₙ have the signs (−1)ᵏ, and Jₙ₊₁(x) = (2n/x) Jₙ(x) − Jₙ₋₁(x).
Source: NIST DLMF 10.25.2, 10.29.1, 10.2.2 and 10.6.1.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from functools import cache, partial

import torch

from diffexplore.arithmetic.narrow import in_float32
from diffexplore.arithmetic.slopes import by_record
from diffexplore.torch_private.watching import state_constant

Tensor = torch.Tensor
Kernel = Callable[[Tensor], Tensor]

#: The series is cut off where it adds less than this part of its first term.
_NEGLIGIBLE = Fraction(1, 2**60)


def first_kind(order: int, x: Tensor) -> Tensor:
    """Jₙ(x), n ≥ 0: by PyTorch's kernels for n = 0 and 1."""
    return _of_order(order, x, _FIRST_KIND, -1)


def modified(order: int, x: Tensor) -> Tensor:
    """Iₙ(x), n ≥ 0: by PyTorch's kernels for n = 0 and 1."""
    return _of_order(order, x, _MODIFIED, 1)


_FIRST_KIND: tuple[Kernel, Kernel] = (
    partial(by_record, "j0", torch.special.bessel_j0),
    partial(by_record, "j1", torch.special.bessel_j1),
)
_MODIFIED: tuple[Kernel, Kernel] = (
    lambda x: in_float32(torch.special.i0, x),
    lambda x: in_float32(torch.special.i1, x),
)


def _of_order(order: int, x: Tensor, kernels: tuple[Kernel, Kernel], sign: int) -> Tensor:
    """Iₙ(x) where ``sign`` is 1, Jₙ(x) where it is −1."""
    if order < 2:
        return kernels[order](x)
    limit = _switch(order)
    near = (x < limit) & (x > -limit)
    # Torch differentiates the branch not taken too: its input is chosen first.
    inside, outside = torch.where(near, x, 0.0), torch.where(near, limit, x)
    return torch.where(near, _by_series(order, inside, sign), _by_recurrence(order, outside, kernels, sign))


def _switch(order: int) -> float:
    """Up to here the series is taken; no whole number, at which a computed argument would be on either side."""
    return order + 4.0859375


def _by_recurrence(order: int, x: Tensor, kernels: tuple[Kernel, Kernel], sign: int) -> Tensor:
    before, value = (kernel(x) for kernel in kernels)
    for n in range(1, order):
        step = value * (2 * n) / x
        before, value = value, before - step if sign > 0 else step - before
    return value


def _by_series(order: int, x: Tensor, sign: int) -> Tensor:
    numbers, rest = _coefficients(order)
    state_constant(numbers[-1], rest)
    part = x / _scale(order)  # below 1, so that no power of it overflows in a backward pass
    square = part * part if sign > 0 else -(part * part)
    total = square * numbers[-1] + numbers[-2]
    for number in reversed(numbers[:-2]):
        total = total * square + number
    for _ in range(order):
        total = total * part
    return total


def _scale(order: int) -> float:
    """A power of two above all arguments of the series."""
    return float(2 ** math.ceil(math.log2(_switch(order))))


@cache
def _coefficients(order: int) -> tuple[tuple[float, ...], float]:
    """Those of (x/scale)ⁿ⁺²ᵏ, and how far the last may be from what it stands for: itself and all that follows.

    The terms that follow fall by more than a factor of two each, so that they add up to less than twice the first; the
    slope of a rest c x²ʲ⁺² is below twice what it would be if c x² belonged to the last coefficient.
    """
    reach, square = Fraction(_switch(order)) ** 2, Fraction(_scale(order)) ** 2
    numbers = [_coefficient(order, 0)]
    while _coefficient(order, len(numbers)) * reach ** len(numbers) > _NEGLIGIBLE * numbers[0]:
        numbers.append(_coefficient(order, len(numbers)))
    rest = 4 * _coefficient(order, len(numbers)) * reach * square ** (len(numbers) - 1)
    scale = Fraction(_scale(order)) ** order
    scaled = tuple(float(number * square**k * scale) for k, number in enumerate(numbers))
    return scaled, float(rest * scale) + math.ulp(scaled[-1])


def _coefficient(order: int, k: int) -> Fraction:
    return Fraction(1, 2 ** (order + 2 * k) * math.factorial(k) * math.factorial(order + k))
