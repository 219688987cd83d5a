"""What is assumed of the hardware and the library: the rounding of each operation, by dtype and device.

Basic operations are rounded to nearest (IEEE 754). Library functions have an error in ulps, and an absolute one
where they have roots that they do not resolve. :mod:`diffexplore.bounds.canary` holds these claims against the
machine at hand before they are used.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from functools import cache

import torch

from diffexplore.bounds.elements import add_number
from diffexplore.floating_point import FLOAT_FORMATS
from diffexplore.functions import OPERATIONS
from diffexplore.functions.kernels import KERNELS
from diffexplore.functions.rounding import EXACT, IN_STEPS, NEAREST, Claim, Rounding

#: Facts of the formats by torch's dtype, in which the rules of errors look them up.
UNIT_ROUNDOFF = {known.dtype: known.unit_roundoff for known in FLOAT_FORMATS.values()}
QUANTUM = {known.dtype: known.quantum for known in FLOAT_FORMATS.values()}
COMPUTE = {known.dtype: FLOAT_FORMATS[known.compute].dtype for known in FLOAT_FORMATS.values()}

#: Radii are themselves computed in double precision: this factor covers the roundings of any one rule.
UPWARD = 1 + 2.0**-40

#: What the products and quotients of a rule, three at most, lose below the normal doubles, which no factor covers.
BELOW_NORMAL = 2 * QUANTUM[torch.float64]

#: What is claimed of each kernel (1/2 ulp would be correct rounding). The canary holds these claims against the build
#: at hand; near roots the absolute errors are claimed instead. Nothing is claimed of a kernel that is not here.
CLAIMS: dict[str, Claim | Rounding] = {
    **{one.aten_name: one.claim for one in OPERATIONS.values()},
    **{one.name: one.claim for one in KERNELS},
}


def rounding(operation: str, out: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """Bound on the error of one operation with exact operands; ``out`` is its computed result as float64."""
    relative, absolute = rounding_parts(operation, dtype)
    return add_number(out.abs().mul_(relative), absolute)


@cache
def rounding_parts(operation: str, dtype: torch.dtype) -> tuple[float, float]:
    """The rounding of one operation: relative to its result, and absolute.

    Raises KeyError for a kernel of which nothing is claimed.
    """
    claim = CLAIMS[operation]
    if claim is EXACT:
        return 0.0, 0.0
    if claim is NEAREST:
        claim = Claim(0)
    assert isinstance(claim, Claim), f"{operation} runs several kernels, each with its own rounding"
    compute = UNIT_ROUNDOFF[COMPUTE[dtype]]
    kernel = 2 * compute * claim.ulps
    # A kernel in a wider dtype rounds twice: its own error, then to the dtype of the result.
    wider = COMPUTE[dtype] is not dtype
    roundings = claim.narrow_roundings if wider else 1
    relative = roundings * UNIT_ROUNDOFF[dtype] * (1 + compute) + kernel if wider or not kernel else kernel
    absolute = claim.absolute + (claim.narrow_absolute if wider else 0.0)
    absolute += claim.double_absolute if COMPUTE[dtype] is torch.float64 else 0.0
    lost = 1 / torch.finfo(COMPUTE[dtype]).max if claim.underflows else 0.0
    quanta = 2 if kernel else 1  # a library function rounds a subnormal result up to a quantum off, and a little
    return relative * UPWARD, absolute * compute + quanta * QUANTUM[dtype] + lost


def largest_rounding(operations: Collection[str], dtype: torch.dtype) -> tuple[float, float]:
    """The largest rounding of a kernel that any of ``operations`` runs: relative to its result, and absolute."""
    names = {*operations, *(one.name for one in KERNELS if one.within in operations)}
    claimed = [name for name in names if CLAIMS.get(name, IN_STEPS) is not IN_STEPS]
    relative, absolute = zip(*(rounding_parts(name, dtype) for name in claimed), strict=True) if claimed else ((), ())
    return max(relative, default=0.0), max(absolute, default=0.0)


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
