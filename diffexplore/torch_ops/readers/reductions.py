"""Sums, means, norms, maxima, products of matrices: formal over the samples, written out over all other axes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy
import torch

from diffexplore.formula.batch_sums import SAMPLES
from diffexplore.torch_ops.readers.arrays import Grid, Mixes, cells_of, each, fold, normal_axes
from diffexplore.torch_ops.readers.exponentials import exp, logarithm
from diffexplore.torch_ops.readers.kinds import conformed
from diffexplore.torch_ops.readers.logic import as_condition, as_number
from diffexplore.torch_ops.readers.order import first_best

if TYPE_CHECKING:
    from diffexplore.tracing.interpret import Reading

Dims = int | Sequence[int] | None


def total(reading: Reading, x: Any, dims: Dims = None, keepdim: bool = False, **_: Any) -> Grid:
    """The sum over some axes, or all."""
    if reading.dtype == torch.bool:  # of truth values it is "or"
        return _explicit(sympy.Or, reading.condition(x), dims, keepdim)
    grid = _converted(reading, x)
    axes = normal_axes(dims, grid.ndim)
    result = fold(lambda row: sympy.Add(*row), grid, axes, keepdim)
    return each(reading.over_samples, result) if grid.axis in axes else result


def _converted(reading: Reading, x: Any) -> Grid:
    """What is reduced as numbers of the dtype of the result, to which torch converts them first."""
    grid = reading.number(x)
    return grid if reading.dtype is None or reading.dtype.is_floating_point else conformed(grid, reading.dtype)


def mean(reading: Reading, x: Any, dims: Dims = None, keepdim: bool = False, **_: Any) -> Grid:
    """The mean over some axes, or all."""
    grid = reading.number(x)
    size = reading.count(grid, normal_axes(dims, grid.ndim))
    return each(lambda s: s / size, total(reading, grid, dims, keepdim))


def variance(
    reading: Reading, x: Grid, dims: Any = None, unbiased: bool = True, keepdim: bool = False, **given: Any
) -> Grid:
    """The variance, by the deviations from the mean; over the samples these are sums in a sum."""
    correction = given.get("correction", 1 if unbiased else 0)
    if isinstance(dims, bool):  # the overload without axes
        dims, correction = None, 1 if dims else 0
    correction = sympy.S.One if correction is None else sympy.sympify(correction)
    keepdim = given.get("keepdim", keepdim)
    deviations = each(lambda x, m: x - m, x, mean(reading, x, dims, True))
    size = reading.count(x, normal_axes(dims, x.ndim)) - correction
    if size.has(SAMPLES) and size.subs(SAMPLES, 1) <= 0:
        fewest = sympy.floor(sympy.solve(size, SAMPLES)[0]) + 1
        reading.require(sympy.Ge(SAMPLES, fewest, evaluate=False))
    elif not size.has(SAMPLES) and size <= 0:
        raise NotImplementedError("it divides by the number of elements minus the correction, which is not above 0")
    return each(lambda s: s / size, total(reading, each(lambda d: d**2, deviations), dims, keepdim))


def std(reading: Reading, *args: Any, **given: Any) -> Grid:
    return each(sympy.sqrt, variance(reading, *args, **given))


def var_mean(reading: Reading, x: Grid, dims: Any = None, *args: Any, **given: Any) -> tuple[Grid, Grid]:
    axes = None if isinstance(dims, bool) else dims
    return variance(reading, x, dims, *args, **given), mean(reading, x, axes, given.get("keepdim", False))


def std_mean(reading: Reading, x: Grid, *args: Any, **given: Any) -> tuple[Grid, Grid]:
    spread, centre = var_mean(reading, x, *args, **given)
    return each(sympy.sqrt, spread), centre


def norm(reading: Reading, x: Grid, order: Any = 2, dims: Dims = None, keepdim: bool = False, **given: Any) -> Grid:
    """The vector norm of an order; 2 where none is given."""
    order = sympy.Integer(2) if order is None else sympy.sympify(order)
    sizes = each(sympy.Abs, x)
    if order in (sympy.oo, -sympy.oo):
        return _explicit(sympy.Max if order > 0 else sympy.Min, sizes, dims, keepdim)
    if order == 0:
        return total(reading, each(lambda x: as_number(as_condition(x)), x), dims, keepdim)
    powers = each(lambda x, a: x**2 if order == 2 else a**order, x, sizes)
    return each(lambda s: s ** (1 / order), total(reading, powers, dims, keepdim))


def _explicit(function: Callable[..., Any], x: Grid, dims: Dims, keepdim: bool) -> Grid:
    """A reduction that has no formal counterpart over the samples."""
    axes = normal_axes(dims, x.ndim)
    if x.axis in axes:
        raise Mixes
    return fold(lambda row: function(*row), x, axes, keepdim)


def reduction(function: Callable[..., Any], convert: str = "number") -> Callable[..., Any]:
    def read(reading: Reading, x: Any, dims: Dims = None, keepdim: bool = False, **_: Any) -> Grid:
        return _explicit(function, getattr(reading, convert)(x), dims, keepdim)

    return read


def extreme(best: Callable[..., Any], worse: Callable[..., Any]) -> Callable[..., Any]:
    """max and min: of everything, or along an axis together with the index where it is."""
    whole, along = reduction(best), arg_extreme(worse)

    def read(reading: Reading, x: Grid, dim: int | None = None, keepdim: bool = False) -> Any:
        if dim is None:
            return whole(reading, x)
        return whole(reading, x, dim, keepdim), along(reading, x, dim, keepdim)

    return read


def arg_extreme(worse: Callable[..., Any]) -> Callable[..., Any]:
    """The index of the first best cell, as a piecewise number."""

    def index(*row: Any) -> Any:
        return first_best(row, [sympy.Integer(i) for i in range(len(row))], lambda x, y: worse(y, x))

    return reduction(index)


def prod(reading: Reading, x: Any, dims: Dims = None, keepdim: bool = False, **_: Any) -> Grid:
    if reading.dtype == torch.bool:
        return _explicit(sympy.And, reading.condition(x), dims, keepdim)
    return _explicit(lambda *row: sympy.Mul(*row), _converted(reading, x), dims, keepdim)


def running(function: Callable[[Any, Any], Any], of_truths: Callable[..., Any]) -> Callable[..., Any]:
    """cumsum and cumprod, with what they are of truth values."""

    def read(reading: Reading, x: Grid, dim: int, **_: Any) -> Grid:
        step = of_truths if reading.dtype == torch.bool else function
        x = reading.condition(x) if reading.dtype == torch.bool else _converted(reading, x)
        if x.axis is not None and dim % x.ndim == x.axis:
            raise Mixes
        if x.ndim == 0:
            return Grid(x.cells.copy())
        rows = np.moveaxis(x.cells, dim, 0).copy()
        for i in range(1, len(rows)):
            rows[i, ...] = each(step, Grid(rows[i - 1, ...]), Grid(rows[i, ...])).cells
        return Grid(np.moveaxis(rows, 0, dim), x.axis)

    return read


def logsumexp(reading: Reading, x: Grid, dims: Dims, keepdim: bool = False) -> Grid:
    return each(logarithm, total(reading, exp(reading, x), dims, keepdim))


def log_softmax(reading: Reading, x: Grid, dim: int, *_: Any) -> Grid:
    return each(lambda x, s: x - s, x, logsumexp(reading, x, dim, True))


def softmax(reading: Reading, x: Grid, dim: int, *_: Any) -> Grid:
    powers = exp(reading, x)
    return each(lambda e, s: e / s, powers, total(reading, powers, dim, True))


def log_softmax_backward(reading: Reading, grad: Grid, output: Grid, dim: int, *_: Any) -> Grid:
    return each(lambda g, e, s: g - e * s, grad, exp(reading, output), total(reading, grad, dim, True))


def softmax_backward(reading: Reading, grad: Grid, output: Grid, dim: int, *_: Any) -> Grid:
    weighted = each(lambda g, y: g * y, grad, output)
    return each(lambda gy, y, s: gy - y * s, weighted, output, total(reading, weighted, dim, True))


def mm(reading: Reading, a: Grid, b: Grid) -> Grid:
    over_samples = a.axis == 1 or b.axis == 0
    rows, columns = a.cells.shape[0], b.cells.shape[1]
    values = []
    for i in range(rows):
        for j in range(columns):
            terms = [x * y for x, y in zip(a.cells[i], b.cells[:, j], strict=True)]
            values.append(reading.over_samples(terms[0]) if over_samples else sympy.Add(*terms))
    return Grid(cells_of(values, (rows, columns)), _axis(0 if a.axis == 0 else None, 1 if b.axis == 1 else None))


def bmm(reading: Reading, a: Grid, b: Grid) -> Grid:
    """A product for each place on the first axis."""

    def inner(axis: int | None) -> int | None:
        return axis - 1 if axis else None

    parts = [mm(reading, Grid(x, inner(a.axis)), Grid(y, inner(b.axis))) for x, y in zip(a.cells, b.cells, strict=True)]
    axis = None if not parts or parts[0].axis is None else parts[0].axis + 1
    values = [cell for part in parts for cell in part.cells.flat]
    shape = (len(parts), a.cells.shape[1], b.cells.shape[2])
    return Grid(cells_of(values, shape), _axis(0 if 0 in (a.axis, b.axis) else None, axis))


def _axis(*axes: int | None) -> int | None:
    found = [axis for axis in axes if axis is not None]
    if len(found) > 1:
        raise Mixes
    return found[0] if found else None
