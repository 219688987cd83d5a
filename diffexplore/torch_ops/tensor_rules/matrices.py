"""Inverses and determinants of real and complex matrices, through Arb's certified matrices.

Their pullbacks follow from what defines them: of X A = 1 the differential is dX = −X dA X, and d det A = tr(adj A dA).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from diffexplore.arithmetic.double_balls import DoubleBall
from diffexplore.arithmetic.dual_balls import DualBall, mul, neg, tangent_of, value_of
from diffexplore.arithmetic.tensor_balls import shaped, summed, zeros
from diffexplore.torch_ops.tensor_rules.fields import (
    REAL,
    Matrix,
    MatrixField,
    conjugate,
    field_of,
    paired,
    parts,
    times,
)
from diffexplore.torch_ops.tensor_rules.operands import Applied, NoDerivative, NotCertified, OperatorCall

#: Of larger matrices that may be singular the adjugate, n² determinants, is not computed.
_MOST_MINORS = 32


def _inverse(matrix: Any) -> list[Matrix]:
    try:
        return [matrix.inv()]
    except ZeroDivisionError:
        raise NoDerivative("a matrix is not certainly invertible") from None


def inverse_of(field: MatrixField, ball: DoubleBall) -> DoubleBall:
    """The inverses of matrices. Raises NoDerivative where one may be singular."""
    size = field.shape_of(ball)[-1]
    (value,) = field.each(_inverse, value_of(ball), [(size, size)])
    if not isinstance(ball, DualBall):
        return value
    return DualBall.of(value, neg(field.product(field.product(value, tangent_of(ball)), value)))


def inverse(call: OperatorCall) -> Applied:
    """linalg_inv_ex: the cotangent is −Xᴴ C Xᴴ."""
    field = field_of(call.args[0])
    found = inverse_of(field, call.args[0].number)

    def pullback(cotangents: Sequence[DoubleBall | None]) -> list[DoubleBall | None]:
        assert cotangents[0] is not None
        across = field.adjoint(found)
        return [neg(field.product(field.product(across, cotangents[0]), across))]

    return Applied((found, None), pullback)


def determinant(call: OperatorCall) -> Applied:
    """_linalg_det: the cotangent is c · (adj A)ᴴ, by minors where A is not certainly invertible."""
    field, ball = field_of(call.args[0]), call.args[0].number
    size = call.args[0].shape[-1]
    (value,) = field.each(lambda matrix: [type(matrix)([[matrix.det()]])], value_of(ball), [()])
    if isinstance(ball, DualBall):
        (adjugate,) = field.each(_adjugate, value_of(ball), [(size, size)])
        value = DualBall.of(value, _trace(field, field.product(adjugate, tangent_of(ball))))

    def pullback(cotangents: Sequence[DoubleBall | None]) -> list[DoubleBall | None]:
        assert cotangents[0] is not None
        if isinstance(ball, DualBall):
            adjugate = field.scaled(value, inverse_of(field, ball))
        else:
            (adjugate,) = field.each(_adjugate, ball, [(size, size)])
        return [field.back(cotangents[0], field.adjoint(adjugate))]

    return Applied((value, None, None), pullback)


def _trace(field: MatrixField, ball: DoubleBall) -> DoubleBall:
    if field.pairs:
        return paired(*(_trace(REAL, part) for part in parts(ball)))
    return summed(shaped(ball, lambda x: x.diagonal(0, -2, -1)), [-1])


def _adjugate(matrix: Any) -> list[Matrix]:
    kind: Any = type(matrix)
    try:
        return [matrix.inv() * matrix.det()]
    except ZeroDivisionError:
        n, rows = matrix.nrows(), matrix.tolist()
        if n > _MOST_MINORS:
            raise NotCertified(f"a matrix of more than {_MOST_MINORS} rows is not certainly invertible") from None

        def minor(i: int, j: int) -> Any:
            rest = [[x for k, x in enumerate(row) if k != j] for m, row in enumerate(rows) if m != i]
            return (kind(rest).det() if rest else 1) * (-1) ** (i + j)

        return [kind([[minor(j, i) for j in range(n)] for i in range(n)])]


def log_determinant(call: OperatorCall) -> Applied:
    """_linalg_slogdet: s = det/|det| and log |det|, of cotangents c and b; that of A is (b + i Im(c s̄)) A⁻ᴴ.

    For with t = tr(A⁻¹ dA), d log |det| = Re t and ds = i s Im t.
    """
    field, ball = field_of(call.args[0]), call.args[0].number

    def logarithm(matrix: Any) -> list[Matrix]:
        number = matrix.det()
        if number.contains(0):
            raise NoDerivative("a matrix is not certainly invertible")
        return [type(matrix)([[one]]) for one in (number.sgn(), abs(number).log())]

    sign, value = field.each(logarithm, value_of(ball), [(), ()])
    value = parts(value)[0] if field.pairs else value
    inverted = inverse_of(field, ball)
    if isinstance(ball, DualBall):
        moved = _trace(field, field.product(value_of(inverted), tangent_of(ball)))
        along, across = parts(moved) if field.pairs else (moved, None)
        value = DualBall.of(value, along)
        if across is not None:
            real, imaginary = parts(sign)
            sign = DualBall.of(sign, paired(neg(mul(imaginary, across)), mul(real, across)))

    def pullback(cotangents: Sequence[DoubleBall | None]) -> list[DoubleBall | None]:
        by_sign, by_value = cotangents[:2]
        if not field.pairs:
            return [None if by_value is None else field.back(by_value, field.adjoint(inverted))]
        nothing = zeros(value.high.shape)
        growing = nothing if by_value is None else by_value
        turning = nothing if by_sign is None else parts(times(by_sign, conjugate(sign)))[1]
        return [field.back(paired(growing, turning), field.adjoint(inverted))]

    return Applied((sign, value, None, None), pullback)
