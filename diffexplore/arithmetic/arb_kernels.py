"""Kernels for PyTorch of functions that it lacks: each number by Arb, and rounded to the nearest.

They are operators of a library of their own, so that whoever looks on at PyTorch's operators sees each as one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache

import torch
from flint import arb

from diffexplore.arithmetic.balls import precision

Tensor = torch.Tensor

_LIBRARY = torch.library.Library("diffexplore", "DEF")

#: Until the ball tells the nearest double, but for ties.
_BITS = (96, 192, 384, 768)
_NARROW = 2.0**-60

#: A value that cannot be distinguished from 0 is within this of it.
_NOTHING = arb(2) ** -600


@cache
def arb_kernel(name: str, function: Callable[..., arb], orders: int, operands: int) -> Callable[..., Tensor]:
    """The operator ``diffexplore::name`` of some whole ``orders`` and of tensors.

    Args:
        name: a name that no other operator of the library has.
        function: the same on balls, of which each argument is one.
        orders: how many arguments are whole numbers.
        operands: how many tensors follow, of one dtype and of shapes that broadcast.
    """
    arguments = [*(f"int n{i}" for i in range(orders)), *(f"Tensor x{i}" for i in range(operands))]
    _LIBRARY.define(f"{name}({', '.join(arguments)}) -> Tensor")

    def run(*arguments: int | Tensor) -> Tensor:
        whole, tensors = _split(orders, arguments)
        columns = [x.detach().to("cpu", torch.float64).reshape(-1).tolist() for x in tensors]
        numbers = [_nearest(function, (*whole, *row)) for row in zip(*columns, strict=True)]
        found = torch.tensor(numbers, dtype=torch.float64, device="cpu").reshape(tensors[0].shape)
        return found.to(tensors[0].device, tensors[0].dtype)

    def shaped(*arguments: int | Tensor) -> Tensor:
        return torch.empty_like(_split(orders, arguments)[1][0])

    _LIBRARY.impl(name, run, "CompositeExplicitAutograd")
    _LIBRARY.impl(name, shaped, "Meta")
    kernel: Callable[..., Tensor] = getattr(torch.ops.diffexplore, name).default
    return kernel


def _split(orders: int, arguments: Sequence[int | Tensor]) -> tuple[list[int], list[Tensor]]:
    whole = [one for one in arguments[:orders] if isinstance(one, int)]
    return whole, list(torch.broadcast_tensors(*(one for one in arguments[orders:] if isinstance(one, Tensor))))


def _nearest(function: Callable[..., arb], arguments: Sequence[float]) -> float:
    """The double nearest to the value; NaN where Arb finds none."""
    if not all(map(math.isfinite, arguments)):
        return math.nan
    for bits in _BITS:
        with precision(bits):
            ball = function(*map(arb, arguments))
            if ball.is_finite() and (ball.rad() <= abs(ball.mid()) * _NARROW or ball.rad() < _NOTHING):
                return float(ball.mid())
    return math.nan
