"""What is assumed of the hardware and the library: the rounding of each operation, by dtype and device.

Basic operations are rounded to nearest (IEEE 754). Library functions have an error in ulps, and an absolute one
where they have roots that they do not resolve. :mod:`diffexplore.bounds.canary` holds these claims against the
machine at hand before they are used.
"""

from __future__ import annotations

import math

import torch

from diffexplore.floating_point import FLOAT_FORMATS

#: Facts of the formats by torch's dtype, in which the rules of errors look them up.
UNIT_ROUNDOFF = {known.dtype: known.unit_roundoff for known in FLOAT_FORMATS.values()}
QUANTUM = {known.dtype: known.quantum for known in FLOAT_FORMATS.values()}
COMPUTE = {known.dtype: FLOAT_FORMATS[known.compute].dtype for known in FLOAT_FORMATS.values()}

#: Radii are themselves computed in double precision: this factor covers the roundings of any one rule.
UPWARD = 1 + 2.0**-40

#: Operations that move, choose or negate values, and so round nothing.
EXACT = frozenset(
    "neg abs sign sgn max min maximum minimum where heaviside floor ceil trunc round relu clamp clamp_min "
    "clamp_max masked_fill threshold_backward isnan clone".split()
)

#: Ulps of error claimed of a library function (1/2 would be correct rounding). The canary holds these claims against
#: the build at hand; near roots the absolute errors below are claimed instead.
ULPS = {
    "sqrt": 1, "rsqrt": 2, "reciprocal": 1, "exp": 4, "expm1": 4, "log": 4, "log1p": 4, "exp2": 4,
    "sin": 4, "cos": 4, "tan": 4, "asin": 4, "acos": 4, "atan": 4, "atan2": 4,
    "sinh": 4, "cosh": 4, "tanh": 4, "asinh": 4, "acosh": 4, "atanh": 4, "sigmoid": 4, "logaddexp": 4,
    "erf": 4, "erfc": 16, "erfinv": 8, "pow": 4, "pow_multiplied": 4,
    "lgamma": 16, "gamma": 16, "digamma": 16, "polygamma": 64, "trigamma": 2**22,
    "sigmoid_backward": 2, "tanh_backward": 2,
}  # fmt: skip

#: Roundings to a narrow dtype in a kernel that does not compute in a wider one throughout.
_NARROW_ROUNDINGS = {"pow_multiplied": 3, "rsqrt": 3, "sigmoid_backward": 3, "tanh_backward": 3}

#: Absolute error, in units of u, of functions whose kernels do not resolve their roots.
ABSOLUTE = {"lgamma": 16.0, "digamma": 32.0}

#: The same for the narrow dtypes alone: their erf is a polynomial of absolute error 1.5e-7 (Abramowitz and Stegun,
#: "Handbook of Mathematical Functions", 7.1.26), whatever library computes that of float32.
ABSOLUTE_NARROW = {"erf": 8.0}


#: Functions that are 0 where the exponential inside overflows: they lose results up to 1 / (the largest number).
_UNDERFLOWING = frozenset({"sigmoid"})


def rounding(operation: str, out: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """Bound on the error of one operation with exact operands; ``out`` is its computed result as float64."""
    relative, absolute = rounding_parts(operation, dtype)
    return out.abs().mul_(relative).add_(absolute)


def rounding_parts(operation: str, dtype: torch.dtype) -> tuple[float, float]:
    """The rounding of one operation: relative to its result, and absolute."""
    if operation in EXACT:
        return 0.0, 0.0
    compute = UNIT_ROUNDOFF[COMPUTE[dtype]]
    kernel = 2 * compute * ULPS.get(operation, 0.0)
    # A kernel in a wider dtype rounds twice: its own error, then to the dtype of the result.
    wider = COMPUTE[dtype] is not dtype
    roundings = _NARROW_ROUNDINGS.get(operation, 1) if wider else 1
    relative = roundings * UNIT_ROUNDOFF[dtype] * (1 + compute) + kernel if wider or not kernel else kernel
    absolute = ABSOLUTE.get(operation, 0.0) + (ABSOLUTE_NARROW.get(operation, 0.0) if wider else 0.0)
    lost = 1 / torch.finfo(COMPUTE[dtype]).max if operation in _UNDERFLOWING else 0.0
    quanta = 2 if kernel else 1  # a library function rounds a subnormal result up to a quantum off, and a little
    return relative * UPWARD, absolute * compute + quanta * QUANTUM[dtype] + lost


def summation_depth(n: int) -> int:
    """Most additions that any one summand goes through in torch's sum of ``n`` values.

    Source: torch's cascade sum (aten/src/ATen/native/cpu/SumKernel.cpp) runs four interleaved sums, each in four
    levels of 2^max(4, log2(n)/4) additions; joining the four, up to 16 lanes and their tail adds 3 + 16 + 16. NumPy's
    pairwise sum and the tree reduction of a GPU are shallower.
    """
    if n <= 1:
        return 0
    level = 2 ** max(4, math.ceil(math.ceil(math.log2(n)) / 4))
    levels = sum(min(level, math.ceil(n / (4 * level**k))) for k in range(4))
    return min(n - 1, levels + 35)


def summation_rounding(magnitude: torch.Tensor, out: torch.Tensor, n: int, dtype: torch.dtype) -> torch.Tensor:
    """Bound on the rounding of a sum of ``n`` values whose absolute values add up to ``magnitude``."""
    unit = UNIT_ROUNDOFF[COMPUTE[dtype]]
    depth = summation_depth(n)
    growth = math.expm1(depth * math.log1p(unit)) * UPWARD * (1 + n * 2.0**-52)
    return magnitude * growth + rounding("add", out, dtype)
