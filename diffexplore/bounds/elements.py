"""What holds of all elements of a tensor, found in one pass: a watch wants to know it after every operation.

NumPy answers for tensors on the CPU, whose memory it shares: Torch makes a tensor of the answers first, or adds a
subnormal number by a fused product, which takes a processor fifty times as long. The answers are the same.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from diffexplore.floating_point import LOST_BESIDE

#: The dtypes that NumPy has in common, of which elements are looked at here.
_COMMON = (torch.float64, torch.float32, torch.float16, torch.bool)

#: Below it a call takes longer than its pass.
_FEW = 256


def _array(tensor: Tensor) -> np.ndarray | None:
    """The memory of a plain tensor on the CPU; None of others, and of those that are too small to be worth it."""
    if type(tensor) is not Tensor or not tensor.is_cpu or tensor.requires_grad or tensor.numel() < _FEW:
        return None
    if tensor.dtype not in _COMMON or tensor.is_neg() or tensor._is_zerotensor():
        return None
    return tensor.numpy()


def all_finite(values: Tensor) -> bool:
    """Whether no element is NaN or infinite."""
    array = _array(values)
    return bool(values.isfinite().all() if array is None else np.isfinite(array).all())


def not_finite(values: Tensor) -> Tensor:
    """Which elements are NaN or infinite (bool)."""
    array = _array(values.detach())
    return ~values.isfinite() if array is None else torch.from_numpy(~np.isfinite(array))


def all_hold(values: Tensor) -> bool:
    """Whether no element is 0, or False."""
    array = _array(values)
    return bool(values.all() if array is None else array.all())


def smallest(sizes: Tensor) -> float:
    """The smallest absolute value where that is soon found, else 0; NaN where one is NaN."""
    array = _array(sizes)
    return 0.0 if array is None else float(array.min())


def none_is_infinite(sizes: Tensor) -> bool:
    """Whether no absolute value is NaN or infinite."""
    array = _array(sizes)
    return bool(sizes.isfinite().all() if array is None else array.max() < np.inf)


def none_hold(values: Tensor) -> bool:
    """Whether all elements are 0, or False."""
    array = _array(values)
    return not bool(values.any() if array is None else array.any())


def add_number(values: Tensor, number: float, least: float = 0.0) -> Tensor:
    """``values`` plus a number that may be subnormal, in place (float64).

    ``least`` is at most the smallest of the values: beside it, the number may be lost in every sum.
    """
    if number < least * LOST_BESIDE:
        return values
    array = _array(values)
    if array is None:
        return values.add_(number)
    with np.errstate(all="ignore"):  # whatever the program has NumPy raise
        np.add(array, number, out=array)
    return values


def in_place(operation: Callable[[Tensor, Tensor], Tensor], values: Tensor, other: Tensor) -> Tensor:
    """An operation like ``Tensor.add_``, which overwrites ``values`` where the result has their shape."""
    if other.shape == values.shape or other.dim() == 0:
        return operation(values, other)
    return getattr(values, operation.__name__.rstrip("_"))(other)


def chosen(condition: Tensor, values: Tensor, otherwise: float) -> Tensor:
    """``values`` where the condition holds, else a number; mostly it holds everywhere."""
    if condition.is_cpu and condition.shape == values.shape and all_hold(condition):
        return values
    return torch.where(condition, values, otherwise)
