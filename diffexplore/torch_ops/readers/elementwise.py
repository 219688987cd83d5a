"""Operators that compute each place of their result from the same place of their operands."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import sympy
import torch

from diffexplore.formula.functions_sympy import log1p, sigmoid, softplus
from diffexplore.formula.step_functions import floor, rounded, trunc
from diffexplore.torch_ops.readers.arrays import Grid, each
from diffexplore.torch_ops.readers.logic import equal, less, select

if TYPE_CHECKING:
    from diffexplore.tracing.interpret import Reading

from sympy import Expr


def remainder(x: Expr, y: Expr) -> Expr:
    return x - y * floor(x / y)


def fmod(x: Expr, y: Expr) -> Expr:
    return x - y * trunc(x / y)


def heaviside(x: Expr, at_zero: Expr) -> Expr:
    """torch.heaviside: 0 below 0, 1 above, and the second operand at 0."""
    return select(equal(x, sympy.S.Zero), at_zero, select(less(x, sympy.S.Zero), sympy.S.Zero, sympy.S.One))


def xlogy(x: Expr, y: Expr) -> Expr:
    return select(equal(x, sympy.S.Zero), sympy.S.Zero, x * sympy.log(y))


def xlog1py(x: Expr, y: Expr) -> Expr:
    return select(equal(x, sympy.S.Zero), sympy.S.Zero, x * log1p(y))


def mish_backward(g: Expr, x: Expr) -> Expr:
    t = sympy.tanh(softplus(x))
    return g * (t + x * sigmoid(x) * (1 - t**2))


def elementwise(function: Callable[..., Expr]) -> Callable[..., Grid]:
    """The reader of an operator whose operands are all broadcast against each other."""

    def read(reading: Reading, *operands: Any, **_: Any) -> Grid:
        return each(function, *map(reading.number, operands))

    return read


def step(name: str, function: Callable[..., Expr]) -> Callable[..., Grid]:
    """The reader of a function that jumps. A finite number is what it is read of."""

    def apply(*values: Expr) -> Expr:
        if any(value.is_infinite for value in values):
            raise NotImplementedError(f"{name} of an infinite number is none: leave it out")
        return function(*values)

    return elementwise(apply)


def round_(reading: Reading, x: Any, decimals: int = 0) -> Grid:
    scale = sympy.Integer(10) ** decimals
    return step("round", lambda x: rounded(x * scale) / scale)(reading, x)


def mul(reading: Reading, x: Any, y: Any) -> Grid:
    if reading.dtype == torch.bool:
        return each(sympy.And, reading.condition(x), reading.condition(y))
    return each(lambda x, y: x * y, reading.number(x), reading.number(y))


def add(reading: Reading, x: Any, y: Any, alpha: Any = 1, **_: Any) -> Grid:
    if reading.dtype == torch.bool:  # of truth values the sum is "or"
        return each(lambda x, y, alpha: sympy.Or(x, sympy.And(alpha, y)), *map(reading.condition, (x, y, alpha)))
    return each(lambda x, y, alpha: x + alpha * y, *map(reading.number, (x, y, alpha)))


def sub(reading: Reading, x: Any, y: Any, alpha: Any = 1, **_: Any) -> Grid:
    return each(lambda x, y, alpha: x - alpha * y, *map(reading.number, (x, y, alpha)))


def rsub(reading: Reading, x: Any, y: Any, alpha: Any = 1, **_: Any) -> Grid:
    return sub(reading, y, x, alpha)


def divide(reading: Reading, x: Any, y: Any, rounding_mode: str | None = None, **_: Any) -> Grid:
    if rounding_mode is None:
        return each(lambda x, y: x / y, reading.number(x), reading.number(y))
    whole = {"floor": floor, "trunc": trunc}[rounding_mode]
    return step("rounded division", lambda x, y: whole(x / y))(reading, x, y)


def clamp(reading: Reading, x: Any, low: Any = None, high: Any = None, **given: Any) -> Grid:
    """clamp, clamp_min and clamp_max: max(x, low) first, then min with high, as torch does."""
    low, high = given.get("min", low), given.get("max", high)
    grid = reading.number(x)
    if low is not None:
        grid = each(sympy.Max, grid, reading.number(low))
    if high is not None:
        grid = each(sympy.Min, grid, reading.number(high))
    return grid if low is not None or high is not None else each(lambda x: x, grid)


def polygamma(reading: Reading, order: int, x: Any, **_: Any) -> Grid:
    return each(lambda x: sympy.polygamma(order, x), reading.number(x))


def polygamma_in_place(reading: Reading, x: Any, order: int) -> Grid:
    return polygamma(reading, order, x)
