"""Elementwise functions that PyTorch cannot differentiate, with the derivative in each argument of their records."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any

import sympy
import torch

from diffexplore.arithmetic.narrow import in_float32
from diffexplore.functions import FUNCTIONS
from diffexplore.functions.tables import build

Tensor = torch.Tensor
Kernel = Callable[..., Tensor]


class _WithSlopes(torch.autograd.Function):
    @staticmethod
    def forward(kernel: Kernel, slopes: tuple[Kernel, ...], *operands: Tensor) -> Tensor:
        return kernel(*operands)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        _, ctx.slopes, *operands = inputs
        ctx.set_materialize_grads(False)  # 0 times an infinite slope of an operand that stays would be NaN
        ctx.save_for_backward(*operands)
        ctx.save_for_forward(*operands)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        (gradient,) = gradients
        if gradient is None:
            return (None,) * len(ctx.needs_input_grad)
        slopes = zip(ctx.slopes, ctx.needs_input_grad[2:], strict=True)
        return None, None, *(gradient * slope(*ctx.saved_tensors) if needed else None for slope, needed in slopes)

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> Tensor:
        moves = zip(ctx.slopes, tangents[2:], strict=True)
        terms = [slope(*ctx.saved_tensors) * tangent for slope, tangent in moves if tangent is not None]
        total: Tensor = sum(terms[1:], terms[0])
        return total

    @staticmethod
    def vmap(info: Any, in_dims: tuple[Any, ...], kernel: Kernel, slopes: Any, *operands: Tensor) -> tuple[Tensor, int]:
        """The batch becomes the first dimension; shapes are aligned from the right, as everywhere."""
        dims = in_dims[2:]
        ranks = [x.dim() - (dim is not None) for x, dim in zip(operands, dims, strict=True)]
        moved = [
            x if dim is None else x.movedim(dim, 0).reshape(x.shape[dim], *[1] * (max(ranks) - rank), *_others(x, dim))
            for x, dim, rank in zip(operands, dims, ranks, strict=True)
        ]
        return _WithSlopes.apply(kernel, slopes, *torch.broadcast_tensors(*moved)), 0  # type: ignore[no-untyped-call]


def _others(x: Tensor, dim: int) -> list[int]:
    return [size for place, size in enumerate(x.shape) if place != dim % x.dim()]


def by_record(name: str, kernel: Kernel, *arguments: Tensor | float) -> Tensor:
    """A function by a kernel, differentiated in reverse and in forward mode as its record says.

    Args:
        name: the function in the language.
        kernel: called with its arguments, numbers for orders and tensors of one shape.
        arguments: numbers for orders, then tensors or numbers, of which one at least is a tensor.
    """
    count = FUNCTIONS[name].orders
    orders, operands = tuple(int(order) for order in arguments[:count]), arguments[count:]
    like = next(x for x in operands if isinstance(x, torch.Tensor))
    spread = torch.broadcast_tensors(*(x if isinstance(x, torch.Tensor) else _filled(like, x) for x in operands))
    slopes = tuple(partial(_slope, name, orders, place) for place in range(len(operands)))
    run = partial(in_float32, partial(kernel, *orders))
    value: Tensor = _WithSlopes.apply(run, slopes, *spread)  # type: ignore[no-untyped-call]  # torch has no types for it
    return value


def _filled(like: Tensor, number: float) -> Tensor:
    from diffexplore.arithmetic.torch_real import filled  # whose operations are made of the records, and so of this

    return filled(like, number)


def _slope(name: str, orders: tuple[int, ...], place: int, *operands: Tensor) -> Tensor:
    from diffexplore.arithmetic.torch_real import TORCH

    program = _program_of_slope(name, orders, place, len(operands))
    found: Tensor = program.run(TORCH, {f"x{i}": x for i, x in enumerate(operands)})[0]
    return found


@cache
def _program_of_slope(name: str, orders: tuple[int, ...], place: int, count: int) -> Any:
    from diffexplore.program.program import lower

    symbols = [sympy.Symbol(f"x{i}", real=True) for i in range(count)]
    slope = build(name, *map(sympy.Integer, orders), *symbols).diff(symbols[place])
    return lower([slope], [symbol.name for symbol in symbols])
