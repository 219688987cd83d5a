"""Elements that are reduced in groups, which constant indices, lengths or offsets make: and their ways back."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy
from sympy import Expr

from diffexplore.torch_ops.readers.arrays import Cells, Grid, Mixes, cells_of, filled
from diffexplore.torch_ops.readers.logic import equal, select
from diffexplore.torch_ops.readers.order import first_best
from diffexplore.torch_ops.readers.scatter import put_where, whole_numbers

if TYPE_CHECKING:
    from diffexplore.tracing.interpret import Reading

#: What a group reduces to, by torch's names.
REDUCED: Mapping[str, Callable[[Sequence[Expr]], Expr]] = {
    "sum": lambda group: sympy.Add(*group),
    "mean": lambda group: sympy.Add(*group) / len(group),
    "prod": lambda group: sympy.Mul(*group),
    **dict.fromkeys(("amax", "max"), lambda group: sympy.Max(*group)),
    **dict.fromkeys(("amin", "min"), lambda group: sympy.Min(*group)),
}  # fmt: skip


def _no_samples(*grids: Grid | None) -> None:
    if any(grid is not None and grid.axis is not None for grid in grids):
        raise Mixes


def _by_place(x: Grid, groups: Mapping[int, Sequence[Expr]], reduce: str, include_self: bool) -> Grid:
    """Each element of x with those that are put at its place, reduced."""
    found = []
    for place, cell in enumerate(x.cells.flat):
        added = list(groups.get(place, ()))
        found.append(REDUCED[reduce]([cell, *added] if include_self else added) if added else cell)
    return Grid(cells_of(found, x.cells.shape))


def scatter_reduce(
    reading: Reading, x: Grid, dim: int, index: Grid, source: Grid, reduce: str, include_self: bool = True
) -> Grid:
    """The elements of the source at the places that the index says along an axis."""
    _no_samples(x, index, source)
    whole, places, given = (one.cells if one.ndim else one.cells.reshape(1) for one in (x, index, source))
    numbers, groups = np.arange(whole.size).reshape(whole.shape), dict[int, list[Expr]]()
    targets = whole_numbers(Grid(places))
    for spot in itertools.product(*map(range, places.shape)):
        where = list(spot)
        where[dim % whole.ndim] = int(targets[spot])
        groups.setdefault(int(numbers[tuple(where)]), []).append(given[spot])
    return _by_place(x, groups, reduce, include_self)


def index_reduce(
    reading: Reading, x: Grid, dim: int, index: Grid, source: Grid, reduce: str, include_self: bool = True
) -> Grid:
    """The slices of the source at the places that the index says along an axis."""
    _no_samples(x, index, source)
    whole, given = (one.cells if one.ndim else one.cells.reshape(1) for one in (x, source))
    targets = whole_numbers(index).reshape(-1)
    numbers = np.take(np.arange(whole.size).reshape(whole.shape), targets, dim)
    groups = dict[int, list[Expr]]()
    for place, value in zip(numbers.flat, given.flat, strict=True):
        groups.setdefault(int(place), []).append(value)
    return _by_place(x, groups, reduce, include_self)


# ------------------------------------------------------------------------------------------------------------ segments
def _bounds(lengths: Grid | None, offsets: Grid | None, axis: int) -> list[tuple[int, int]]:
    """Where each segment begins and ends."""
    given = lengths if lengths is not None else offsets
    if given is None or given.ndim != 1 or axis != 0:
        raise NotImplementedError("segments along a later axis are not read")
    numbers = whole_numbers(given).tolist()
    ends = numbers if lengths is None else [0, *itertools.accumulate(numbers)]
    return list(itertools.pairwise(ends))


def segment_reduce(
    reading: Reading, data: Grid, reduce: str, lengths: Grid | None = None, indices: Grid | None = None,
    offsets: Grid | None = None, axis: int = 0, unsafe: bool = False, initial: Any = None,
) -> Grid:  # fmt: skip
    """Segments along the first axis, each reduced, perhaps together with a first value; an empty one to that."""
    _no_samples(data, lengths, offsets)
    if indices is not None:
        raise NotImplementedError("segments by indices are not read")
    start = None if initial is None else sympy.sympify(initial)
    neutral = {"sum": sympy.S.Zero, "prod": sympy.S.One}.get(reduce) if start is None else start
    rows = []
    for first, last in _bounds(lengths, offsets, axis):
        columns = data.cells[first:last].reshape(last - first, math.prod(data.cells.shape[1:])).T
        if last == first and (neutral is None or reduce == "mean"):
            raise NotImplementedError("an empty segment has no value")
        for column in columns:
            if start is not None and reduce == "mean":  # it is added to the sum, and not counted
                rows.append(REDUCED[reduce](list(column)) + start / (last - first))
                continue
            held = [*column, *([] if start is None else [start])]
            rows.append(REDUCED[reduce](held) if held else neutral)
    return Grid(cells_of(rows, reading.shape[0]))


def segment_reduce_backward(
    reading: Reading, grad: Grid, output: Grid, data: Grid, reduce: str, lengths: Grid | None = None,
    offsets: Grid | None = None, axis: int = 0, initial: Any = None,
) -> Grid:  # fmt: skip
    """The way back: of the largest or smallest in equal parts, of a product by the quotient of the others."""
    _no_samples(grad, output, data, lengths, offsets)
    found = filled(data.cells.shape, sympy.S.Zero)
    for segment, (first, last) in enumerate(_bounds(lengths, offsets, axis)):
        for place in np.ndindex(data.cells.shape[1:]):
            cells = [data.cells[(row, *place)] for row in range(first, last)]
            g, y = grad.cells[(segment, *place)], output.cells[(segment, *place)]
            slopes = _slopes(cells, g, y, reduce, initial)
            for row, slope in zip(range(first, last), slopes, strict=True):
                found[(row, *place)] = slope
    return Grid(found)


def _slopes(cells: Sequence[Expr], g: Expr, y: Expr, reduce: str, initial: Any) -> list[Expr]:
    if reduce == "sum":
        return [g] * len(cells)
    if reduce == "mean":
        return [g / len(cells)] * len(cells)
    if reduce == "prod":
        start = sympy.S.One if initial is None else sympy.sympify(initial)
        return [g * sympy.Mul(start, *cells[:i], *cells[i + 1 :]) for i in range(len(cells))]
    hits = [equal(cell, y) for cell in cells]
    ones = [select(hit, sympy.S.One, sympy.S.Zero) for hit in hits]
    parts = [g / sympy.Add(1, *ones[:i], *ones[i + 1 :]) for i in range(len(hits))]
    return [select(hit, part, sympy.S.Zero) for hit, part in zip(hits, parts, strict=True)]


# --------------------------------------------------------------------------------------------------- bags of embeddings
def embedding_bag(
    reading: Reading, weight: Grid, indices: Grid, offsets: Grid, scale_grad_by_freq: bool = False, mode: int = 0,
    sparse: bool = False, per_sample_weights: Grid | None = None, include_last_offset: bool = False,
    padding_idx: int = -1,
) -> tuple[Grid, Grid, Grid, Grid]:  # fmt: skip
    """Sums (0), means (1) or largest elements (2) of rows in bags; with the bag of each, the sizes, the largest."""
    _no_samples(weight, indices, offsets, per_sample_weights)
    if scale_grad_by_freq or sparse:
        raise NotImplementedError("gradients by frequency, and sparse ones, are not read: leave these options out")
    rows, bags = _bags(indices, offsets, offsets.cells.size - include_last_offset, padding_idx)
    width, found, largest = weight.cells.shape[1], list[Expr](), list[Expr]()
    for bag in bags:
        for column in range(width):
            cells = [weight.cells[rows[place], column] * _factor(per_sample_weights, place) for place in bag]
            found.append(_bag(cells, mode))
            names = [sympy.Integer(rows[place]) for place in bag]
            largest.append(first_best(cells, names) if mode == 2 and cells else sympy.S.Zero)
    of = np.repeat(np.arange(len(bags)), np.diff([*whole_numbers(offsets).reshape(-1), len(rows)])[: len(bags)])
    sizes = [len(bag) for bag in bags]
    beside = [of.tolist(), sizes, largest]
    kept = []
    for cells, meta in zip(beside, reading.results[1:], strict=True):  # without elements where no backward needs them
        kept.append(Grid(cells_of(map(sympy.sympify, cells[: meta.numel()]), meta.shape)))
    return Grid(cells_of(found, (len(bags), width))), kept[0], kept[1], kept[2]


def _factor(weights: Grid | None, place: int) -> Expr:
    return sympy.S.One if weights is None else weights.cells.reshape(-1)[place]


def _bag(cells: Sequence[Expr], mode: int) -> Expr:
    return REDUCED[("sum", "mean", "max")[mode]](cells) if cells else sympy.S.Zero


def embedding_bag_backward(
    reading: Reading, grad: Grid, indices: Grid, offsets: Grid, offset2bag: Grid, bag_size: Grid,
    maximum_indices: Grid, num_weights: int, scale_grad_by_freq: bool, mode: int, sparse: bool,
    per_sample_weights: Grid | None, padding_idx: int = -1,
) -> Grid:  # fmt: skip
    """The gradient by the rows: what each bag says, added up at its rows, or at the largest of each column."""
    _no_samples(grad, indices, per_sample_weights)
    rows, bags = _bags(indices, offsets, len(grad.cells), padding_idx)
    width = grad.cells.shape[1]
    found: Cells = filled((int(num_weights), width), sympy.S.Zero)
    for number, bag in enumerate(bags):
        for place in bag if mode < 2 else ():
            part = grad.cells[number] * _factor(per_sample_weights, place)
            found[rows[place]] = found[rows[place]] + (part / len(bag) if mode == 1 else part)
        for column, row in itertools.product(range(width), sorted({rows[place] for place in bag}) if mode == 2 else ()):
            found[row, column] += put_where(maximum_indices.cells[number, column], row, grad.cells[number, column])
    return Grid(found)


def _bags(indices: Grid, offsets: Grid, count: int, padding: int) -> tuple[list[int], list[list[int]]]:
    """The rows that are looked up, and which of these places each bag has, those of the padding left out."""
    rows, starts = whole_numbers(indices).reshape(-1).tolist(), whole_numbers(offsets).reshape(-1).tolist()
    ends = [*starts[1:], len(rows)]
    spans = list(zip(starts, ends, strict=True))[:count]
    return rows, [[place for place in range(*span) if rows[place] != padding] for span in spans]


def embedding_bag_weights_backward(
    reading: Reading, grad: Grid, weight: Grid, indices: Grid, offsets: Grid, offset2bag: Grid, mode: int,
    padding_idx: int = -1,
) -> Grid:  # fmt: skip
    """The gradient by the weights of a sum: the products of each row and what its bag says."""
    _no_samples(grad, weight, indices)
    rows, of = (whole_numbers(one).reshape(-1).tolist() for one in (indices, offset2bag))
    found = [
        sympy.S.Zero if row == padding_idx else sympy.Add(*(grad.cells[bag] * weight.cells[row]))
        for row, bag in zip(rows, of, strict=True)
    ]
    return Grid(cells_of(found, (len(found),)))
