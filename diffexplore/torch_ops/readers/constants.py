"""Tensors that a function makes itself, and conversions between kinds of number."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import sympy
import torch

from diffexplore.torch_ops.readers.arrays import Grid, Mixes, cells_of, each, filled
from diffexplore.torch_ops.readers.certain import whole_range
from diffexplore.torch_ops.readers.logic import as_condition, as_number
from diffexplore.torch_ops.readers.movement import copy

if TYPE_CHECKING:
    from diffexplore.tracing.interpret import Reading


def _filled(reading: Reading, value: Any) -> Grid:
    shape, axis = reading.shape
    return Grid(filled(shape, reading.grid(value).cells[()]), axis)


def constant(value: int) -> Callable[..., Grid]:
    def read(reading: Reading, *_: Any, **__: Any) -> Grid:
        return _filled(reading, value)

    return read


def full(reading: Reading, sizes: Any, value: Any, **_: Any) -> Grid:
    return _filled(reading, value)


def new_full(reading: Reading, x: Any, sizes: Any, value: Any, **_: Any) -> Grid:
    return _filled(reading, value)


def scalar_tensor(reading: Reading, value: Any, **_: Any) -> Grid:
    return _filled(reading, value)


def arange(reading: Reading, *bounds: Any, **_: Any) -> Grid:
    if reading.shape[1] is not None:
        raise Mixes  # the sample's own number
    start, _, step = (0, bounds[0], 1) if len(bounds) == 1 else (*bounds, 1)[:3]
    count = reading.shape[0][0]
    return Grid(cells_of([sympy.sympify(start) + i * sympy.sympify(step) for i in range(count)], (count,)))


def eye(reading: Reading, *_: Any, **__: Any) -> Grid:
    (rows, columns), axis = reading.shape
    if axis is not None:
        raise Mixes
    return Grid(cells_of([sympy.Integer(int(i == j)) for i in range(rows) for j in range(columns)], (rows, columns)))


def to_copy(reading: Reading, x: Grid, dtype: torch.dtype | None = None, **_: Any) -> Grid:
    """A conversion. Rounding to a narrower float is no part of the formula; rounding to integers would be."""
    if dtype is None:
        return copy(reading, x)
    if dtype == torch.bool:
        return each(as_condition, x)
    if dtype.is_complex:
        raise NotImplementedError("complex numbers are not read")
    numbers = each(as_number, x)
    return numbers if dtype.is_floating_point else each(_whole, numbers)


def _whole(value: sympy.Expr) -> sympy.Expr:
    """A number without its fraction, as torch cuts it off."""
    if whole_range(value) is not None:
        return value
    if value.is_number and value.is_finite:
        return sympy.Integer(int(value))
    raise NotImplementedError(
        "rounding to whole numbers makes steps, and wraps around where they are out of range: "
        "write .trunc(), a step that is read"
    )


def copied_into(reading: Reading, x: Grid, source: Any, *_: Any) -> Grid:
    """What x is after source was copied into it."""
    return each(lambda _, new: new, x, reading.grid(source))
