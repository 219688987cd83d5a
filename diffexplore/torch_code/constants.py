"""Constants of a candidate: the numbers that its floats are roundings of, and so how far they may be from them.

A candidate's tensor that is neither one of its inputs nor computed while it ran is a constant. Where one of its numbers
is within two units in the last place, in its own dtype, of a number that is recognised (0.1 in float32 as 1/10, the
double 1.7724538509055159 as √π), it is the rounding of that number: its distance is part of the bound. Anything else is
the number that it is. In 16 bits too little is left to recognise a number by: one of more than four digits in base two
is the rounding of any number so close. So is every number below the normal ones of its dtype, whose digits are few as
well. Proofs and audits read constants in the same way, of float64:
:mod:`diffexplore.formula.recognise`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch

from diffexplore.bounds.claims import QUANTUM, UNIT_ROUNDOFF
from diffexplore.formula.recognise import recognised
from diffexplore.torch_private.watching import StorageWeakRef, storage_key

Tensor = torch.Tensor

_MOST = 64  # tensors of more numbers are data: each of their numbers is what it is


class Constants:
    """Which storages are known: those of inputs, those made while the candidate ran, and constants that were met.

    ``met`` says whether there were such constants.
    """

    def __init__(self) -> None:
        self.met = False
        self._known: dict[int, StorageWeakRef] = {}

    def know(self, tensors: Iterable[Tensor]) -> None:
        """These are inputs, or results of operations that were seen."""
        for tensor in tensors:
            if tensor.layout == torch.strided and tensor.device.type != "meta":
                self._known[storage_key(tensor)] = StorageWeakRef(tensor.untyped_storage())

    def radius(self, tensor: Tensor) -> Tensor | None:
        """The distances of a constant that is met for the first time; None of what is known, or has none."""
        if storage_key(tensor) in self._known:
            return None
        self.know([tensor])
        self.met = True
        if not tensor.numel() or tensor.numel() > _MOST or tensor.dtype not in (*_DTYPES, *_OF_16_BITS):
            return None
        distances = [_distance(value, tensor.dtype) for value in tensor.detach().flatten().tolist()]
        if not any(distances):
            return None
        return torch.tensor(distances, dtype=torch.float64, device=tensor.device).reshape(tensor.shape)


def distance(value: float, dtype: str) -> float:
    """How far a float may be from the number that it is a rounding of; 0 where it is that number."""
    found = recognised(value, dtype)
    return 0.0 if found is None else abs(value) * found.relative * 1.1  # relative has two digits


def _distance(value: float, dtype: torch.dtype) -> float:
    if 0 < abs(value) < torch.finfo(dtype).tiny:
        return QUANTUM[dtype] / 2
    if dtype in _DTYPES:
        return distance(value, _DTYPES[dtype])
    fraction = math.frexp(value)[0] if math.isfinite(value) else 0.0
    return 0.0 if (16 * fraction).is_integer() else UNIT_ROUNDOFF[dtype] * abs(value)


_OF_16_BITS = (torch.float16, torch.bfloat16)

_DTYPES = {torch.float64: "float64", torch.float32: "float32"}  # the dtypes whose constants are recognised
