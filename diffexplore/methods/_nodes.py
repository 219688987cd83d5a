"""The points at which a difference evaluates the loss: how far they are, and how they are rounded."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from diffexplore.bounds.claims import QUANTUM, UNIT_ROUNDOFF

_LARGEST_STEP = 0.125  # of max(1, |x|)


def rounded_sum(x: Tensor, offset: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """x + offset rounded to ``dtype``, and the exact sum less that (Knuth's two-sum)."""
    total = x + offset
    part = total - x
    lost = (x - (total - part)) + (offset - part)
    node = total.to(dtype)
    if node.data_ptr() == x.data_ptr():
        node = node.clone()
    return node, lost + (total - node.to(torch.float64))


def longest_step(x: Tensor) -> Tensor:
    """The longest step that is taken from any of the values of a symbol, unless one is set (float64, shape ())."""
    return _LARGEST_STEP * x.detach().to(torch.float64).abs().max().clamp(min=1.0)


def clamped(step: Tensor, x: Tensor, dtype: torch.dtype) -> Tensor:
    """The nearest power of two that is neither lost beside x, in the dtype, nor large beside max(1, |x|)."""
    x = x.abs()
    lowest = torch.clamp(8 * UNIT_ROUNDOFF[dtype] * x, min=max(QUANTUM[dtype] * 2.0**10, 2.0**-960))
    highest = _LARGEST_STEP * torch.clamp(x, min=1.0)
    step = torch.nan_to_num(step, nan=math.inf, posinf=math.inf)
    bounded = torch.maximum(torch.minimum(step, highest), lowest)
    return torch.exp2(torch.round(torch.log2(bounded)))
