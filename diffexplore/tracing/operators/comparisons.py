"""Comparisons, logic on their results, and branches."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import sympy

from diffexplore.tracing.arrays import Grid, each
from diffexplore.tracing.operators.logic import as_number, equal, is_truth, less, opposite, select

if TYPE_CHECKING:
    from diffexplore.tracing.interpret import Reading

#: Comparisons of two numbers. NaN is none of the formulas', so "not less" is "greater or equal".
COMPARISONS: Mapping[str, Callable[..., Any]] = {
    "lt": less, "gt": lambda x, y: less(y, x),
    "le": lambda x, y: opposite(less(y, x)), "ge": lambda x, y: opposite(less(x, y)),
    "eq": equal, "ne": lambda x, y: opposite(equal(x, y)),
    "isnan": lambda x: sympy.false, "isinf": lambda x: sympy.false, "isfinite": lambda x: sympy.true,
    "signbit": lambda x: less(x, sympy.S.Zero),
}  # fmt: skip

#: Operators on truth values.
LOGIC: Mapping[str, Callable[..., Any]] = {
    "logical_and": sympy.And, "logical_or": sympy.Or, "logical_not": opposite,
    "logical_xor": lambda x, y: sympy.Or(sympy.And(x, opposite(y)), sympy.And(opposite(x), y)),
    "bitwise_and": sympy.And, "bitwise_or": sympy.Or, "bitwise_not": opposite,
    "__and__": sympy.And, "__or__": sympy.Or,
}  # fmt: skip


def _comparison(function: Callable[..., Any]) -> Callable[..., Grid]:
    def read(reading: Reading, *operands: Any) -> Grid:
        return each(function, *map(reading.number, operands))

    return read


def _logic(function: Callable[..., Any]) -> Callable[..., Grid]:
    def read(reading: Reading, *operands: Any) -> Grid:
        return each(function, *map(reading.condition, operands))

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
    return each(lambda x: x, reading.number(x))


READERS: Mapping[str, Callable[..., Any]] = {
    **{name: _comparison(function) for name, function in COMPARISONS.items()},
    **{name: _logic(function) for name, function in LOGIC.items()},
    "where": _where, "masked_fill": _masked_fill, "nan_to_num": _nan_to_num,
}  # fmt: skip
