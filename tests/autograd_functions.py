"""Autograd Functions that are written by hand for a test: a forward and a backward, given as plain functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

Tensor = torch.Tensor


def function_of(forward: Callable[[Tensor], Tensor], backward: Callable[[Tensor, Tensor], Tensor]) -> Any:
    """The Function of one tensor x with the value ``forward(x)`` and the gradient ``backward(upstream, x)``."""

    class Written(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            ctx.save_for_backward(x)
            return forward(x)

        @staticmethod
        def backward(ctx: Any, upstream: Tensor) -> Tensor:
            return backward(upstream, *ctx.saved_tensors)

    return Written


def function_of_all(forward: Callable[..., Tensor], backward: Callable[..., Any]) -> Any:
    """The Function of any tensors, with the gradients ``backward(upstream, *tensors)``."""

    class Written(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, *tensors: Tensor) -> Tensor:
            ctx.save_for_backward(*tensors)
            return forward(*tensors)

        @staticmethod
        def backward(ctx: Any, upstream: Tensor) -> Any:
            return backward(upstream, *ctx.saved_tensors)

    return Written
