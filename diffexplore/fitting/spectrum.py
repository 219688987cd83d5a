"""Eigenvalues and directions of a Hessian, enclosed by Arb."""

from __future__ import annotations

from dataclasses import dataclass

from flint import acb_mat, arb, arb_mat

from diffexplore.arithmetic.balls import precision
from diffexplore.fitting.reduced import BITS


@dataclass(frozen=True)
class Eigenvalue:
    """One eigenvalue as a ball, with its unit eigenvector; None where eigenvalues could not be told apart."""

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
