"""Operators in terms of others, where torch has no rule of its own for a batch of any size."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch

Tensor = torch.Tensor
aten = torch.ops.aten


def _shrink_backward(grad: Tensor, x: Tensor, bound: Any) -> Tensor:
    return torch.where((x >= -bound) & (x <= bound), torch.zeros_like(grad), grad)


def _lerp(x: Tensor, y: Tensor, weight: Any) -> Tensor:
    return x + weight * (y - x)


REWRITTEN: Mapping[Any, Callable[..., Any]] = {
    aten.softshrink_backward.default: _shrink_backward,
    aten.hardshrink_backward.default: _shrink_backward,
    aten.lerp.Tensor: _lerp,
    aten.lerp.Scalar: _lerp,
}
