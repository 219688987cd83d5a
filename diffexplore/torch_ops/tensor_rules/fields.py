"""Matrices of balls over the real and the complex numbers, and what Arb makes of each matrix of a batch.

A complex number is a pair of real ones along a last axis. Its product with another is that of real matrices
[[a, −b], [b, a]], so that what is computed here may be differentiated as it is computed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from flint import acb, acb_mat, arb, arb_mat

from diffexplore.arithmetic.ball_products import matmul
from diffexplore.arithmetic.balls import precision
from diffexplore.arithmetic.double_balls import DoubleBall, enclosing, exact
from diffexplore.arithmetic.dual_balls import add, mul, neg, sub, zeros_here
from diffexplore.arithmetic.tensor_balls import chosen, joined, shaped
from diffexplore.arithmetic.tensor_balls import times as times_slopes
from diffexplore.torch_ops.tensor_rules.operands import NotCertified, Operand

#: Bits in which Arb computes.
BITS = 400

#: Larger matrices are not certified: of such a one Arb takes a second for an inverse, and six for eigenvectors.
LARGEST = 128

#: A matrix of Arb's.
Matrix = arb_mat | acb_mat


@dataclass(frozen=True)
class MatrixField:
    """What matrices hold: real numbers, or complex ones as ``pairs`` (…, rows, columns, 2)."""

    pairs: bool

    def shape_of(self, ball: DoubleBall) -> tuple[int, ...]:
        """The shape of a tensor of such numbers."""
        shape: tuple[int, ...] = ball.high.shape
        return shape[:-1] if self.pairs else shape

    def product(self, a: DoubleBall, b: DoubleBall) -> DoubleBall:
        """Of matrices (…, m, k) and (…, k, n)."""
        if not self.pairs:
            return matmul(a, b)
        real, imaginary = parts(a)
        rows = [joined(real, neg(imaginary), axis=-1), joined(imaginary, real, axis=-1)]
        both = matmul(joined(*rows, axis=-2), joined(*parts(b), axis=-2))
        m = real.high.shape[-2]
        return paired(*(shaped(both, lambda field, s=s: field[..., s, :]) for s in (slice(m), slice(m, None))))  # type: ignore[misc]

    def adjoint(self, a: DoubleBall) -> DoubleBall:
        """The conjugate transpose."""
        if not self.pairs:
            return shaped(a, lambda field: np.swapaxes(field, -1, -2))
        return conjugate(shaped(a, lambda field: np.swapaxes(field, -2, -3)))

    def scaled(self, number: DoubleBall, a: DoubleBall) -> DoubleBall:
        """Each matrix of a batch times a number."""
        if not self.pairs:
            return mul(shaped(number, lambda field: field[..., None, None]), a)
        return times(shaped(number, lambda field: field[..., None, None, :]), a)

    def back(self, cotangent: DoubleBall, slopes: DoubleBall) -> DoubleBall:
        """The cotangents of each matrix of a batch, of that of a number and its slopes by the entries."""
        slopes = zeros_here(slopes)
        if self.pairs:
            return self.scaled(cotangent, slopes)
        return times_slopes(shaped(cotangent, lambda field: field[..., None, None]), slopes)

    def each(
        self,
        function: Callable[[Any], Sequence[Matrix]],
        ball: DoubleBall,
        shapes: Sequence[tuple[int, ...]],
    ) -> list[DoubleBall]:
        """``function`` of each matrix of a batch; its results have the batch's axes before their ``shapes``."""
        *batch, rows, columns = self.shape_of(ball)
        if max(rows, columns) > LARGEST:
            raise NotCertified(f"matrices of more than {LARGEST} rows are not certified")
        with precision(BITS):
            found = [list(function(matrix)) for matrix in self.matrices(ball)]
        several: Any = zip(*found, strict=True) if found else ([] for _ in shapes)
        inner = (2,) if self.pairs else ()
        return [balls_of(one, (*batch, *shape, *inner)) for one, shape in zip(several, shapes, strict=True)]

    def matrices(self, ball: DoubleBall) -> Iterator[Any]:
        """The matrices of a batch, as Arb's."""
        *batch, rows, columns = self.shape_of(ball)
        count = int(np.prod(batch, dtype=np.int64))
        kind: Any = acb_mat if self.pairs else arb_mat
        inner = (2,) if self.pairs else ()
        fields = [np.broadcast_to(f, ball.high.shape).reshape(count, rows * columns, *inner).tolist() for f in ball]
        for matrix in zip(*fields, strict=True):
            yield kind(rows, columns, [_number(*entry) for entry in zip(*matrix, strict=True)])


REAL, COMPLEX = MatrixField(False), MatrixField(True)


def field_of(operand: Operand) -> MatrixField:
    return COMPLEX if operand.value.is_complex() else REAL


def parts(a: DoubleBall) -> tuple[DoubleBall, DoubleBall]:
    """The real and the imaginary parts of pairs."""
    return shaped(a, lambda field: field[..., 0]), shaped(a, lambda field: field[..., 1])


def paired(real: DoubleBall, imaginary: DoubleBall) -> DoubleBall:
    return joined(real, imaginary, axis=-1, new_axis=True)


def conjugate(a: DoubleBall) -> DoubleBall:
    return chosen(np.array([True, False]), a, neg(a))


def times(x: DoubleBall, y: DoubleBall) -> DoubleBall:
    """Products of complex numbers, element by element."""
    (a, b), (c, d) = parts(x), parts(y)
    return paired(sub(mul(a, c), mul(b, d)), add(mul(a, d), mul(b, c)))


def _number(high: Any, low: Any, radius: Any) -> arb | acb:
    if isinstance(high, list):
        return acb(*map(_number, high, low, radius))
    return arb(high) + arb(low) + arb(0, radius)


def balls_of(matrices: Sequence[Matrix], shape: tuple[int, ...]) -> DoubleBall:
    """The numbers in matrices, in the order of their rows."""
    numbers = [x for one in matrices for x in one.entries()]
    real = [part for x in numbers for part in ((x.real, x.imag) if isinstance(x, acb) else (x,))]
    balls = [enclosing(x) if x.is_finite() else exact(np.inf) for x in real]
    fields = zip(*balls, strict=True) if balls else ((), (), ())
    return DoubleBall(*(np.array(field, np.float64).reshape(shape) for field in fields))
