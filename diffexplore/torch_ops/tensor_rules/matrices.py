"""Inverses and determinants of matrices, through Arb's certified matrices.

Their pullbacks follow from what defines them: of X A = 1 the differential is dX = −X dA X. One matrix of a batch is
taken after the other, up to a size beyond which nothing is certified.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from flint import arb, arb_mat

from diffexplore.arithmetic.ball_products import matmul
from diffexplore.arithmetic.balls import precision
from diffexplore.arithmetic.double_balls import DoubleBall, enclosing, exact
from diffexplore.arithmetic.dual_balls import DualBall, mul, neg, tangent_of, value_of
from diffexplore.arithmetic.tensor_balls import shaped, summed
from diffexplore.torch_ops.tensor_rules.operands import Applied, NotCertified, OperatorCall
from diffexplore.torch_ops.tensor_rules.products import turned

#: Bits in which Arb computes.
BITS = 400

#: Larger matrices are not certified.
LARGEST = 32


def each_matrix(
    function: Callable[[arb_mat], Sequence[arb_mat]],
    ball: DoubleBall,
    shapes: Sequence[tuple[int, ...]],
    largest: int = LARGEST,
) -> list[DoubleBall]:
    """``function`` of each matrix of a batch; its results have the batch's axes before their ``shapes``."""
    rows, columns = ball.high.shape[-2:]
    if max(rows, columns) > largest:
        raise NotCertified(f"matrices of more than {largest} rows are not certified")
    batch = ball.high.shape[:-2]
    found = [[np.empty((int(np.prod(batch, dtype=np.int64)), *shape)) for _ in range(3)] for shape in shapes]
    with precision(BITS):
        for place, matrix in enumerate(matrices_in(ball)):
            for fields, result in zip(found, function(matrix), strict=True):
                one = _as_ball(result)
                for field, values in zip(fields, one, strict=True):
                    field[place] = values.reshape(field.shape[1:])
    return [
        DoubleBall(*(field.reshape((*batch, *shape)) for field in fields))
        for fields, shape in zip(found, shapes, strict=True)
    ]


def matrices_in(ball: DoubleBall) -> list[arb_mat]:
    rows, columns = ball.high.shape[-2:]
    count = int(np.prod(ball.high.shape[:-2], dtype=np.int64))
    flat = [np.ascontiguousarray(field).reshape(count, rows, columns).tolist() for field in ball]
    return [
        arb_mat(
            [
                [arb(high) + arb(low) + arb(0, rad) for high, low, rad in zip(*row, strict=True)]
                for row in zip(*matrix, strict=True)
            ]
        )
        if rows and columns
        else arb_mat(rows, columns)
        for matrix in zip(*flat, strict=True)
    ]


def _as_ball(matrix: arb_mat) -> DoubleBall:
    entries = [enclosing(x) if x.is_finite() else exact(np.inf) for x in matrix.entries()]
    fields = zip(*entries, strict=True) if entries else ((), (), ())
    return DoubleBall(*(np.array(field, np.float64).reshape(matrix.nrows(), matrix.ncols()) for field in fields))


def _inverse(matrix: arb_mat) -> list[arb_mat]:
    try:
        return [matrix.inv()]
    except ZeroDivisionError:
        raise NotCertified("a matrix is not certainly invertible") from None


def inverse_of(ball: DoubleBall) -> DoubleBall:
    """The inverses of matrices (…, n, n). Raises NotCertified where one may be singular."""
    size = ball.high.shape[-1]
    (value,) = each_matrix(_inverse, value_of(ball), [(size, size)])
    if not isinstance(ball, DualBall):
        return value
    return DualBall.of(value, neg(matmul(matmul(value, tangent_of(ball)), value)))


def inverse(call: OperatorCall) -> Applied:
    """linalg_inv_ex: the cotangent is −Xᵀ C Xᵀ."""
    found = inverse_of(call.args[0].number)

    def pullback(cotangents: Sequence[DoubleBall | None]) -> list[DoubleBall | None]:
        assert cotangents[0] is not None
        across = turned(found)
        return [neg(matmul(matmul(across, cotangents[0]), across))]

    return Applied((found, None), pullback)


def determinant(call: OperatorCall) -> Applied:
    """_linalg_det: the cotangent is c · adj(A)ᵀ, by minors where A is not certainly invertible."""
    ball = call.args[0].number
    size = ball.high.shape[-1]
    (value,) = each_matrix(lambda matrix: [arb_mat([[matrix.det()]])], value_of(ball), [()])
    if isinstance(ball, DualBall):
        (slope,) = each_matrix(_transposed_adjugate, value_of(ball), [(size, size)])
        value = DualBall.of(value, summed(mul(slope, tangent_of(ball)), (-2, -1)))

    def pullback(cotangents: Sequence[DoubleBall | None]) -> list[DoubleBall | None]:
        assert cotangents[0] is not None
        if isinstance(ball, DualBall):
            adjugate = mul(shaped(value, lambda field: field[..., None, None]), turned(inverse_of(ball)))
        else:
            (adjugate,) = each_matrix(_transposed_adjugate, ball, [(size, size)])
        return [mul(shaped(cotangents[0], lambda field: field[..., None, None]), adjugate)]

    return Applied((value, None, None), pullback)


def _transposed_adjugate(matrix: arb_mat) -> list[arb_mat]:
    try:
        return [matrix.det() * matrix.inv().transpose()]
    except ZeroDivisionError:
        n, rows = matrix.nrows(), matrix.tolist()

        def minor(i: int, j: int) -> arb:
            rest = [[x for k, x in enumerate(row) if k != j] for m, row in enumerate(rows) if m != i]
            return (arb_mat(rest).det() if rest else arb(1)) * (-1) ** (i + j)

        return [arb_mat([[minor(i, j) for j in range(n)] for i in range(n)])]


def log_determinant(call: OperatorCall) -> Applied:
    """_linalg_slogdet: sign and log |det|; the cotangent is c · A⁻ᵀ."""
    ball = call.args[0].number

    def logarithm(matrix: arb_mat) -> list[arb_mat]:
        number = matrix.det()
        if number.contains(0):
            raise NotCertified("a matrix is not certainly invertible")
        return [arb_mat([[number.sgn()]]), arb_mat([[abs(number).log()]])]

    sign, value = each_matrix(logarithm, value_of(ball), [(), ()])
    inverted = inverse_of(ball)
    if isinstance(ball, DualBall):
        slope = turned(value_of(inverted))
        value = DualBall.of(value, summed(mul(slope, tangent_of(ball)), (-2, -1)))

    def pullback(cotangents: Sequence[DoubleBall | None]) -> list[DoubleBall | None]:
        cotangent = cotangents[1]
        return [None if cotangent is None else mul(shaped(cotangent, lambda f: f[..., None, None]), turned(inverted))]

    return Applied((sign, value, None, None), pullback)
