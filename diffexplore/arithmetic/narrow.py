"""Kernels of torch that do not know half precision."""

from __future__ import annotations

from collections.abc import Callable

import torch

_NARROW = (torch.float16, torch.bfloat16)


def in_float32(kernel: Callable[..., torch.Tensor], *operands: torch.Tensor) -> torch.Tensor:
    """A kernel that PyTorch has for float32 and float64 alone; narrower numbers are computed in float32."""
    dtype = operands[0].dtype
    return kernel(*(x.float() for x in operands)).to(dtype) if dtype in _NARROW else kernel(*operands)
