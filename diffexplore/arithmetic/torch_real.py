"""Programs on real torch tensors, of any dtype and device, as a careful user would write them."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import torch

from diffexplore.arithmetic import sinc as sine_quotients
from diffexplore.functions.tables import implementations
from diffexplore.program.program import Constant
from diffexplore.torch_private.watching import state_constant

Value = torch.Tensor | float | int


def _pair(function: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]) -> Callable[[Value, Value], torch.Tensor]:
    """Lets a function of two tensors take a constant in place of either."""

    def apply(x: Value, y: Value) -> torch.Tensor:
        return function(_like(x, y), _like(y, x))

    return apply


def _like(x: Value, other: Value) -> torch.Tensor:
    if isinstance(x, torch.Tensor):
        return x
    assert isinstance(other, torch.Tensor), "constants are folded before a program is run"
    return filled(other, x)


def filled(like: torch.Tensor, number: float | int, shape: tuple[int, ...] = ()) -> torch.Tensor:
    """A tensor of ``number`` with the dtype and device of ``like``; infinite where the dtype ends before it."""
    return like.new_full(shape, _within(number, like))


def _where(condition: torch.Tensor | int, taken: Value, otherwise: Value) -> Value:
    if isinstance(condition, int):
        return taken if condition else otherwise
    chosen: torch.Tensor = torch.where(condition, _beside(taken, otherwise), _beside(otherwise, taken))
    return chosen


def _beside(x: Value, other: Value) -> Value:
    """A number as the dtype of the tensor beside it has it."""
    return x if isinstance(x, torch.Tensor) or not isinstance(other, torch.Tensor) else _within(x, other)


def _within(number: float | int, like: torch.Tensor) -> float | int:
    """``number``, or what it is rounded to in a dtype that ends before it.

    Torch rounds it so in every product, and refuses to where it makes a tensor. Of a number that became infinite
    nothing is known from then on: 1/∞ is no 0.
    """
    if not like.is_floating_point() or abs(number) <= torch.finfo(like.dtype).max:
        return number
    stored = float(torch.tensor(float(number), dtype=torch.float64, device="cpu").to(like.dtype))
    state_constant(stored, abs(number - stored) if math.isfinite(stored) else math.inf)
    return stored


largest, smallest, atan2 = _pair(torch.maximum), _pair(torch.minimum), _pair(torch.atan2)


def heaviside(x: torch.Tensor) -> torch.Tensor:
    return torch.heaviside(x.detach(), x.new_full((), 0.5))


def sinc(x: torch.Tensor) -> torch.Tensor:
    # Torch differentiates the branch not taken too: its input is chosen first.
    inside = torch.where(x != 0, x, 1)
    return torch.where(x != 0, torch.sin(inside) / inside, 1)


def dsinc(order: int, x: torch.Tensor) -> Value:
    derivative: Value = sine_quotients.floating(OPERATIONS, order, x, state_constant)
    return derivative


def softplus(x: torch.Tensor) -> torch.Tensor:
    # torch.nn.functional.softplus turns linear above 20; logaddexp is accurate everywhere.
    return torch.logaddexp(x, x.new_zeros(()))


def _logical(function: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
    return lambda *conditions: function(*(torch.as_tensor(condition, dtype=torch.bool) for condition in conditions))


_CONTROL: dict[str, Callable[..., Any]] = {
    "full_like": filled,
    "where": _where, "lt": operator.lt, "le": operator.le, "gt": operator.gt, "ge": operator.ge,
    "eq": operator.eq, "ne": operator.ne,
    "and": _logical(torch.logical_and), "or": _logical(torch.logical_or), "not": _logical(torch.logical_not),
}  # fmt: skip

OPERATIONS = implementations("torch", _CONTROL)


class TorchArithmetic:
    """Constants stay Python numbers, so that the dtype of the tensors rules."""

    operations = OPERATIONS

    def constant(self, constant: Constant) -> float | int:
        number = constant.as_number()
        if isinstance(number, float) and constant.error:
            state_constant(number, constant.error)
        return number


TORCH = TorchArithmetic()
