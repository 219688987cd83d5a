"""Exponentials of matrices and their derivatives, through Arb's certified matrices.

exp [[A, B], [0, A]] has exp A twice, and beside it the derivative along B: so have second derivatives, of blocks again.
Source: I. Najfeld and T. F. Havel, "Derivatives of the matrix exponential and their computation", 1995.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from diffexplore.arithmetic.double_balls import DoubleBall
from diffexplore.arithmetic.dual_balls import DualBall, tangent_of, value_of
from diffexplore.arithmetic.tensor_balls import shaped
from diffexplore.torch_ops.tensor_rules.matrices import each_matrix
from diffexplore.torch_ops.tensor_rules.operands import Applied, OperatorCall
from diffexplore.torch_ops.tensor_rules.products import turned

#: Larger blocks are not certified: first derivatives have twice as many rows as the matrix, second ones four times.
_LARGEST = 64


def exponential(call: OperatorCall) -> Applied:
    """linalg_matrix_exp of matrices (…, n, n): a cotangent C is passed on as the derivative along C, at Aᵀ."""
    ball = call.args[0].number

    def pullback(cotangents: Sequence[DoubleBall | None]) -> list[DoubleBall | None]:
        assert cotangents[0] is not None
        return [_corner(_exponential(_bordered(turned(ball), cotangents[0])))]

    return Applied((_exponential(ball),), pullback)


def _exponential(ball: DoubleBall) -> DoubleBall:
    size = ball.high.shape[-1]
    if not isinstance(ball, DualBall):
        (value,) = each_matrix(lambda matrix: [matrix.exp()], ball, [(size, size)], _LARGEST)
        return value
    whole = _exponential(_bordered(value_of(ball), tangent_of(ball)))
    return DualBall.of(shaped(whole, lambda field: field[..., :size, :size]), _corner(whole))


def _bordered(a: DoubleBall, b: DoubleBall) -> DoubleBall:
    """[[a, b], [0, a]]."""
    if isinstance(a, DualBall) or isinstance(b, DualBall):
        return DualBall.of(_bordered(value_of(a), value_of(b)), _bordered(tangent_of(a), tangent_of(b)))
    return DoubleBall(*(np.block([[x, y], [np.zeros_like(x), x]]) for x, y in zip(a, b, strict=True)))


def _corner(ball: DoubleBall) -> DoubleBall:
    """The upper right block."""
    size = ball.high.shape[-1] // 2
    return shaped(ball, lambda field: field[..., :size, size:])
