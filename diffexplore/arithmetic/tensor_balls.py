"""Double-double balls of tensors of any shape: moving, adding up and scattering their elements.

The functions of :mod:`~diffexplore.arithmetic.double_balls` work elementwise and broadcast; these change shapes. The
three fields of a ball of a tensor have the tensor's shape.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from diffexplore.arithmetic import small_quotients
from diffexplore.arithmetic.double_balls import DoubleBall, add, exact, mul, total
from diffexplore.arithmetic.dual_balls import fraction, linear, times_slope
from diffexplore.arithmetic.kinds_of_zeros import is_zero_here, zeros_here

Shape = tuple[int, ...]

ZERO_HERE = zeros_here(exact(0.0))

#: Above the numbers of which :func:`exact` claims nothing because they are small.
_TINY = 2.0**-959


def zeros(shape: Shape) -> DoubleBall:
    """Exact zeros."""
    return DoubleBall(np.zeros(shape), np.zeros(shape), np.zeros(shape))


def given(values: np.ndarray) -> DoubleBall:
    """What a tensor holds, copied.

    Infinities, NaN and numbers beyond the range of products, as of masks, are certain (of radius 0), until something is
    computed of them; what is too small for products is around 0.
    """
    ball = exact(np.array(values))
    if np.isfinite(ball.radius).all():
        return ball
    unclear = ~np.isfinite(ball.radius) & (np.abs(ball.high) < 1.0)
    return DoubleBall(np.where(unclear, 0.0, ball.high), ball.low, np.where(unclear, _TINY, 0.0))


def infinite(ball: DoubleBall) -> np.ndarray:
    """Where a ball is certainly plus or minus infinity, as data may be (bool)."""
    return np.isinf(ball.high) & (ball.radius == 0)


@linear
def filled(ball: DoubleBall, shape: Shape) -> DoubleBall:
    """A ball broadcast to ``shape``; its fields are not to be written to."""
    return DoubleBall(*(np.broadcast_to(field, shape) for field in ball))


@linear
def shaped(ball: DoubleBall, change: Callable[[np.ndarray], np.ndarray]) -> DoubleBall:
    """A ball with the same ``change`` of shape of each field."""
    return DoubleBall(*(change(field) for field in ball))


@linear
def taken(ball: DoubleBall, index: np.ndarray) -> DoubleBall:
    """The elements at ``index`` of a flat ball, in the shape of ``index``."""
    return DoubleBall(*(field[index] for field in ball))


@linear
def chosen(condition: np.ndarray, ball: DoubleBall, otherwise: DoubleBall) -> DoubleBall:
    """``ball`` where the condition holds, ``otherwise`` elsewhere."""
    return DoubleBall(*(np.where(condition, *fields) for fields in zip(ball, otherwise, strict=True)))


@linear
def joined(*balls: DoubleBall, axis: int = 0, new_axis: bool = False) -> DoubleBall:
    """Balls one after the other along an axis, which is a new one where ``new_axis`` says so."""
    join = np.stack if new_axis else np.concatenate
    return (
        balls[0]
        if len(balls) == 1 and not new_axis
        else DoubleBall(*(join(fields, axis) for fields in zip(*balls, strict=True)))
    )


@linear
def summed(ball: DoubleBall, axes: Sequence[int], *, keepdims: bool = False) -> DoubleBall:
    """The sum over ``axes``, by halves."""
    shape = ball.high.shape
    axes = sorted({axis % len(shape) for axis in axes}) if shape else []
    kept = [axis for axis in range(len(shape)) if axis not in axes]
    if axes:
        rows = int(np.prod([shape[axis] for axis in axes]))
        inner = tuple(shape[axis] for axis in kept)
        flat = shaped(ball, lambda field: field.transpose([*axes, *kept]).reshape(rows, *inner))
        ball = total(flat) if rows else zeros(inner)
    if keepdims:
        ball = shaped(
            ball, lambda field: field.reshape([1 if axis in axes else size for axis, size in enumerate(shape)])
        )
    return ball


def summed_to(ball: DoubleBall, shape: Shape) -> DoubleBall:
    """What is left of a cotangent once the broadcasting of an operand of ``shape`` is undone."""
    if ball.high.shape == shape:
        return ball
    added = ball.high.ndim - len(shape)
    stretched = [added + axis for axis, size in enumerate(shape) if size == 1 and ball.high.shape[added + axis] != 1]
    ball = summed(ball, [*range(added), *stretched], keepdims=True)
    return shaped(ball, lambda field: field.reshape(shape))


@linear
def scattered(ball: DoubleBall, index: np.ndarray, size: int) -> DoubleBall:
    """A flat ball of ``size`` whose element i is the sum of those whose ``index`` is i.

    Elements with one index are added up pairwise, all pairs of a round at once.
    """
    index = index.reshape(-1)
    ball = shaped(ball, lambda field: field.reshape(-1))
    found = zeros((size,))
    if len(index) == 0:
        return found
    if np.bincount(index, minlength=1).max() > 1:
        index, ball = _collected(index, ball)
    for field, values in zip(found, ball, strict=True):
        field[index] = values
    return found


def _collected(index: np.ndarray, ball: DoubleBall) -> tuple[np.ndarray, DoubleBall]:
    """Each index once, with the sum of its elements."""
    order = np.argsort(index, kind="stable")
    index, ball = index[order], taken(ball, order)
    while True:
        first = np.flatnonzero(np.diff(index, prepend=index[0] - 1))
        rank = np.arange(len(index)) - np.repeat(first, np.diff(first, append=len(index)))
        if not rank.any():
            return index, ball
        even = np.flatnonzero(rank % 2 == 0)
        partner = np.minimum(even + 1, len(index) - 1)
        paired = (partner > even) & (index[partner] == index[even])
        alone = taken(ball, even)
        ball = chosen(paired, add(alone, taken(ball, partner)), alone)
        index = index[even]


quotient = fraction(small_quotients.quotient)


@times_slope
def times(cotangent: DoubleBall, slope: DoubleBall) -> DoubleBall:
    """A product that is 0 where the cotangent is exactly 0, also where nothing is known of the slope.

    What is not used of a function does not bear on the derivative of what is. A slope that is 0 at this point makes a
    cotangent that is: what is behind it is used.
    """
    product = mul(cotangent, slope)
    here = is_zero_here(slope) & np.isfinite(cotangent.radius) | is_zero_here(cotangent) & np.isfinite(slope.radius)
    if here.any():
        product = chosen(here, ZERO_HERE, product)
    nothing = np.broadcast_to(cotangent.exactly_zero, product.high.shape)
    return chosen(nothing, exact(0.0), product) if nothing.any() else product


@linear
def settled(cotangent: DoubleBall) -> DoubleBall:
    """What is left at the end of the way back, where a zero at this point is one."""
    here = is_zero_here(cotangent)
    return chosen(here, exact(0.0), cotangent) if here.any() else cotangent
