"""Operators that compute each place of their result from the same place of their operands, choices among them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import sympy
import torch
from sympy import Expr

from diffexplore.formula.functions_sympy import log1p, sigmoid, softplus
from diffexplore.formula.step_functions import floor, rounded, trunc
from diffexplore.torch_ops.readers.arrays import Grid, each
from diffexplore.torch_ops.readers.certain import INFINITIES
from diffexplore.torch_ops.readers.logic import as_number, equal, is_truth, less, opposite, select

if TYPE_CHECKING:
    from diffexplore.tracing.interpret import Reading

_NAN = (
    "what it is applied to may be undefined or infinite somewhere, and formulas have no word for NaN: "
    "bound the operand of the step that is, or leave this one out"
)


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


def one_of_two(x: Any, y: Any) -> Any:
    return sympy.Or(sympy.And(x, opposite(y)), sympy.And(opposite(x), y))


def comparison(function: Callable[..., Any]) -> Callable[..., Grid]:
    """A comparison; x with itself or an infinity, which asks whether x is a number, is read where it certainly is."""

    def compare(certain: bool, *values: Any) -> Any:
        asks = values[0] == values[1] or any(value in INFINITIES for value in values)
        if asks and not certain and any(value.free_symbols for value in values):
            raise NotImplementedError(_NAN)
        return function(*values)

    def read(reading: Reading, *operands: Any) -> Grid:
        return each(partial(compare, reading.certain), *map(reading.number, operands))

    return read


def logic(function: Callable[..., Any]) -> Callable[..., Grid]:
    def read(reading: Reading, *operands: Any) -> Grid:
        return each(function, *map(reading.condition, operands))

    return read


def bitwise(of_integers: Callable[..., int], of_truths: Callable[..., Any]) -> Callable[..., Grid]:
    def apply(*values: Any) -> sympy.Integer:
        if not all(value.is_Integer for value in values):
            raise NotImplementedError("the bits of integers depend on the values of inputs: write it with torch.where")
        return sympy.Integer(of_integers(*map(int, values)))

    def read(reading: Reading, *operands: Any) -> Grid:
        if reading.dtype == torch.bool:
            return each(of_truths, *map(reading.condition, operands))
        return each(apply, *map(reading.number, operands))

    return read


def where_finite(function: Callable[..., Any]) -> Callable[..., Grid]:
    """Operators that do something else with what is undefined or infinite, read where nothing is."""

    def read(reading: Reading, *operands: Any, **_: Any) -> Grid:
        numbers = [reading.number(operand) for operand in operands]
        if not reading.certain or any(cell in INFINITIES for grid in numbers for cell in grid.cells.flat):
            raise NotImplementedError(_NAN)
        return each(function, *numbers)

    return read


def where(reading: Reading, condition: Any, x: Any, y: Any) -> Grid:
    return each(_choice, reading.condition(condition), reading.grid(x), reading.grid(y))


def _choice(condition: Any, x: Any, y: Any) -> Any:
    if is_truth(x) and is_truth(y):
        return sympy.Or(sympy.And(condition, x), sympy.And(opposite(condition), y))
    return select(condition, as_number(x), as_number(y))


def masked_fill(reading: Reading, x: Any, mask: Any, value: Any) -> Grid:
    return where(reading, mask, value, x)


def nan_to_num(reading: Reading, x: Any, *_: Any, **__: Any) -> Grid:
    return where_finite(lambda x: x)(reading, x)
