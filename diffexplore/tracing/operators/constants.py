"""Tensors that a function makes itself, and conversions between kinds of number."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import sympy
import torch

from diffexplore.tracing.arrays import Grid, Mixes, cells_of, each, filled
from diffexplore.tracing.operators.certain import whole_range
from diffexplore.tracing.operators.logic import as_condition, as_number
from diffexplore.tracing.operators.movement import copy

if TYPE_CHECKING:
    from diffexplore.tracing.interpret import Reading


def _filled(reading: Reading, value: Any) -> Grid:
    shape, axis = reading.shape
    return Grid(filled(shape, reading.grid(value).cells[()]), axis)


def _constant(value: int) -> Callable[..., Grid]:
    def read(reading: Reading, *_: Any, **__: Any) -> Grid:
        return _filled(reading, value)

    return read


def _full(reading: Reading, sizes: Any, value: Any, **_: Any) -> Grid:
    return _filled(reading, value)


def _new_full(reading: Reading, x: Any, sizes: Any, value: Any, **_: Any) -> Grid:
    return _filled(reading, value)


def _scalar_tensor(reading: Reading, value: Any, **_: Any) -> Grid:
    return _filled(reading, value)


def _arange(reading: Reading, *bounds: Any, **_: Any) -> Grid:
    if reading.shape[1] is not None:
        raise Mixes  # the sample's own number
    start, _, step = (0, bounds[0], 1) if len(bounds) == 1 else (*bounds, 1)[:3]
    count = reading.shape[0][0]
    return Grid(cells_of([sympy.sympify(start) + i * sympy.sympify(step) for i in range(count)], (count,)))


def _eye(reading: Reading, *_: Any, **__: Any) -> Grid:
    (rows, columns), axis = reading.shape
    if axis is not None:
        raise Mixes
    return Grid(cells_of([sympy.Integer(int(i == j)) for i in range(rows) for j in range(columns)], (rows, columns)))


def _to_copy(reading: Reading, x: Grid, dtype: torch.dtype | None = None, **_: Any) -> Grid:
    """A conversion. Rounding to a narrower float is no part of the formula; rounding to integers would be."""
    if dtype is None:
        return copy(reading, x)
    if dtype == torch.bool:
        return each(as_condition, x)
    if dtype.is_complex:
        raise NotImplementedError("complex numbers are not read")
    numbers = each(as_number, x)
    if dtype.is_floating_point:
        if dtype != torch.float64:
            reading.note(f"computed in {str(dtype).removeprefix('torch.')} at {reading.place}, read as exact")
        return numbers
    return each(_whole, numbers)


def _whole(value: sympy.Expr) -> sympy.Expr:
    """A number without its fraction, as torch cuts it off."""
    if whole_range(value) is not None:
        return value
    if value.is_number and value.is_finite:
        return sympy.Integer(int(value))
    raise NotImplementedError("rounding to whole numbers makes steps, which formulas have no word for: leave it out")


def _copy(reading: Reading, x: Grid, source: Any, *_: Any) -> Grid:
    """What x is after source was copied into it."""
    return each(lambda _, new: new, x, reading.grid(source))


READERS: Mapping[str, Callable[..., Any]] = {
    **dict.fromkeys(("zeros", "zeros_like", "new_zeros", "_efficientzerotensor"), _constant(0)),
    **dict.fromkeys(("empty", "empty_like", "new_empty", "new_empty_strided", "empty_strided"), _constant(0)),
    **dict.fromkeys(("ones", "ones_like", "new_ones"), _constant(1)),
    "full": _full, "full_like": _full, "new_full": _new_full, "fill": _full, "scalar_tensor": _scalar_tensor,
    "zero": _constant(0), "arange": _arange, "eye": _eye,
    "_to_copy": _to_copy, "convert_element_type": _to_copy, "copy": _copy,
}  # fmt: skip
