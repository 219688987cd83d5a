"""Kernels whose steps lose more than their result shows: by rounding each to half precision, or by overflowing.

On a CPU, kernels of half precision compute in float32 and round the result once. CUDA does so in most kernels, but a
few compute in ``scalar_t``, that is in c10::Half or c10::BFloat16, whose every operation rounds to half precision.
Source: torch's aten/src/ATen/native/cuda, BinaryMiscBackwardOpsKernels.cu (``a * (scalar_t{1.} - b * b)`` in
tanh_backward; ``a * (scalar_t(1.) - b) * b`` in sigmoid_backward, where nothing cancels) and PowKernel.cu
(``1.0 / (base * base)``). logit_backward there computes in acc_type, logaddexp in opmath_type: both are float32.
In every dtype x⁻² is computed as 1/(x·x), also on a CPU (cpu/PowKernel.cpp).

CUDA divides by one number that lies on the CPU by a product with its reciprocal, which is rounded in the dtype that it
computes in (``div_true_kernel_cuda`` in BinaryDivTrueKernel.cu).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from diffexplore.bounds.ball import Ball
from diffexplore.bounds.claims import COMPUTE, QUANTUM, UNIT_ROUNDOFF

#: The kernels of each type of device that round their steps to the dtype of their operands.
STEPWISE: dict[str, frozenset[str]] = {"cuda": frozenset({"tanh_backward", "pow_multiplied"})}

#: The types of device that multiply by the reciprocal of a divisor that is one number on the CPU.
BY_RECIPROCAL = frozenset({"cuda"})


def lost_in_reciprocal(divisor: Tensor, dtype: torch.dtype) -> Tensor:
    """How far a divisor (float64, one number) is from the one whose exact reciprocal the kernel multiplies by.

    The reciprocal is rounded to nearest, and not at all where it is a power of two. Below the normal numbers it loses
    an unknown share of itself, and above the largest all.
    """
    wide = COMPUTE[dtype]
    reciprocal = 1 / divisor.abs()
    normal = (reciprocal >= torch.finfo(wide).tiny) & (reciprocal <= torch.finfo(wide).max)
    power_of_two = torch.frexp(divisor).mantissa.abs() == 0.5
    share = torch.where(power_of_two, 0.0, UNIT_ROUNDOFF[wide] * (1 + 4 * UNIT_ROUNDOFF[wide]))
    return torch.where(normal, divisor.abs() * share, math.inf)


def lost_in_steps(name: str, out: Tensor, dtype: torch.dtype, balls: list[Ball]) -> Tensor | None:
    """What intermediate roundings may cost beyond the claim on the result; None where a kernel has none."""
    stepwise = COMPUTE[dtype] is not dtype and name in STEPWISE.get(out.device.type, ())
    if stepwise or name == "pow_multiplied":  # its square may overflow in whatever dtype it computes
        return _LOST[name](*balls, dtype if stepwise else COMPUTE[dtype])
    if name == "igamma":
        return _small_order(balls[0], COMPUTE[dtype])
    return None


def _small_order(a: Ball, dtype: torch.dtype) -> Tensor:
    """The kernel of P(a, x) ≤ 1 takes exp(a log x − x − lgamma(a))/a, where lgamma(a) ≤ −log a at a small a.

    An ulp of lgamma and the rounding of the difference move the exponent by 3u |log a|. Below 1/max, as at all a
    below the normal numbers, the exponential counts as 0, and with it a P near 1.
    Source: _igam_helper_fac in torch's aten/src/ATen/native/Math.h.
    """
    lost = 4 * UNIT_ROUNDOFF[dtype] * a.mid.log().neg().clamp(min=0)
    return torch.where(a.mid < torch.finfo(dtype).tiny, torch.where(a.mid == 0, 0.0, math.inf), lost)


def _tanh_backward(gradient: Ball, tanh: Ball, dtype: torch.dtype) -> Tensor:
    """g·(1 − t²): t² is rounded by up to u·t² and a quantum, which 1 − t² keeps, however small it is.

    The roundings of the difference and of the product are relative to the result, and claimed with it.
    """
    square = tanh.farthest_from_zero.square()
    return gradient.farthest_from_zero * (UNIT_ROUNDOFF[dtype] * square + QUANTUM[dtype])


def _power(x: Ball, exponent: Ball, dtype: torch.dtype) -> Tensor:
    """x⁻² as 1/(x·x): the square overflows, and the result is 0, or it loses digits below the normal numbers.

    With x·x off by half a quantum q at most, 1/(x·x) is off by ρ/(1 − ρ) of itself, where ρ = q/(2x²). The other
    powers of this kernel lose no more than the quanta that are claimed.
    """
    square, power = x.mid * x.mid, 1 / x.mid / x.mid  # the power of a double may be a number where its square is none
    share = QUANTUM[dtype] / 2 / square
    underflows = torch.where(share < 0.5, share / (1 - share), math.inf)
    overflows = square * (1 + UNIT_ROUNDOFF[dtype]) >= torch.finfo(dtype).max
    lost = torch.where(overflows, 1.0, underflows) * (1 + 2.0**-20) * power
    return torch.where((exponent.mid == -2) & (x.mid != 0), lost, 0.0)


_LOST: dict[str, Callable[..., Tensor]] = {"tanh_backward": _tanh_backward, "pow_multiplied": _power}
