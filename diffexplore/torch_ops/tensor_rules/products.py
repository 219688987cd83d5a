"""Products of matrices and vectors: both cotangents are products as well."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from diffexplore.arithmetic.ball_products import matmul
from diffexplore.arithmetic.double_balls import DoubleBall
from diffexplore.arithmetic.dual_balls import mul
from diffexplore.arithmetic.tensor_balls import shaped, summed_to
from diffexplore.torch_ops.tensor_rules.arithmetic import number_of, plus
from diffexplore.torch_ops.tensor_rules.arithmetic import product as times
from diffexplore.torch_ops.tensor_rules.operands import Applied, Operand, OperatorCall


def turned(ball: DoubleBall) -> DoubleBall:
    """Matrices with rows and columns exchanged."""
    return shaped(ball, lambda field: np.swapaxes(field, -1, -2))


def _as_matrices(x: Operand, y: Operand) -> tuple[DoubleBall, DoubleBall]:
    """A vector on the left is a row, one on the right a column."""
    left, right = x.number, y.number
    if left.high.ndim == 1:
        left = shaped(left, lambda field: field[None, :])
    if right.high.ndim == 1:
        right = shaped(right, lambda field: field[:, None])
    return left, right


def product(call: OperatorCall) -> Applied:
    """mm, bmm, mv, dot."""
    return _product(call.args[0], call.args[1], tuple(call.out.shape))


def _product(x: Operand, y: Operand, shape: tuple[int, ...]) -> Applied:
    left, right = _as_matrices(x, y)
    value = matmul(left, right)

    def pullback(cotangents: Sequence[DoubleBall | None]) -> list[DoubleBall | None]:
        assert cotangents[0] is not None
        cotangent = shaped(cotangents[0], lambda field: field.reshape(value.high.shape))
        found: list[DoubleBall | None] = [None, None]
        if x.varies:
            found[0] = shaped(matmul(cotangent, turned(right)), lambda field: field.reshape(x.shape))
        if y.varies:
            found[1] = shaped(matmul(turned(left), cotangent), lambda field: field.reshape(y.shape))
        return found

    return Applied((shaped(value, lambda field: field.reshape(shape)),), pullback)


def added_product(call: OperatorCall) -> Applied:
    """addmm, addmv, baddbmm: beta · a tensor + alpha · a product."""
    addend, x, y = call.args[:3]
    alpha, beta = (number_of(call.argument(name, 1)) for name in ("alpha", "beta"))
    shape = tuple(call.out.shape)
    inner = _product(x, y, shape)
    assert isinstance(inner.outputs[0], DoubleBall)
    value = times(alpha, inner.outputs[0])
    if beta.high:
        value = plus(value, times(beta, addend.number))

    def pullback(cotangents: Sequence[DoubleBall | None]) -> list[DoubleBall | None]:
        assert cotangents[0] is not None and inner.pullback is not None
        by_addend = summed_to(mul(beta, cotangents[0]), addend.shape) if addend.varies else None
        return [by_addend, *inner.pullback([mul(alpha, cotangents[0])])]

    return Applied((value,), pullback)
