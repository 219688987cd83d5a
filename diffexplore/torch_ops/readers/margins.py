"""The ways back of losses over classes with a margin, whose classes are constants."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import sympy

from diffexplore.torch_ops.readers.arrays import Cells, Grid, cells_of, filled
from diffexplore.torch_ops.readers.logic import less, select
from diffexplore.torch_ops.readers.scatter import whole_numbers

if TYPE_CHECKING:
    from diffexplore.tracing.interpret import Reading

from sympy import Expr


def _rows(x: Grid) -> Cells:
    """One row a sample."""
    return x.cells.reshape(-1, x.cells.shape[-1] if x.ndim else 1)


def _upstream(reading: Reading, grad: Grid, x: Grid, reduction: int) -> Cells:
    """What is multiplied in each row: of a mean, its part."""
    count = x.cells.shape[0] if x.ndim == 2 else 1
    size = reading.count(x, (0,)) if x.ndim == 2 and reduction == 1 else sympy.Integer(1)
    return np.broadcast_to(grad.cells.reshape(-1), (count,)) / size


def multi_margin_backward(
    reading: Reading, grad: Grid, x: Grid, target: Grid, p: Any, margin: Any, weight: Grid | None = None,
    reduction: int = 1,
) -> Grid:  # fmt: skip
    """Of Σ max(0, margin − x_target + x_j)ᵖ w_target / C over the other classes j."""
    classes, limit = whole_numbers(target).reshape(-1).tolist(), sympy.sympify(margin)
    rows = _rows(x)
    found = filled(rows.shape, sympy.S.Zero)
    for i, (row, right, g) in enumerate(zip(rows, classes, _upstream(reading, grad, x, reduction), strict=True)):
        factor = g * (sympy.S.One if weight is None else weight.cells[right]) / len(row)
        for j in (j for j in range(len(row)) if j != right):
            reach = limit - row[right] + row[j]
            part = select(less(sympy.S.Zero, reach), factor * (1 if int(p) == 1 else 2 * reach), sympy.S.Zero)
            found[i, j], found[i, right] = part, found[i, right] - part
    return Grid(found.reshape(x.cells.shape), x.axis)


def multilabel_margin_backward(
    reading: Reading, grad: Grid, x: Grid, target: Grid, reduction: int, is_target: Grid
) -> Grid:
    """Of Σ max(0, 1 − x_k + x_j) / C over the labels k and all other classes j; labels end at the first −1."""
    rows, labels = _rows(x), whole_numbers(target).reshape(len(_rows(x)), -1)
    parts = _upstream(reading, grad, x, reduction)
    found = [cell for row, own, g in zip(rows, labels.tolist(), parts, strict=True) for cell in _of_labels(row, own, g)]
    return Grid(cells_of(found, x.cells.shape), x.axis)


def _of_labels(row: Cells, labels: list[int], g: Expr) -> list[Expr]:
    right = labels[: labels.index(-1)] if -1 in labels else labels
    found = [sympy.S.Zero] * len(row)
    for k in right:
        for j in (j for j in range(len(row)) if j not in right):
            part = select(less(sympy.S.Zero, 1 - row[k] + row[j]), g / len(row), sympy.S.Zero)
            found[j], found[k] = found[j] + part, found[k] - part
    return found
