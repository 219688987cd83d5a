"""Labels: the values that a formula compares data with, which no uniform draw would hit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import sympy

if TYPE_CHECKING:
    from diffexplore.loss import Loss

_SHARE = 0.5
"""Of the samples of such a column so many are labels; the others are what was drawn."""


def labels_of(loss: Loss) -> dict[str, tuple[float, ...]]:
    """For each data symbol that is compared with numbers for equality, these numbers in order."""
    found: dict[str, set[float]] = {}
    for relation in loss.expression.atoms(sympy.Eq, sympy.Ne):
        for symbol, number in (relation.args, relation.args[::-1]):
            if symbol.is_Symbol and symbol.name in loss.data and number.is_Rational:
                found.setdefault(symbol.name, set()).add(float(number))
    return {name: tuple(sorted(values)) for name, values in found.items()}


def with_labels(
    drawn: npt.NDArray[np.float64], names: Sequence[str], labels: Mapping[str, Sequence[float]],
    draw: np.random.Generator,
) -> npt.NDArray[np.float64]:  # fmt: skip
    """Columns of shape (symbols, n) in which a part of the samples take the labels, each column by itself."""
    columns = drawn.copy() if labels else drawn
    for row, name in enumerate(names):
        if name in labels:
            chosen = draw.choice(np.array(labels[name]), columns.shape[1])
            columns[row] = np.where(draw.random(columns.shape[1]) < _SHARE, chosen, columns[row])
    return columns
