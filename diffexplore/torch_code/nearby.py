"""Inputs near those that a function of tensors is given, at which it is called as well."""

from __future__ import annotations

from collections.abc import Iterable

import torch

from diffexplore.bounds.claims import UNIT_ROUNDOFF

Tensor = torch.Tensor

#: By this share inputs are moved; by some units of a dtype that has no such small steps.
_STEP = 2.0**-10


def stays_inside(device: torch.device) -> bool:
    """Whether functions on a device are called only at numbers between 0 and those that they were given.

    CUDA ends a kernel whose assertion fails (a probability above 1, an index outside of its tensor), and with it
    everything of the process on that device. A processor raises an exception.
    """
    return device.type == "cuda"


def shares(tensors: Iterable[Tensor]) -> tuple[float, ...]:
    """The shares of their size by which inputs are moved, one after the other."""
    return (-_STEP, -_STEP / 8) if any(stays_inside(one.device) for one in tensors) else (-_STEP, _STEP)


def moved(tensor: Tensor, share: float) -> Tensor:
    """Numbers nearby: each is moved by about ``share`` of its own size, zeros among zeros by it."""
    numbers = _numbers(tensor)
    share *= max(1.0, 4 * UNIT_ROUNDOFF[numbers.dtype] / abs(share))
    draws = 1 + torch.rand(numbers.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64, device="cpu")
    draws = draws.to(numbers.device)
    changed = numbers.to(torch.float64) * (1 + share * draws)
    return _like(tensor, torch.where((numbers == 0).all(), abs(share) * draws, changed))


def rounded_otherwise(tensor: Tensor, generator: torch.Generator) -> Tensor:
    """Numbers of which each is moved by one unit of its dtype, in the last place."""
    numbers = _numbers(tensor)
    down = torch.rand(numbers.shape, generator=generator, dtype=torch.float32, device="cpu").to(numbers.device) < 0.5
    units = torch.where(down, -1.0, 0.0 if stays_inside(numbers.device) else 1.0).to(torch.float64)
    return _like(tensor, numbers.to(torch.float64) * (1 + 2 * UNIT_ROUNDOFF[numbers.dtype] * units))


def _numbers(tensor: Tensor) -> Tensor:
    return torch.view_as_real(tensor.detach()) if tensor.is_complex() else tensor.detach()


def _like(tensor: Tensor, numbers: Tensor) -> Tensor:
    """Numbers in float64 as a tensor like another one."""
    found = numbers.to(_numbers(tensor).dtype)
    return (torch.view_as_complex(found) if tensor.is_complex() else found).requires_grad_(tensor.requires_grad)
