"""The points at which a difference evaluates the loss, and how they are rounded."""

from __future__ import annotations

import torch
from torch import Tensor


def rounded_sum(x: Tensor, offset: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """x + offset rounded to ``dtype``, and the exact sum less that (Knuth's two-sum)."""
    total = x + offset
    part = total - x
    lost = (x - (total - part)) + (offset - part)
    node = total.to(dtype)
    if node.data_ptr() == x.data_ptr():
        node = node.clone()
    return node, lost + (total - node.to(torch.float64))
