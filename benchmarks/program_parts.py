"""Parts of random torch programs: activations, models of a sample, and autograd Functions that are made from them."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F

Tensor = torch.Tensor
Unary = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Activation:
    """A smooth function of a real number, with its derivative as somebody would write it by hand."""

    function: Unary
    slope: Unary


#: Functions with a real value for every argument, which no other of the table is a multiple of.
ACTIVATIONS: tuple[Activation, ...] = (
    Activation(torch.sigmoid, lambda z: torch.sigmoid(z) * (1 - torch.sigmoid(z))),
    Activation(torch.tanh, lambda z: 1 - torch.tanh(z) ** 2),
    Activation(torch.exp, torch.exp),
    Activation(lambda z: z**2, lambda z: 2 * z),
    Activation(lambda z: z**3, lambda z: 3 * z**2),
    Activation(torch.sin, torch.cos),
    Activation(lambda z: torch.log1p(torch.exp(-z)), lambda z: -1 / (1 + torch.exp(z))),
    Activation(torch.atan, lambda z: 1 / (1 + z**2)),
    Activation(lambda z: torch.log1p(z**2), lambda z: 2 * z / (1 + z**2)),
    Activation(
        lambda z: 0.5 * z * (1 + torch.erf(z / math.sqrt(2))),
        lambda z: 0.5 * (1 + torch.erf(z / math.sqrt(2))) + z * torch.exp(-(z**2) / 2) / math.sqrt(2 * math.pi),
    ),
    Activation(lambda z: z * torch.sigmoid(z), lambda z: torch.sigmoid(z) * (1 + z * (1 - torch.sigmoid(z)))),
    Activation(F.softsign, lambda z: 1 / (1 + z.abs()) ** 2),
)

#: What a program makes of one sample, linear in ``a`` so that an error of the backward pass shows in its partial.
MODELS: tuple[Callable[[Tensor, Tensor, Tensor], Tensor], ...] = (
    lambda a, b, x: a * x + b,
    lambda a, b, x: a * x - b**2,
    lambda a, b, x: a + b * x,
    lambda a, b, x: a * (x**2 + 1) + b,
    lambda a, b, x: 2 * a - b * x,
)


def two(draw: random.Random) -> tuple[Activation, Activation]:
    """Two different activations."""
    first, second = draw.sample(ACTIVATIONS, 2)
    return first, second


def model(draw: random.Random) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    return draw.choice(MODELS)


def reduced(draw: random.Random) -> Callable[[Tensor], Tensor]:
    """The mean or the sum."""
    return draw.choice((torch.mean, torch.sum))


def factor(draw: random.Random) -> float:
    """A factor that a wrong backward pass may have: never 1, sometimes close to it."""
    return draw.choice((-1.0, 0.0, 0.5, 2.0, 3.0, 1 + 1e-9, 0.999, 1.25))


def function_of(forward: Callable[..., Tensor], backward: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """An autograd Function of one differentiable tensor and others that take part.

    ``forward(z, *others)``, and ``backward(upstream, z, *others)`` for the gradient by ``z``; both elementwise, or
    along the last axis.
    """

    class Written(torch.autograd.Function):
        @staticmethod
        def forward(ctx: torch.autograd.function.FunctionCtx, z: Tensor, *others: Tensor) -> Tensor:
            ctx.save_for_backward(z, *others)
            return forward(z, *others)

        @staticmethod
        def backward(ctx: torch.autograd.function.FunctionCtx, upstream: Tensor) -> tuple[Tensor | None, ...]:
            z, *others = ctx.saved_tensors  # type: ignore[attr-defined]
            return backward(upstream, z, *others), *(None for _ in others)

    apply: Callable[..., Tensor] = Written.apply
    return apply
