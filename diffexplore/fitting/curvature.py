"""Hessians at points of interest: their eigenvalues, enclosed by Arb, and what they say about a learning rate."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from flint import acb_mat, arb, arb_mat

from diffexplore.arithmetic.balls import precision
from diffexplore.checking.truth import decimal
from diffexplore.fitting.reduced import BITS, ReducedLoss
from diffexplore.fitting.symmetries import undoing_shift
from diffexplore.fitting.terrain import Centred, Curvature, Direction, PathCurvature, PathStep

#: Operations that are spent on the curvatures of a path.
_PATH_OPERATIONS = 10_000_000

_MOST_PLACES = 1_001


def curvature_at(loss: ReducedLoss, at: Sequence[arb], rate: float | None) -> Curvature | None:
    """The directions of the Hessian at a point or box; None where it is not known. ``rate`` is gradient descent's."""
    with precision(BITS):
        found = loss.derivatives(at)
        values = eigenvalues(found.hessian) if found.finite else None
    if values is None:
        return None
    directions = tuple(_direction(loss, value, rate) for value in values)
    smallest, largest = directions[0].value, directions[-1].value
    definite = _definite(values)
    positive = definite == "positive"
    return Curvature(
        {name: float(x.mid()) for name, x in zip(loss.parameters, at, strict=True)}, directions, definite,
        largest / smallest if positive else None, 2 / largest if positive else None,
        2 / (smallest + largest) if positive else None,
    )  # fmt: skip


def _definite(values: Sequence[Eigenvalue]) -> str:
    signs = {value.sign for value in values}
    if {1, -1} <= signs:
        return "indefinite"
    if None in signs:
        return "open"
    return "positive" if signs == {1} else "negative"


def _direction(loss: ReducedLoss, eigenvalue: Eigenvalue, rate: float | None) -> Direction:
    value = float(eigenvalue.ball.mid())
    enclosure = decimal(eigenvalue.ball)
    assert enclosure is not None, "the eigenvalues of a finite matrix are finite"
    along = None if eigenvalue.direction is None else dict(zip(loss.parameters, eigenvalue.direction, strict=True))
    factor = None if rate is None else abs(1 - rate * value)
    steps = None if factor is None else _steps_per_e(rate or 0.0, value)
    return Direction(enclosure, value, along, steps, bool(factor is not None and factor > 1))


def _steps_per_e(rate: float, value: float) -> float | None:
    """1/|ln|1 − lr λ||; None where that distance stays as it is, or is gone in one step."""
    change = rate * value
    logarithm = math.log1p(-change) if change < 1 else (math.log(change - 1) if change > 1 else -math.inf)
    return None if logarithm == 0 or math.isinf(logarithm) else 1 / abs(logarithm)


def path_curvature(loss: ReducedLoss, path: Sequence[PathStep], rate: float | None) -> PathCurvature | None:
    """The largest eigenvalue over points spread evenly over a path; None where none is known.

    It is computed in double precision, not certified.
    """
    most = max(2, min(_MOST_PLACES, _PATH_OPERATIONS // max(1, loss.operations)))
    places = [path[i] for i in sorted({round(k * (len(path) - 1) / (most - 1)) for k in range(most)})] if path else []
    found = [(step.step, value) for step in places if (value := _largest(loss, step)) is not None]
    if not found:
        return None
    step, largest = max(found, key=lambda seen: seen[1])
    unstable = None if rate is None else next((at for at, value in found if rate * value > 2), None)
    return PathCurvature(largest, step, len(found), None if rate is None else rate * largest, unstable)


def _largest(loss: ReducedLoss, step: PathStep) -> float | None:
    values = list(step.point.values())
    if not all(map(math.isfinite, values)):
        return None
    _, _, hessian = loss.approximate(values)
    return float(np.linalg.eigvalsh(hessian)[-1]) if np.isfinite(hessian).all() else None


def centred(loss: ReducedLoss, optimum: Sequence[arb]) -> Centred | None:
    """The curvature at the optimum with the means taken away of all columns of which that only moves the parameters."""
    if loss.blocks.count > 1:  # it would take another reading of all of them
        return None
    columns, at = dict(loss.columns), list(optimum)
    moved = []
    with precision(BITS):
        for name in loss.loss.data:
            motion = undoing_shift(loss.loss, name)
            if motion is None:
                continue
            mean = float(columns[name].mean())
            columns[name] = columns[name] - mean
            at = _flowed(motion.matrix, motion.shift, at, mean)
            moved.append(name)
        if not moved:
            return None
        known = curvature_at(ReducedLoss(loss.formulas, columns, loss.n), at, None)
    if known is None or known.condition is None or known.best_rate is None:
        return None
    return Centred(tuple(moved), known.condition, known.best_rate)


def _flowed(matrix: Sequence[Sequence[object]], shift: Sequence[object], at: Sequence[arb], time: float) -> list[arb]:
    """Where θ' = A θ + c leads in some time: by the exponential of the matrix that has c as a further column."""
    size = len(at)
    rows = [[arb(float(a)) * time for a in row] + [arb(float(c)) * time] for row, c in zip(matrix, shift, strict=True)]  # type: ignore[arg-type]
    flow = arb_mat([*rows, [arb(0)] * (size + 1)]).exp() * arb_mat([[x] for x in (*at, arb(1))])
    return [flow[i, 0].mid() for i in range(size)]


@dataclass(frozen=True)
class Eigenvalue:
    """One eigenvalue as a ball, with its unit eigenvector; None where eigenvalues could not be separated."""

    ball: arb
    direction: tuple[float, ...] | None

    @property
    def sign(self) -> int | None:
        """1, −1, or None where the ball holds 0."""
        return 1 if self.ball > 0 else -1 if self.ball < 0 else None


def eigenvalues(hessian: arb_mat) -> tuple[Eigenvalue, ...] | None:
    """The eigenvalues of a symmetric matrix, the smallest first; None where Arb could not enclose them."""
    size = hessian.nrows()
    with precision(BITS):
        if size == 1:
            return (Eigenvalue(hessian[0, 0], (1.0,)),)
        if not all(entry.is_finite() for entry in hessian.entries()):
            return None
        found = _diagonal(hessian) or _by_arb(acb_mat(hessian))
    return None if found is None else tuple(sorted(found, key=lambda one: float(one.ball.mid())))


def _by_arb(matrix: acb_mat) -> list[Eigenvalue] | None:
    try:
        values, vectors = matrix.eig(right=True)
        return [Eigenvalue(value.real, _unit(vectors, i)) for i, value in enumerate(values)]
    except ValueError:  # two of them are equal, or nearly so
        pass
    try:
        return [Eigenvalue(value.real, None) for value in matrix.eig(multiple=True)]
    except ValueError:
        return None


def _diagonal(matrix: arb_mat) -> list[Eigenvalue]:
    """The eigenvalues of a diagonal matrix; none of any other."""
    places = range(matrix.nrows())
    if not all(matrix[i, j].is_zero() for i in places for j in places if i != j):
        return []
    return [Eigenvalue(matrix[i, i], tuple(float(i == j) for j in places)) for i in places]


def _unit(vectors: acb_mat, column: int) -> tuple[float, ...]:
    """A column of length 1 whose largest entry is positive."""
    entries = [float(vectors[row, column].real.mid()) for row in range(vectors.nrows())]
    length = sum(entry * entry for entry in entries) ** 0.5
    largest = max(entries, key=abs)
    return tuple(entry / length * (1 if largest > 0 else -1) for entry in entries)
