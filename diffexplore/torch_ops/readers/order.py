"""Orders of a few cells, by cases: each case is an order, and says which cell stands where.

Torch puts equal elements in the order in which they stand where it sorts stably, and leaves that open elsewhere: there
operators have no value at ties, as far as formulas know.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy
from sympy import Expr

from diffexplore.torch_ops.readers.arrays import Grid, Mixes, cells_of
from diffexplore.torch_ops.readers.logic import chosen, equal, less, opposite

if TYPE_CHECKING:
    from diffexplore.tracing.interpret import Reading

#: So many cells have 24 orders.
MOST = 4

#: Whether the first of two cells goes before the second, wherever they stand.
Before = Callable[[Expr, Expr], Any]


def first_best(row: Sequence[Expr], names: Sequence[Expr], before: Before = lambda x, y: less(y, x)) -> Expr:
    """The name of the cell that goes before all others, the first of equal ones."""
    pairs = []
    for i, cell in enumerate(row[:-1]):
        others = (opposite(before(other, cell)) for j, other in enumerate(row) if j != i)
        pairs.append((names[i], sympy.And(*others)))
    return chosen(pairs, names[-1])


def _orders(row: Sequence[Expr], before: Before) -> list[tuple[tuple[int, ...], Any]]:
    """Each stable order of the cells, with the condition that it is the one: neighbours stand rightly."""
    if len(row) > MOST:
        raise NotImplementedError(
            f"it orders {len(row)} values, which are more cases than are read: order at most {MOST}, or give the "
            "ordered values as data"
        )
    found = []
    for order in itertools.permutations(range(len(row))):
        pairs = itertools.pairwise(order)
        rightly = (before(row[i], row[j]) if i > j else opposite(before(row[j], row[i])) for i, j in pairs)
        found.append((order, sympy.And(*rightly)))
    return found


def _ordered(row: Sequence[Expr], descending: bool) -> tuple[list[Expr], list[Expr]]:
    """The cells in their order, and the places where they stood."""
    cases = _orders(row, (lambda x, y: less(y, x)) if descending else less)
    *others, (last, _) = cases
    values = [chosen([(row[order[k]], holds) for order, holds in others], row[last[k]]) for k in range(len(row))]
    numbers = [sympy.Integer(k) for k in range(len(row))]
    places = [
        chosen([(numbers[order[k]], holds) for order, holds in others], numbers[last[k]]) for k in range(len(row))
    ]
    return values, places


def _along(x: Grid, dim: int, function: Callable[[Sequence[Expr]], Any]) -> list[Any]:
    """What a function makes of each row along an axis that is not that of the samples."""
    if x.axis is not None and dim % x.ndim == x.axis:
        raise Mixes
    rows = np.moveaxis(x.cells, dim, -1)
    return [function(list(row)) for row in rows.reshape(-1, rows.shape[-1])]


def _placed(x: Grid, dim: int, rows: Sequence[Sequence[Expr]]) -> Grid:
    """Rows of new cells, put along the axis."""
    front = [size for axis, size in enumerate(x.cells.shape) if axis != dim % x.ndim]
    width = len(rows[0])
    cells = cells_of([cell for row in rows for cell in row], (*front, width))
    return Grid(np.moveaxis(cells, -1, dim), x.axis)


def _single(x: Grid) -> tuple[Grid, Grid]:
    """A number without axes, which stands where it stands."""
    return Grid(x.cells.copy()), Grid(cells_of([sympy.S.Zero], ()))


def sort(
    reading: Reading, x: Grid, dim: int = -1, descending: bool = False, stable: bool | None = None
) -> tuple[Grid, Grid]:
    """The ordered cells with their places."""
    if x.ndim == 0:
        return _single(x)
    rows = _along(x, dim, lambda row: _ordered(row, descending))
    if not stable:
        for row in _along(x, dim, list):
            pairs = itertools.combinations(row, 2)
            reading.need(*(opposite(equal(one, other)) for one, other in pairs if one != other))
    return _placed(x, dim, [values for values, _ in rows]), _placed(x, dim, [places for _, places in rows])


def topk(
    reading: Reading, x: Grid, k: int, dim: int = -1, largest: bool = True, sorted: bool = True
) -> tuple[Grid, Grid]:
    """The first k of the ordered cells."""
    if not sorted:
        raise NotImplementedError("the order of its results is left open: leave sorted=False out")
    if x.ndim == 0:
        return _single(x)
    values, places = sort(reading, x, dim, largest)
    first = (slice(None),) * (dim % x.ndim) + (slice(0, k),)
    return Grid(values.cells[first], x.axis), Grid(places.cells[first], x.axis)


def kthvalue(reading: Reading, x: Grid, k: int, dim: int = -1, keepdim: bool = False) -> tuple[Grid, Grid]:
    """The k-th smallest along an axis, with its place."""
    if x.ndim == 0:
        return _single(x)
    found = sort(reading, x, dim)
    values, places = (np.take(part.cells, [k - 1], dim) for part in found)
    if keepdim:
        return Grid(values, x.axis), Grid(places, x.axis)
    axis = None if x.axis is None else x.axis - (dim % x.ndim < x.axis)
    return Grid(np.squeeze(values, dim), axis), Grid(np.squeeze(places, dim), axis)


def median(reading: Reading, x: Grid, dim: int | None = None, keepdim: bool = False) -> Any:
    """The lower one of the middle; of all, or along an axis with its place. No formula is NaN."""
    if dim is None:
        if x.axis is not None:
            raise Mixes
        return kthvalue(reading, Grid(x.cells.reshape(-1)), (x.cells.size + 1) // 2, 0)[0]
    return kthvalue(reading, x, (x.cells.shape[dim] + 1) // 2 if x.ndim else 1, dim, keepdim)


def mode(reading: Reading, x: Grid, dim: int = -1, keepdim: bool = False) -> tuple[Grid, Grid]:
    """The most frequent along an axis, of which several are the smallest: where no two are equal, the smallest."""
    return kthvalue(reading, x, 1, dim, keepdim)


def running(largest: bool) -> Callable[..., tuple[Grid, Grid]]:
    """cummax and cummin: the best so far, and the place of the last of those that are equal."""
    best = sympy.Max if largest else sympy.Min

    def before(x: Expr, y: Expr) -> Any:
        return less(y, x) if largest else less(x, y)

    def of_row(row: Sequence[Expr]) -> tuple[list[Expr], list[Expr]]:
        values, places = [row[0]], [sympy.S.Zero]
        for i in range(1, len(row)):
            backwards = [sympy.Integer(j) for j in reversed(range(i + 1))]
            places.append(first_best(row[i::-1], backwards, before))
            values.append(best(*row[: i + 1]))
        return values, places

    def read(reading: Reading, x: Grid, dim: int) -> tuple[Grid, Grid]:
        if x.ndim == 0:
            return _single(x)
        rows = _along(x, dim, of_row)
        return _placed(x, dim, [values for values, _ in rows]), _placed(x, dim, [places for _, places in rows])

    return read
