"""Kernels of torch that do not know half precision."""

from __future__ import annotations

from collections.abc import Callable

import torch


def in_float32(kernel: Callable[[torch.Tensor], torch.Tensor], x: torch.Tensor) -> torch.Tensor:
    """A kernel that PyTorch has for float32 and float64 alone; narrower numbers are computed in float32."""
    return kernel(x.float()).to(x.dtype) if x.dtype in (torch.float16, torch.bfloat16) else kernel(x)
