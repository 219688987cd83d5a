"""Hand-written backward passes of tensors, right and wrong, for the tests of :func:`diffexplore.gradcheck`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

Tensor = torch.Tensor
Backward = Callable[[Tensor, Tensor, Tensor], tuple[Tensor | None, Tensor | None]]


class Weighted(torch.autograd.Function):
    """x² w for x of shape (n, k) and w of shape (k,): ∂x = 2 x w g, ∂w = Σ over rows of x² g."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, w: Tensor) -> Tensor:
        ctx.save_for_backward(x, w)
        return x * x * w

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Any:
        x, w = ctx.saved_tensors
        return 2 * x * w * g, (x * x * g).sum(0)


def weighted(backward: Backward) -> Any:
    """The same function with another backward pass, of x, w and the upstream gradient."""

    class Wrong(Weighted):
        @staticmethod
        def backward(ctx: Any, g: Tensor) -> Any:
            return backward(*ctx.saved_tensors, g)

    return Wrong


def _zeroed(gradient: Tensor) -> Tensor:
    found = gradient.clone()
    found[1] = 0
    return found


#: Mistakes by their names; the inputs whose gradients they spoil.
PLANTED: dict[str, tuple[Backward, set[str]]] = {
    "factor": (lambda x, w, g: (x * w * g, (x * x * g).sum(0)), {"x"}),
    "sign": (lambda x, w, g: (2 * x * w * g, -(x * x * g).sum(0)), {"w"}),
    "mean for sum": (lambda x, w, g: (2 * x * w * g, (x * x * g).mean(0)), {"w"}),
    "zeroed row": (lambda x, w, g: (_zeroed(2 * x * w * g), (x * x * g).sum(0)), {"x"}),
    "upstream ignored": (lambda x, w, g: (2 * x * w + 0 * g, (x * x * g).sum(0)), {"x"}),
    "upstream's sum": (lambda x, w, g: (2 * x * w * g.sum(), (x * x * g).sum(0)), {"x"}),
    "absolute value": (lambda x, w, g: (2 * x * w * g.abs(), (x * x * g).sum(0)), {"x"}),
    "not reduced": (lambda x, w, g: (2 * x * w * g, (x * x * g)[0]), {"w"}),
    "none": (lambda x, w, g: (2 * x * w * g, None), {"w"}),
    "zeros": (lambda x, w, g: (2 * x * w * g, torch.zeros_like(w)), {"w"}),
    "not a number": (lambda x, w, g: (2 * x * w * g / 0 * 0, (x * x * g).sum(0)), {"x"}),
    "both": (lambda x, w, g: (x * w * g, -(x * x * g).sum(0)), {"x", "w"}),
}


class Product(torch.autograd.Function):
    """x @ y of square matrices, whose backward forgets a transpose."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor) -> Tensor:
        ctx.save_for_backward(x, y)
        return x @ y

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Any:
        x, y = ctx.saved_tensors
        return g @ y, x.T @ g


class NumPyExp(torch.autograd.Function):
    """exp by NumPy, whose steps torch does not see."""

    factor = 1.0

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        out = torch.from_numpy(np.exp(x.detach().numpy()))
        ctx.save_for_backward(out)
        return out

    @classmethod
    def backward(cls, ctx: Any, g: Tensor) -> Any:
        return g * ctx.saved_tensors[0] * ctx._forward_cls.factor


class NumPyExpWrong(NumPyExp):
    """One per mille too large."""

    factor = 1.001


class Step(torch.autograd.Function):
    """1 where x is positive, else 0; its backward passes the upstream gradient through."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return (x > 0).to(x.dtype)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Any:
        return g


def leaves(*shapes: tuple[int, ...], dtype: torch.dtype = torch.float64, seed: int = 0) -> tuple[Tensor, ...]:
    """Seeded normal numbers that require gradients."""
    generator = torch.Generator().manual_seed(seed)
    return tuple(
        torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype).requires_grad_() for shape in shapes
    )
