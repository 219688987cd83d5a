"""Sums and means over axes, and what is taken of exponentials relative to their largest."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from diffexplore.arithmetic.double_balls import DoubleBall, exact
from diffexplore.arithmetic.double_functions import exp, log
from diffexplore.arithmetic.dual_balls import DualBall, add, div, mul, neg, of_slope, sub, zeros_here
from diffexplore.arithmetic.tensor_balls import chosen, filled, infinite, joined, quotient, shaped, summed, times
from diffexplore.torch_ops.tensor_rules.arithmetic import plus
from diffexplore.torch_ops.tensor_rules.operands import Applied, Operand, OperatorCall


def axes_of(call: OperatorCall, operand: Operand) -> list[int]:
    """The axes of a reduction; all where none are given."""
    dim, dimensions = call.argument("dim", call.argument("dims")), len(operand.shape)
    if dim is None or dim == [] or dim == ():
        return list(range(dimensions))
    return [axis % dimensions for axis in (dim if isinstance(dim, (list, tuple)) else [dim])] if dimensions else []


def spread(cotangent: DoubleBall, operand: Operand, axes: Sequence[int]) -> DoubleBall:
    """A cotangent of a reduced result, broadcast back over the axes."""
    kept = tuple(1 if axis in axes else size for axis, size in enumerate(operand.shape))
    return filled(shaped(cotangent, lambda field: field.reshape(kept)), operand.shape)


def sum_(call: OperatorCall) -> Applied:
    """sum over axes."""
    operand = call.args[0]
    axes = axes_of(call, operand)
    value = summed(operand.number, axes, keepdims=bool(call.argument("keepdim", False)))

    def pullback(cotangents: Sequence[DoubleBall | None]) -> list[DoubleBall | None]:
        assert cotangents[0] is not None
        return [spread(cotangents[0], operand, axes)]

    return Applied((value,), pullback)


def mean(call: OperatorCall) -> Applied:
    """mean over axes."""
    operand = call.args[0]
    axes = axes_of(call, operand)
    count = exact(float(np.prod([operand.shape[axis] for axis in axes])))
    total = summed(operand.number, axes, keepdims=bool(call.argument("keepdim", False)))
    value = quotient(total, count) if count.high else undefined(total.high.shape)

    def pullback(cotangents: Sequence[DoubleBall | None]) -> list[DoubleBall | None]:
        assert cotangents[0] is not None
        part = quotient(cotangents[0], count) if count.high else cotangents[0]  # spread over no elements
        return [spread(part, operand, axes)]

    return Applied((value,), pullback)


def undefined(shape: tuple[int, ...]) -> DoubleBall:
    """Numbers of which nothing is known, as the mean of no elements."""
    return DoubleBall(*(np.full(shape, part) for part in (np.nan, 0.0, np.inf)))


def cumsum(call: OperatorCall) -> Applied:
    """Running sums along an axis; the cotangent's run from the other end."""
    operand = call.args[0]
    axis = call.argument("dim")

    def pullback(cotangents: Sequence[DoubleBall | None]) -> list[DoubleBall | None]:
        assert cotangents[0] is not None
        return [_turned(running_sum(_turned(cotangents[0], axis), axis), axis)]

    return Applied((running_sum(operand.number, axis),), pullback)


def _turned(ball: DoubleBall, axis: int) -> DoubleBall:
    return shaped(ball, lambda field: np.flip(field, axis)) if ball.high.ndim else ball


def running_sum(ball: DoubleBall, axis: int) -> DoubleBall:
    """Prefix sums along an axis, in rounds: each adds what lies 1, 2, 4, … before (Hillis and Steele, 1986)."""
    if not ball.high.ndim:
        return ball
    ball = shaped(ball, lambda field: np.moveaxis(field, axis, 0))
    step, size = 1, len(ball.high)
    while step < size:
        later = add(_between(ball, step, size), _between(ball, 0, size - step))
        ball = joined(_between(ball, 0, step), later)
        step *= 2
    return shaped(ball, lambda field: np.moveaxis(field, 0, axis))


def _between(ball: DoubleBall, first: int, last: int) -> DoubleBall:
    return shaped(ball, lambda field: field[first:last])


