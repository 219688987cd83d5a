"""The floating point formats in which losses and candidates compute: one record each."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import torch


@dataclass(frozen=True)
class FloatFormat:
    """A binary format of IEEE 754, or bfloat16 (float32 with a shorter significand).

    Attributes:
        name: of the dtype, as torch and NumPy call it.
        bits: of the significand, the leading one included.
        smallest_exponent: that of the smallest normal number, 2**smallest_exponent.
        digits: significant decimal digits that show every number of the format completely.
        compute: the format in which torch's kernels compute, and in which sums are accumulated.
        narrower: the format in which code computes by accident; None where nothing narrower is in common use.
    """

    name: str
    bits: int
    smallest_exponent: int
    digits: int
    compute: str
    narrower: str | None

    @cached_property
    def unit_roundoff(self) -> float:
        """Largest relative error of rounding to nearest."""
        return math.ldexp(1.0, -self.bits)

    @cached_property
    def quantum(self) -> float:
        """Smallest positive subnormal number: no operation's rounding is finer."""
        return math.ldexp(1.0, self.smallest_exponent - self.bits + 1)

    @cached_property
    def dtype(self) -> torch.dtype:
        import torch

        dtype: torch.dtype = getattr(torch, self.name)
        return dtype

    def ulp(self, value: Any) -> np.ndarray:
        """The unit in the last place at ``value`` (a float, or a float64 array), subnormal numbers included."""
        import numpy as np

        array = np.asarray(value, np.float64)
        if array.size and 2.0 ** max(self.smallest_exponent, -900) <= array.min() <= array.max() < np.inf:
            return (array.view(np.int64) & _EXPONENT).view(np.float64) * 2.0 ** (1 - self.bits)
        exponent = np.frexp(value)[1] - 1
        exponent = np.maximum(np.where(value == 0, self.smallest_exponent, exponent), self.smallest_exponent)
        return np.ldexp(1.0, exponent - self.bits + 1)


#: The bits of a double that hold its exponent.
_EXPONENT = 0x7FF << 52

#: By name; the default comes first.
FLOAT_FORMATS = {
    record.name: record
    for record in (
        FloatFormat("float64", 53, -1022, 17, compute="float64", narrower="float32"),
        FloatFormat("float32", 24, -126, 9, compute="float32", narrower="bfloat16"),
        FloatFormat("bfloat16", 8, -126, 4, compute="float32", narrower=None),
        FloatFormat("float16", 11, -14, 5, compute="float32", narrower=None),
    )
}


#: What is below this part of a double is lost where it is added to it.
LOST_BESIDE = 2.0**-55


@cache
def format_of(dtype: str | torch.dtype) -> FloatFormat:
    """The format of a dtype, or of its name; ``KeyError`` for any other."""
    return FLOAT_FORMATS[dtype_name(dtype)]


def dtype_name(dtype: Any) -> str:
    """``float64`` for ``torch.float64``, NumPy's dtype, or the name itself."""
    return str(dtype).removeprefix("torch.")
