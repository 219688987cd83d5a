"""What is assumed of the hardware and the library: the rounding of each operation, by dtype and device.

Basic operations are rounded to nearest (IEEE 754). Library functions have an error in ulps, and an absolute one
where they have roots that they do not resolve. :mod:`diffexplore.bounds.canary` holds these claims against the
machine at hand before they are used.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import torch

#: Unit roundoff u: the largest relative error of rounding to nearest.
UNIT_ROUNDOFF = {torch.float64: 2.0**-53, torch.float32: 2.0**-24, torch.bfloat16: 2.0**-8, torch.float16: 2.0**-11}

#: Smallest positive subnormal number: no operation's rounding is finer.
QUANTUM = {torch.float64: 2.0**-1074, torch.float32: 2.0**-149, torch.bfloat16: 2.0**-133, torch.float16: 2.0**-24}

#: The dtype in which a kernel computes, and in which a sum is accumulated.
COMPUTE = {
    torch.float64: torch.float64,
    torch.float32: torch.float32,
    torch.bfloat16: torch.float32,
    torch.float16: torch.float32,
}

#: Radii are themselves computed in double precision: this factor covers the roundings of any one rule.
UPWARD = 1 + 2.0**-40


@dataclass(frozen=True)
class Claim:
    """How far a kernel may be from the exact function of its operands, in the dtype in which it computes.

    Attributes:
        name: what the claim is known by, in the canary and in the documentation.
        ulps: 0 where nothing is rounded, 1/2 where the result is rounded to nearest, more for a library function.
        absolute: an absolute error beside, in units of u, of functions whose kernels do not resolve their roots.
        absolute_narrow: the same for the narrow dtypes alone.
        narrow_roundings: how often a kernel rounds to a narrow dtype; not once where it does not compute in a wider
            one throughout.
        overflows_inside: whether the result is 0 where an exponential inside overflows, so that results up to
            1 / (the largest number) are lost.
    """

    name: str
    ulps: float
    absolute: float = 0.0
    absolute_narrow: float = 0.0
    narrow_roundings: int = 1
    overflows_inside: bool = False


#: Of what moves, chooses or negates values.
EXACT = Claim("exact", 0.0)

#: Of the basic operations and of conversions (IEEE 754).
ROUNDED = Claim("rounded to nearest", 0.5)

_LIBRARY = (
    *(Claim(name, 1) for name in ("sqrt", "reciprocal")),
    *(
        Claim(name, 4)
        for name in "exp expm1 log log1p exp2 sin cos tan asin acos atan atan2 sinh cosh tanh asinh acosh atanh "
        "logaddexp pow".split()
    ),
    Claim("sigmoid", 4, overflows_inside=True),
    # In narrow dtypes a polynomial of absolute error 1.5e-7, whatever library computes float32's: Abramowitz and
    # Stegun, "Handbook of Mathematical Functions", 7.1.26.
    Claim("erf", 4, absolute_narrow=8.0),
    Claim("erfc", 16), Claim("erfinv", 8),
    Claim("lgamma", 16, absolute=16.0), Claim("gamma", 16), Claim("digamma", 16, absolute=32.0),
    Claim("polygamma", 64), Claim("trigamma", 2**22),
    Claim("pow_multiplied", 4, narrow_roundings=3), Claim("rsqrt", 2, narrow_roundings=3),
    Claim("sigmoid_backward", 2, narrow_roundings=3), Claim("tanh_backward", 2, narrow_roundings=3),
)  # fmt: skip

#: What is claimed of library functions and kernels. The canary holds it against the build at hand.
CLAIMS: Mapping[str, Claim] = MappingProxyType({claim.name: claim for claim in _LIBRARY})


def rounding(claim: Claim, out: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """Bound on the error of one operation with exact operands; ``out`` is its computed result as float64."""
    relative, absolute = rounding_parts(claim, dtype)
    return out.abs().mul_(relative).add_(absolute)


def rounding_parts(claim: Claim, dtype: torch.dtype) -> tuple[float, float]:
    """The rounding of one operation: relative to its result, and absolute."""
    if claim.ulps == 0:
        return 0.0, 0.0
    compute = UNIT_ROUNDOFF[COMPUTE[dtype]]
    kernel = 2 * compute * claim.ulps if claim.ulps > ROUNDED.ulps else 0.0
    # A kernel in a wider dtype rounds twice: its own error, then to the dtype of the result.
    wider = COMPUTE[dtype] is not dtype
    roundings = claim.narrow_roundings if wider else 1
    relative = roundings * UNIT_ROUNDOFF[dtype] * (1 + compute) + kernel if wider or not kernel else kernel
    absolute = claim.absolute + (claim.absolute_narrow if wider else 0.0)
    lost = 1 / torch.finfo(COMPUTE[dtype]).max if claim.overflows_inside else 0.0
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
    return magnitude * growth + rounding(ROUNDED, out, dtype)
