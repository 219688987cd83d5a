"""Comparisons, logic on their results, and branches."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import sympy
import torch

from diffexplore.torch_ops.readers.arrays import Grid, each
from diffexplore.torch_ops.readers.certain import INFINITIES
from diffexplore.torch_ops.readers.logic import as_number, is_truth, opposite, select

if TYPE_CHECKING:
    from diffexplore.tracing.interpret import Reading


def one_of_two(x: Any, y: Any) -> Any:
    return sympy.Or(sympy.And(x, opposite(y)), sympy.And(opposite(x), y))


_NAN = (
    "what it is applied to may be undefined or infinite somewhere, and formulas have no word for NaN: "
    "bound the operand of the step that is, or leave this one out"
)


def comparison(function: Callable[..., Any], instead: Callable[..., Grid | None] | None = None) -> Callable[..., Grid]:
    """A comparison; x with itself or an infinity, which tests whether x is a number, is read where it certainly is.

    ``instead`` is called with the reading and the operands: where the comparison tells of a convention of torch, it
    keeps that, and says what the comparison is read as.
    """

    def compare(certain: bool, *values: Any) -> Any:
        of_nan = values[0] == values[1] or any(value in INFINITIES for value in values)
        if of_nan and not certain and any(value.free_symbols for value in values):
            raise NotImplementedError(_NAN)
        return function(*values)

    def read(reading: Reading, *operands: Any) -> Grid:
        numbers = list(map(reading.number, operands))
        found = None if instead is None else instead(reading, *numbers)
        return found if found is not None else each(partial(compare, reading.certain), *numbers)

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