def _shifted(operand: Operand, axes: list[int]) -> tuple[DoubleBall, DoubleBall]:
    """x − m and m, for a number m near the largest: the results are the same for every m.

    It has two doubles: of x = 10³⁰/3 the second one is near 10¹³, of which there is no exponential.
    """
    x = operand.number
    largest = np.max(x.high, axis=tuple(axes), keepdims=True) if x.high.size else np.zeros(())
    rest = np.max(np.where(x.high == largest, x.low, -np.inf), axis=tuple(axes), keepdims=True) if x.high.size else 0.0
    finite = np.isfinite(largest) & np.isfinite(rest)
    anchor = DoubleBall(np.where(finite, largest, 0.0), np.where(finite, rest, 0.0), np.zeros(np.shape(largest)))
    return plus(x, neg(anchor)), anchor


@of_slope(lambda x, power: power)
def _exponential(shifted: DoubleBall) -> DoubleBall:
    """exp, where it is too small for double-double arithmetic as a ball around 0; exactly 0 of minus infinity."""
    power = exp(shifted)
    small = (shifted.high < -600) & (shifted.radius < np.maximum(1.0, -shifted.high / 2 - 300))  # all below −598
    if not small.any():
        return power
    power = chosen(small, DoubleBall(*map(np.float64, (0.0, 0.0, np.exp(-598.0)))), power)
    return chosen(infinite(shifted) & (shifted.high < 0), exact(0.0), power)


@of_slope(lambda x, _: div(exact(1.0), x))
def _logarithm(x: DoubleBall) -> DoubleBall:
    return log(x)


def softmax(call: OperatorCall) -> Applied:
    """softmax along an axis: with s the result, the cotangent is s·(c − Σ s·c)."""
    return _softmax(call, rows_of_nothing=False)


def safe_softmax(call: OperatorCall) -> Applied:
    """softmax, with zeros where all along the axis is minus infinity."""
    return _softmax(call, rows_of_nothing=True)


def _softmax(call: OperatorCall, *, rows_of_nothing: bool) -> Applied:
    operand, dim = call.args[:2]
    axes = [dim % len(operand.shape)] if operand.shape else []
    powers = _exponential(_shifted(operand, axes)[0])
    total = summed(powers, axes, keepdims=True)
    if rows_of_nothing:
        total = chosen(np.all(powers.exactly_zero, axis=tuple(axes), keepdims=True), exact(1.0), total)
    value = quotient(powers, total)

    def pullback(cotangents: Sequence[DoubleBall | None]) -> list[DoubleBall | None]:
        assert cotangents[0] is not None
        weighted = mul(value, cotangents[0])
        return [sub(weighted, mul(value, summed(weighted, axes, keepdims=True)))]

    return Applied((value,), pullback)


def log_softmax(call: OperatorCall) -> Applied:
    """log_softmax along an axis: the cotangent is c − softmax·Σ c."""
    operand, dim = call.args[:2]
    axes = [dim % len(operand.shape)] if operand.shape else []
    shifted, _ = _shifted(operand, axes)
    powers = _exponential(shifted)
    total = summed(powers, axes, keepdims=True)

    def pullback(cotangents: Sequence[DoubleBall | None]) -> list[DoubleBall | None]:
        assert cotangents[0] is not None
        return [sub(cotangents[0], mul(quotient(powers, total), summed(cotangents[0], axes, keepdims=True)))]

    return Applied((plus(shifted, neg(_logarithm(total))),), pullback)


def logsumexp(call: OperatorCall) -> Applied:
    """logsumexp over axes: the cotangent is c·softmax, with weights from 0 to 1 where everything is minus infinity."""
    operand = call.args[0]
    axes = axes_of(call, operand)
    shifted, anchor = _shifted(operand, axes)
    powers = _exponential(shifted)
    total = summed(powers, axes, keepdims=True)
    value = plus(_logarithm(total), anchor)
    empty = np.all(infinite(operand.number) & (operand.number.high < 0), axis=tuple(axes), keepdims=True)
    if empty.any():
        value = chosen(empty, DoubleBall(*map(np.float64, (-np.inf, 0.0, 0.0))), value)
    shape = tuple(call.out.shape)

    def pullback(cotangents: Sequence[DoubleBall | None]) -> list[DoubleBall | None]:
        assert cotangents[0] is not None
        weights = quotient(powers, total)
        if empty.any() and not isinstance(weights, DualBall):
            weights = chosen(empty, DoubleBall(*map(np.float64, (0.5, 0.0, 0.5))), weights)
        return [times(spread(cotangents[0], operand, axes), zeros_here(weights))]

    return Applied((shaped(value, lambda field: field.reshape(shape)),), pullback)
