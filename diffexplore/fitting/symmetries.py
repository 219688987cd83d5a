"""Continuous symmetries: motions of the parameters that leave the loss as it is, and those that shift a data column.

A motion is affine: θ' = A θ + c, an infinitesimal shift of the parameters for each point. Along its flow the summand
does not change where (A θ + c) · ∂ℓ/∂θ = 0. Then no stationary point that the motion moves is isolated: the whole line
that it draws through the point is stationary, and the Hessian is singular there. A motion with
(A θ + c) · ∂ℓ/∂θ = ∂ℓ/∂z undoes a shift of the data z: centring that column only moves the parameters.

The entries of A and c are guessed from numbers, at random points, and then proved by algebra.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import sympy

from diffexplore.formula.derive import differentiate
from diffexplore.formula.text import to_text
from diffexplore.loss import Loss
from diffexplore.program.program import lower

#: More parameters are not searched: A has their square.
_MOST_PARAMETERS = 8

#: Summands with more operations are not searched: the proof would expand a product of them.
_MOST_OPERATIONS = 400

#: Singular values below this part of the largest count as 0 in the guess; the proof does not depend on it.
_NULL = 1e-9

_LARGEST_DENOMINATOR = 12


@dataclass(frozen=True)
class Motion:
    """θ' = ``matrix`` θ + ``shift``, with rational entries."""

    matrix: tuple[tuple[Fraction, ...], ...]
    shift: tuple[Fraction, ...]

    def at(self, point: Sequence[float]) -> tuple[float, ...]:
        """The velocity at a point."""
        return tuple(
            float(sum(float(a) * x for a, x in zip(row, point, strict=True)) + float(c))
            for row, c in zip(self.matrix, self.shift, strict=True)
        )

    @property
    def scales(self) -> bool:
        """Whether it multiplies all parameters by one factor."""
        size = len(self.shift)
        factor = self.matrix[0][0] if size else Fraction(0)
        alike = all(self.matrix[i][j] == (factor if i == j else 0) for i in range(size) for j in range(size))
        return factor != 0 and alike and not any(self.shift)

    def velocities(self, symbols: Sequence[sympy.Symbol]) -> list[sympy.Expr]:
        """A θ + c."""
        return [
            sum((sympy.Rational(a) * other for a, other in zip(row, symbols, strict=True)), sympy.Rational(shift))
            for row, shift in zip(self.matrix, self.shift, strict=True)
        ]

    def text(self, names: Sequence[str]) -> str:
        """``a' = a, b' = b``: the parameters that move."""
        moved = zip(names, self.velocities([sympy.Symbol(name) for name in names]), strict=True)
        return ", ".join(f"{name}' = {to_text(velocity)}" for name, velocity in moved if velocity != 0)


def symmetries(loss: Loss) -> tuple[Motion, ...]:
    """Motions that leave the summand as it is, each proved by algebra."""
    fields = _fields(loss)
    if fields is None:
        return ()
    guessed = _null_space(_samples(loss, fields))
    motions = (_motion(vector, len(loss.parameters)) for vector in guessed)
    return tuple(motion for motion in motions if motion is not None and _proved(loss, motion, sympy.S.Zero))


def undoing_shift(loss: Loss, column: str) -> Motion | None:
    """The motion that a shift of a data column amounts to, proved; None where it is none of the parameters'."""
    fields = _fields(loss)
    if fields is None:
        return None
    slope = differentiate(loss.expression, loss.symbols[column])
    matrix = _samples(loss, [*fields, slope])
    if not np.all(np.isfinite(matrix)) or not len(matrix):
        return None
    solution, *_ = np.linalg.lstsq(matrix[:, :-1], matrix[:, -1], rcond=None)
    motion = _motion(solution, len(loss.parameters))
    return motion if motion is not None and _proved(loss, motion, slope) else None


def _fields(loss: Loss) -> list[sympy.Expr] | None:
    """What each entry of A, row by row, then each of c multiplies."""
    if not 0 < len(loss.parameters) <= _MOST_PARAMETERS or sympy.count_ops(loss.expression) > _MOST_OPERATIONS:
        return None
    symbols = [loss.symbols[name] for name in loss.parameters]
    slopes = [differentiate(loss.expression, symbol) for symbol in symbols]
    return [slope * symbol for slope in slopes for symbol in symbols] + slopes


def _samples(loss: Loss, fields: Sequence[sympy.Expr]) -> np.ndarray:
    """The fields at random points of the domain, a row each; rows of length about 1."""
    from diffexplore.arithmetic.numpy_real import NUMPY

    inputs = (*loss.parameters, *loss.data)
    program = lower(list(fields), inputs)
    draw = random.Random(0)
    rows = 4 * len(fields) + 8
    values = {
        name: np.array([draw.uniform(0.1, 2.0) * draw.choice((1, 1, -1)) for _ in range(rows)]) for name in inputs
    }
    try:
        with np.errstate(all="ignore"):
            columns = [np.broadcast_to(np.asarray(out, float), rows) for out in program.run(NUMPY, values)]
    except KeyError:  # NumPy lacks one of its functions
        return np.zeros((0, len(fields)))
    matrix = np.stack(columns, 1)
    matrix = matrix[np.isfinite(matrix).all(1)]
    sizes = np.abs(matrix).max(1, initial=0.0)
    return matrix[sizes > 0] / sizes[sizes > 0, None]


def _null_space(matrix: np.ndarray) -> list[np.ndarray]:
    """A basis of the null space in reduced echelon form, so that simple entries show."""
    if len(matrix) <= matrix.shape[1]:
        return []
    _, values, rows = np.linalg.svd(matrix)
    rank = int((values > _NULL * values[0]).sum())
    basis = [row.copy() for row in rows[rank:]]
    for place in range(len(basis)):  # Gauss and Jordan, on the largest entry of each
        pivot = int(np.abs(basis[place]).argmax())
        basis[place] /= basis[place][pivot]
        for other in range(len(basis)):
            if other != place:
                basis[other] = basis[other] - basis[other][pivot] * basis[place]
    return basis


def _motion(entries: np.ndarray, size: int) -> Motion | None:
    """The rational numbers next to the guess."""
    rational = [Fraction(float(entry)).limit_denominator(_LARGEST_DENOMINATOR) for entry in entries]
    if any(abs(float(near) - entry) > 1e-6 for near, entry in zip(rational, entries, strict=True)):
        return None
    rows = tuple(tuple(rational[i * size : (i + 1) * size]) for i in range(size))
    return Motion(rows, tuple(rational[size * size :])) if any(rational) else None


def _proved(loss: Loss, motion: Motion, target: sympy.Expr) -> bool:
    """Whether (A θ + c) · ∂ℓ/∂θ is ``target`` wherever the loss is defined, by algebra."""
    symbols = [loss.symbols[name] for name in loss.parameters]
    moved = zip(motion.velocities(symbols), symbols, strict=True)
    expression = sum((velocity * differentiate(loss.expression, symbol) for velocity, symbol in moved), -target)
    if expression.is_rational_function(*expression.free_symbols):
        return bool(sympy.cancel(sympy.together(expression)) == 0)
    from diffexplore.decide.decide import decide_equal

    return decide_equal(expression, sympy.S.Zero, domain=loss.domain).status == "proved"
