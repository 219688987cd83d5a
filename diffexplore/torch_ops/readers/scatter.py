"""Indices, and the operators that put gradients back to where elements were taken from."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy

from diffexplore.torch_ops.readers.arrays import Cells, Grid, Mixes, cells_of, each, filled
from diffexplore.torch_ops.readers.logic import chosen, is_truth, select
from diffexplore.torch_ops.readers.movement import as_slice, copy, diagonal, take

if TYPE_CHECKING:
    from diffexplore.tracing.interpret import Reading


def select_backward(reading: Reading, grad: Grid, sizes: Any, dim: int, index: int) -> Grid:
    return _put_back(reading, grad, dim, index)


def slice_backward(reading: Reading, grad: Grid, sizes: Any, dim: int, start: int, end: int, step: int) -> Grid:
    _, axis = reading.shape
    if dim == axis:
        if grad.axis != axis or start != 0:
            raise Mixes
        return copy(reading, grad)
    return _put_back(reading, grad, dim, as_slice(start, end, step))


def _put_back(reading: Reading, grad: Grid, dim: int, index: int | slice) -> Grid:
    """Zeros, with the gradient where the elements were."""
    shape, axis = reading.shape
    whole = Grid(filled(shape, sympy.S.Zero), axis)
    take(whole, dim, index).cells[...] = grad.cells
    return whole


def diagonal_backward(reading: Reading, grad: Grid, sizes: Any, offset: int, dim1: int, dim2: int) -> Grid:
    shape, axis = reading.shape
    whole = Grid(filled(shape, sympy.S.Zero), axis)
    diagonal(reading, whole, offset, dim1, dim2).cells[...] = grad.cells
    return whole


def select_scatter(reading: Reading, x: Grid, source: Grid, dim: int, index: int) -> Grid:
    whole = Grid(x.cells.copy(), x.axis)
    take(whole, dim, index).cells[...] = source.cells
    return whole


def slice_scatter(
    reading: Reading,
    x: Grid,
    source: Grid,
    dim: int = 0,
    start: int | None = None,
    end: int | None = None,
    step: int = 1,
) -> Grid:
    whole = Grid(x.cells.copy(), x.axis)
    take(whole, dim, as_slice(start, end, step)).cells[...] = source.cells
    return whole


def pad(reading: Reading, x: Grid, widths: Sequence[int], value: Any = 0) -> Grid:
    """A constant around x: a width before and one after for each axis, the last axis first; a negative width cuts."""
    shape, axis = reading.shape
    whole = filled(shape, reading.number(value).cells[()])
    into, taken = [slice(None)] * x.ndim, [slice(None)] * x.ndim
    for k, (before, after) in enumerate(zip(widths[::2], widths[1::2], strict=True)):
        place = x.ndim - 1 - k
        if place == axis:
            continue  # its widths are 0, or the result would have another number of samples
        size = x.cells.shape[place]
        into[place] = slice(max(before, 0), shape[place] - max(after, 0))
        taken[place] = slice(max(-before, 0), size - max(-after, 0))
    whole[tuple(into)] = x.cells[tuple(taken)]
    return Grid(whole, axis)


def whole_numbers(grid: Grid) -> Any:
    """Constant indices as integers."""
    if any(not cell.is_Integer for cell in grid.cells.flat):
        raise NotImplementedError("the index depends on the values of tensors")
    return grid.cells.astype(int)


def indexed(reading: Reading, x: Grid, indices: Sequence[Grid | None]) -> Grid:
    """x[indices] for constant indices that leave the samples alone."""
    where = _places(x, indices)
    _, axis = reading.shape
    return Grid(np.array(x.cells[where], dtype=object), axis)  # a copy, also where NumPy makes a view or a cell of it


def _places(x: Grid, indices: Sequence[Grid | None]) -> tuple[Any, ...]:
    if x.axis is not None and x.axis < len(indices) and indices[x.axis] is not None:
        raise Mixes
    return tuple(slice(None) if index is None else whole_numbers(index) for index in indices)


def index_put(
    reading: Reading, x: Grid, indices: Sequence[Grid | None], values: Any, accumulate: bool = False, *_: Any
) -> Grid:
    """A copy of x with values put (or added) at constant indices, or a number where a condition holds."""
    x, put = reading.number(x), reading.number(values)
    mask = _mask(x, indices)
    if mask is not None and put.ndim == 0:
        return each(lambda hit, old, new: select(hit, old + new if accumulate else new, old), mask, x, put)
    numbers = np.arange(x.cells.size).reshape(x.cells.shape)[_places(x, indices)]
    flat = list(x.cells.flat)
    for place, value in zip(numbers.flat, np.broadcast_to(put.cells, numbers.shape).flat, strict=True):
        flat[place] = flat[place] + value if accumulate else value
    return Grid(cells_of(flat, x.cells.shape), x.axis)


def _mask(x: Grid, indices: Sequence[Grid | None]) -> Grid | None:
    """The only index, where it is a truth value for each entry of x, as in ``g[x < 0] = 0``."""
    mask = indices[0] if len(indices) == 1 else None
    if mask is None or mask.cells.shape != x.cells.shape or not all(map(is_truth, mask.cells.flat)):
        return None
    return mask


def index_select(reading: Reading, x: Grid, dim: int, index: Grid) -> Grid:
    if x.ndim == 0:
        return copy(reading, x)  # a single element, whose only index is 0
    if dim % x.ndim == x.axis:
        raise Mixes
    return Grid(np.take(x.cells, whole_numbers(index).reshape(-1), dim % x.ndim), x.axis)


def gather(reading: Reading, x: Grid, dim: int, index: Grid, **_: Any) -> Grid:
    """x at the indices along ``dim``; an index may be piecewise, as that of a maximum is."""
    x, axis = reading.number(x), reading.shape[1]
    if x.ndim == 0:
        return Grid(filled(index.cells.shape, x.cells[()]))
    if dim % x.ndim == x.axis:
        raise Mixes
    values = []
    for place, choices in _along(index, dim):
        pairs = ((x.cells[_at(place, dim, target, x.ndim)], condition) for target, condition in choices)
        values.append(chosen(pairs, sympy.S.Zero))
    return Grid(cells_of(values, index.cells.shape), axis)


def scatter(reading: Reading, x: Grid, dim: int, index: Grid, source: Any, **_: Any) -> Grid:
    return _scattered(reading, x, dim, index, source, lambda old, new: new)


def scatter_add(reading: Reading, x: Grid, dim: int, index: Grid, source: Any, **_: Any) -> Grid:
    return _scattered(reading, x, dim, index, source, lambda old, new: old + new)


def _scattered(reading: Reading, x: Grid, dim: int, index: Grid, source: Any, put: Callable[..., Any]) -> Grid:
    x, (shape, axis) = reading.number(x), reading.shape
    if x.ndim == 0:
        given = reading.number(source).cells.reshape(-1)
        return Grid(filled((), functools.reduce(put, given, x.cells[()])))
    if dim % x.ndim == axis:
        raise Mixes
    cells: Cells = np.broadcast_to(x.cells, shape).copy()
    given = reading.number(source).cells
    for place, choices in _along(index, dim):
        new = given[place] if given.ndim else given[()]
        for k in range(shape[dim % x.ndim]):
            spot = _at(place, dim, k, x.ndim)
            old = cells[spot]
            after = put(old, new)
            cells[spot] = chosen(((after if target == k else old, condition) for target, condition in choices), old)
    return Grid(cells, axis)


def _along(index: Grid, dim: int) -> Iterator[tuple[tuple[int, ...], list[tuple[int, Any]]]]:
    """Each place of an index, with the numbers that it may be and the conditions, the first that holds counting."""
    for place in itertools.product(*map(range, index.cells.shape)):
        yield place, choices(index.cells[place])


def choices(index: sympy.Expr) -> list[tuple[int, Any]]:
    """The numbers that an index may be, each with its condition; the first that holds counts."""
    pieces = sorted(index.atoms(sympy.Piecewise), key=sympy.default_sort_key)
    pairs: Iterable[tuple[Any, Any]] = ((index, sympy.true),)
    if len(pieces) == 1:  # of max(0, k − 1), what that is for each k
        pairs = [(index.xreplace({pieces[0]: number}), condition) for number, condition in pieces[0].args]
    if any(not number.is_Integer for number, _ in pairs):
        raise NotImplementedError("the index depends on the values of tensors")
    return [(int(number), condition) for number, condition in pairs]


def put_where(index: sympy.Expr, target: int, value: sympy.Expr) -> sympy.Expr:
    """The value where an index is the target, else 0."""
    pairs = ((value if number == target else sympy.S.Zero, condition) for number, condition in choices(index))
    return chosen(pairs, sympy.S.Zero)


def _at(place: tuple[int, ...], dim: int, target: int, ndim: int) -> tuple[int, ...]:
    where = list(place)
    where[dim % ndim] = target
    return tuple(where)
