"""Comparisons, logic on their results, and branches."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import sympy
import torch

from diffexplore.tracing.arrays import Grid, each
from diffexplore.tracing.operators.certain import INFINITIES
from diffexplore.tracing.operators.logic import as_number, equal, is_truth, less, opposite, select

if TYPE_CHECKING:
    from diffexplore.tracing.interpret import Reading

#: Comparisons of two numbers. NaN is none of the formulas', so "not less" is "greater or equal".
COMPARISONS: Mapping[str, Callable[..., Any]] = {
    "lt": less, "gt": lambda x, y: less(y, x),
    "le": lambda x, y: opposite(less(y, x)), "ge": lambda x, y: opposite(less(x, y)),
    "eq": equal, "ne": lambda x, y: opposite(equal(x, y)),
}  # fmt: skip


def _one_of_two(x: Any, y: Any) -> Any:
    return sympy.Or(sympy.And(x, opposite(y)), sympy.And(opposite(x), y))


#: Operators on truth values.
LOGIC: Mapping[str, Callable[..., Any]] = {
    "logical_and": sympy.And, "logical_or": sympy.Or, "logical_not": opposite, "logical_xor": _one_of_two,
}  # fmt: skip

#: Operators on the bits of integers → what they are of truth values.
BITWISE: Mapping[str, tuple[Callable[..., int], Callable[..., Any]]] = {
    "bitwise_and": (operator.and_, sympy.And), "__and__": (operator.and_, sympy.And),
    "bitwise_or": (operator.or_, sympy.Or), "__or__": (operator.or_, sympy.Or),
    "bitwise_xor": (operator.xor, _one_of_two), "__xor__": (operator.xor, _one_of_two),
    "bitwise_not": (operator.invert, opposite),
}  # fmt: skip

_NAN = (
    "what it is applied to may be undefined or infinite somewhere, and formulas have no word for NaN: "
    "bound the operand of the step that is, or leave this one out"
)

#: What asks whether numbers are finite ones, where they are.
FINITE: Mapping[str, Callable[..., Any]] = {
    "isnan": lambda x: sympy.false, "isinf": lambda x: sympy.false,
    "fmax": sympy.Max, "fmin": sympy.Min,
}  # fmt: skip


def _comparison(function: Callable[..., Any]) -> Callable[..., Grid]:
    """A comparison; x with itself or an infinity, which asks whether x is a number, is read where it certainly is."""

    def compare(certain: bool, *values: Any) -> Any:
        asks = values[0] == values[1] or any(value in INFINITIES for value in values)
        if asks and not certain and any(value.free_symbols for value in values):
            raise NotImplementedError(_NAN)
        return function(*values)

    def read(reading: Reading, *operands: Any) -> Grid:
        return each(partial(compare, reading.certain), *map(reading.number, operands))

    return read


def _logic(function: Callable[..., Any]) -> Callable[..., Grid]:
    def read(reading: Reading, *operands: Any) -> Grid:
        return each(function, *map(reading.condition, operands))

    return read


def _bitwise(of_integers: Callable[..., int], of_truths: Callable[..., Any]) -> Callable[..., Grid]:
    def apply(*values: Any) -> sympy.Integer:
        if not all(value.is_Integer for value in values):
            raise NotImplementedError("the bits of integers depend on the values of inputs: write it with torch.where")
        return sympy.Integer(of_integers(*map(int, values)))

    def read(reading: Reading, *operands: Any) -> Grid:
        if reading.dtype == torch.bool:
            return each(of_truths, *map(reading.condition, operands))
        return each(apply, *map(reading.number, operands))

    return read


def _where_finite(function: Callable[..., Any]) -> Callable[..., Grid]:
    """Operators that do something else with what is undefined or infinite, read where nothing is."""

    def read(reading: Reading, *operands: Any, **_: Any) -> Grid:
        numbers = [reading.number(operand) for operand in operands]
        if not reading.certain or any(cell in INFINITIES for grid in numbers for cell in grid.cells.flat):
            raise NotImplementedError(_NAN)
        return each(function, *numbers)

    return read


def _where(reading: Reading, condition: Any, x: Any, y: Any) -> Grid:
    return each(_choice, reading.condition(condition), reading.grid(x), reading.grid(y))


def _choice(condition: Any, x: Any, y: Any) -> Any:
    if is_truth(x) and is_truth(y):
        return sympy.Or(sympy.And(condition, x), sympy.And(opposite(condition), y))
    return select(condition, as_number(x), as_number(y))


def _masked_fill(reading: Reading, x: Any, mask: Any, value: Any) -> Grid:
    return _where(reading, mask, value, x)


def _nan_to_num(reading: Reading, x: Any, *_: Any, **__: Any) -> Grid:
    return _where_finite(lambda x: x)(reading, x)


READERS: Mapping[str, Callable[..., Any]] = {
    **{name: _comparison(function) for name, function in COMPARISONS.items()},
    **{name: _logic(function) for name, function in LOGIC.items()},
    **{name: _bitwise(*functions) for name, functions in BITWISE.items()},
    **{name: _where_finite(function) for name, function in FINITE.items()},
    "signbit": lambda reading, x: each(lambda x: less(x, sympy.S.Zero), reading.number(x)),
    "where": _where, "masked_fill": _masked_fill, "nan_to_num": _nan_to_num,
}  # fmt: skip
