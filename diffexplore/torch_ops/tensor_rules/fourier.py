"""Fourier transforms, as products with matrices of roots of unity that are enclosed by Arb."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from flint import arb

from diffexplore.arithmetic.ball_products import matmul
from diffexplore.arithmetic.balls import precision
from diffexplore.arithmetic.double_balls import DoubleBall, enclosing
from diffexplore.arithmetic.dual_balls import add, mul, neg, sub
from diffexplore.arithmetic.roots_of_unity import roots_of_unity
from diffexplore.arithmetic.tensor_balls import joined, shaped
from diffexplore.torch_ops.tensor_rules.operands import Applied, NotCertified, OperatorCall

#: Longer axes are not transformed: the matrices have as many entries squared.
_LONGEST = 2048

_BITS = 256

Pair = tuple[DoubleBall, DoubleBall]


@cache
def _roots(n: int) -> Pair:
    """cos and sin of 2π·jk/n, for all j and k: (n, n)."""
    if n > _LONGEST:
        raise NotCertified(f"Fourier transforms along more than {_LONGEST} elements are not certified")
    places = np.outer(np.arange(n), np.arange(n)) % n
    return tuple(shaped(ball, lambda field: field[places]) for ball in roots_of_unity(n))  # type: ignore[return-value]


def _scale(sizes: Sequence[int], normalization: int) -> DoubleBall:
    """1, or the reciprocal of the number of elements, or of its square root."""
    count = int(np.prod(sizes, dtype=np.int64))
    with precision(_BITS):
        return enclosing((arb(1), 1 / arb(count).sqrt(), 1 / arb(count))[normalization])


def _parts(ball: DoubleBall) -> Pair:
    return shaped(ball, lambda field: field[..., 0]), shaped(ball, lambda field: field[..., 1])


def _joined(parts: Pair) -> DoubleBall:
    return joined(*parts, axis=-1, new_axis=True)


def _along(x: DoubleBall, matrix: DoubleBall, axis: int) -> DoubleBall:
    """x with each line along an axis multiplied by a matrix from the right."""
    lines = shaped(x, lambda field: np.moveaxis(field, axis, -1))
    shape = lines.high.shape
    product = matmul(shaped(lines, lambda field: field.reshape(-1, shape[-1])), matrix)
    return shaped(product, lambda field: np.moveaxis(field.reshape(*shape[:-1], -1), -1, axis))


def _transformed(x: Pair, axes: Sequence[int], *, forward: bool) -> Pair:
    """Σ x exp(∓ 2πi·jk/n) along each axis, one after the other."""
    for axis in axes:
        cosine, sine = _roots(x[0].high.shape[axis])
        if forward:
            sine = neg(sine)
        real, imaginary = x
        x = (
            sub(_along(real, cosine, axis), _along(imaginary, sine, axis)),
            add(_along(imaginary, cosine, axis), _along(real, sine, axis)),
        )
    return x


def _scaled(x: Pair, scale: DoubleBall) -> Pair:
    return mul(x[0], scale), mul(x[1], scale)


def complex_to_complex(call: OperatorCall) -> Applied:
    """_fft_c2c: the cotangent is transformed the other way."""
    operand, axes, normalization, forward = call.args
    scale = _scale([operand.shape[axis] for axis in axes], normalization)
    axes = [axis % len(operand.shape) for axis in axes]

    def run(x: DoubleBall, forward: bool) -> DoubleBall:
        return _joined(_scaled(_transformed(_parts(x), axes, forward=forward), scale))

    def pullback(cotangents: Sequence[DoubleBall | None]) -> list[DoubleBall | None]:
        assert cotangents[0] is not None
        return [run(cotangents[0], not forward)]

    return Applied((run(operand.number, forward),), pullback)


def real_to_complex(call: OperatorCall) -> Applied:
    """_fft_r2c: of the last axis perhaps one half only, which tells the other."""
    operand, axes, normalization, onesided = call.args
    axes = [axis % len(operand.shape) for axis in axes]
    last, size = axes[-1], operand.shape[axes[-1]]
    scale = _scale([operand.shape[axis] for axis in axes], normalization)
    count = size // 2 + 1 if onesided else size
    cosine, sine = (shaped(ball, lambda field: field[:, :count]) for ball in _roots(size))
    x = operand.number
    found = _transformed((_along(x, cosine, last), neg(_along(x, sine, last))), axes[:-1], forward=True)

    def pullback(cotangents: Sequence[DoubleBall | None]) -> list[DoubleBall | None]:
        assert cotangents[0] is not None
        real, imaginary = _scaled(_transformed(_parts(cotangents[0]), axes[:-1], forward=False), scale)
        back = (shaped(ball, np.transpose) for ball in (cosine, sine))
        return [sub(*(_along(part, matrix, last) for part, matrix in zip((real, imaginary), back, strict=True)))]

    return Applied((_joined(_scaled(found, scale)),), pullback)


def complex_to_real(call: OperatorCall) -> Applied:
    """_fft_c2r: of the last axis one half is given; both ends count once, what lies between counts twice."""
    operand, axes, normalization, size = call.args
    axes = [axis % len(operand.shape) for axis in axes]
    last, count = axes[-1], operand.shape[axes[-1]]
    scale = _scale([*(operand.shape[axis] for axis in axes[:-1]), size], normalization)
    place = np.arange(count)
    weight = np.where((place == 0) | (2 * place == size), 1.0, 2.0)[:, None]
    cosine, sine = (
        DoubleBall(*(field[:count] * weight for field in ball)) for ball in _roots(size)
    )  # times a power of two: exact
    real, imaginary = _transformed(_parts(operand.number), axes[:-1], forward=False)
    found = mul(sub(_along(real, cosine, last), _along(imaginary, sine, last)), scale)

    def pullback(cotangents: Sequence[DoubleBall | None]) -> list[DoubleBall | None]:
        assert cotangents[0] is not None
        cotangent = mul(cotangents[0], scale)
        lines = (
            _along(cotangent, shaped(cosine, np.transpose), last),
            neg(_along(cotangent, shaped(sine, np.transpose), last)),
        )
        return [_joined(_transformed(lines, axes[:-1], forward=True))]

    return Applied((found,), pullback)


RULES = (complex_to_complex, real_to_complex, complex_to_real)
