"""Python numbers that torch rounds and stores before its dispatcher sees them: ``y[0] = 0.7``, ``torch.tensor(0.7)``.

A watch and a tape would take the rounded number for the one that is meant, where they take 0.7 itself of
``y.fill_(0.7)`` or ``y * 0.7``. So the number is made a tensor of float64 and converted, which they see. What is stored
are the same bits.
"""

from __future__ import annotations

from typing import Any

import torch

from diffexplore.torch_private.watching import disable_current_modes

Tensor = torch.Tensor

#: Devices that have float64.
_DEVICES = ("cpu", "cuda")


def with_number_converted(tensor: Tensor, index: Any, value: Any) -> tuple[Tensor, Any, Any]:
    """The arguments of ``tensor[index] = value``; a Python number that the dtype rounds is what a conversion makes."""
    if not isinstance(value, _NUMBERS) or not _may_round(tensor):
        return tensor, index, value
    try:
        stored = torch.tensor(value, dtype=tensor.dtype, device=tensor.device)
    except (RuntimeError, TypeError):  # the assignment itself is to raise it
        return tensor, index, value
    found = as_conversion(value, stored)
    return tensor, index, value if found is stored else found


def as_conversion(data: Any, stored: Any) -> Any:
    """What torch ``stored`` of ``data``, a Python number or lists of some; where that rounded, made by a conversion."""
    plain = type(stored) is Tensor and not stored.requires_grad
    if not plain or not _may_round(stored) or not _holds_numbers_only(data):
        return stored
    with disable_current_modes():
        kind = torch.complex128 if stored.is_complex() else torch.float64
        wide = torch.tensor(data, dtype=kind, device=stored.device)
        rounds = bool(((stored.to(kind) != wide) & ~wide.isnan()).any())
    if not rounds:
        return stored
    found = wide.to(stored.dtype)
    with disable_current_modes():
        same = bool(((found == stored) | found.isnan()).all())
    return found if same else stored


_NUMBERS = (int, float, complex)


def _may_round(tensor: Any) -> bool:
    """Whether its dtype may lack a Python number."""
    if tensor.device.type not in _DEVICES or tensor.layout != torch.strided:
        return False
    return (tensor.is_floating_point() or tensor.is_complex()) and tensor.dtype not in (torch.float64, torch.complex128)


def _holds_numbers_only(data: Any) -> bool:
    if isinstance(data, (list, tuple)):
        return bool(data) and all(map(_holds_numbers_only, data))
    return isinstance(data, _NUMBERS)
