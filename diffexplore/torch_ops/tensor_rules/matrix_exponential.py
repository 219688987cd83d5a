"""Exponentials of matrices and their derivatives, through Arb's certified matrices.

exp [[A, B], [0, A]] has exp A twice, and beside it the derivative along B: so have second derivatives, of blocks again.
Their sizes are bounded as those of all matrices are: first derivatives have twice as many rows, second ones four times.
Source: I. Najfeld and T. F. Havel, "Derivatives of the matrix exponential and their computation", 1995.
"""

from __future__ import annotations

from collections.abc import Sequence

from diffexplore.arithmetic.double_balls import DoubleBall
from diffexplore.arithmetic.dual_balls import DualBall, tangent_of, value_of
from diffexplore.arithmetic.tensor_balls import joined, shaped, zeros
from diffexplore.torch_ops.tensor_rules.fields import MatrixField, field_of
from diffexplore.torch_ops.tensor_rules.operands import Applied, OperatorCall


def exponential(call: OperatorCall) -> Applied:
    """linalg_matrix_exp of matrices (…, n, n): a cotangent C is passed on as the derivative along C, at Aᴴ."""
    field, ball = field_of(call.args[0]), call.args[0].number

    def pullback(cotangents: Sequence[DoubleBall | None]) -> list[DoubleBall | None]:
        assert cotangents[0] is not None
        return [_corner(field, _exponential(field, _bordered(field, field.adjoint(ball), cotangents[0])))]

    return Applied((_exponential(field, ball),), pullback)


def _exponential(field: MatrixField, ball: DoubleBall) -> DoubleBall:
    size = field.shape_of(ball)[-1]
    if not isinstance(ball, DualBall):
        (value,) = field.each(lambda matrix: [matrix.exp()], ball, [(size, size)])
        return value
    whole = _exponential(field, _bordered(field, value_of(ball), tangent_of(ball)))
    return DualBall.of(_block(field, whole, slice(size), slice(size)), _corner(field, whole))


def _bordered(field: MatrixField, a: DoubleBall, b: DoubleBall) -> DoubleBall:
    """[[a, b], [0, a]]."""
    rows, columns = (-3, -2) if field.pairs else (-2, -1)
    return joined(joined(a, b, axis=columns), joined(zeros(a.high.shape), a, axis=columns), axis=rows)


def _corner(field: MatrixField, ball: DoubleBall) -> DoubleBall:
    """The upper right block."""
    size = field.shape_of(ball)[-1] // 2
    return _block(field, ball, slice(size), slice(size, None))


def _block(field: MatrixField, ball: DoubleBall, rows: slice, columns: slice) -> DoubleBall:
    inner = (slice(None),) if field.pairs else ()
    return shaped(ball, lambda x: x[(..., rows, columns, *inner)])
