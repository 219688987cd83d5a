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
        if _diagonal(hessian):
            found = [Eigenvalue(hessian[i, i], _axis(i, size)) for i in range(size)]
            return tuple(sorted(found, key=lambda one: float(one.ball.mid())))
        matrix = acb_mat(hessian)
        try:
            values, vectors = matrix.eig(right=True)
        except ValueError:  # two of them are equal, or nearly so
            return _together(matrix)
        found = [Eigenvalue(value.real, _unit(vectors, i)) for i, value in enumerate(values)]
    return tuple(sorted(found, key=lambda one: float(one.ball.mid())))


def _together(matrix: acb_mat) -> tuple[Eigenvalue, ...] | None:
    try:
        values = matrix.eig(multiple=True)
    except ValueError:
        return None
    return tuple(sorted((Eigenvalue(value.real, None) for value in values), key=lambda one: float(one.ball.mid())))


def _diagonal(matrix: arb_mat) -> bool:
    size = matrix.nrows()
    return all(matrix[i, j].is_zero() for i in range(size) for j in range(size) if i != j)


def _axis(place: int, size: int) -> tuple[float, ...]:
    return tuple(float(i == place) for i in range(size))


def _unit(vectors: acb_mat, column: int) -> tuple[float, ...]:
    """A column of length 1 whose largest entry is positive."""
    entries = [float(vectors[row, column].real.mid()) for row in range(vectors.nrows())]
    length = sum(entry * entry for entry in entries) ** 0.5
    largest = max(entries, key=abs)
    return tuple(entry / length * (1 if largest > 0 else -1) for entry in entries)
