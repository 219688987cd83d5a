"""Sums and means over axes, and what is taken of exponentials relative to their largest."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from diffexplore.arithmetic.double_balls import DoubleBall, add, div, exact, mul, sub
from diffexplore.arithmetic.double_functions import exp, log
from diffexplore.arithmetic.tensor_balls import filled, shaped, summed, times
from diffexplore.torch_ops.tensor_rules.operands import Applied, NotCertified, Operand, OperatorCall


def axes_of(call: OperatorCall, operand: Operand) -> list[int]:
    """The axes of a reduction; all where none are given."""
    dim, dimensions = call.argument("dim"), len(operand.shape)
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
    if not count.high:
        raise NotCertified("the mean of no elements")
    value = div(summed(operand.number, axes, keepdims=bool(call.argument("keepdim", False))), count)

    def pullback(cotangents: Sequence[DoubleBall | None]) -> list[DoubleBall | None]:
        assert cotangents[0] is not None
        return [spread(div(cotangents[0], count), operand, axes)]

    return Applied((value,), pullback)


def _shifted(operand: Operand, axes: list[int]) -> tuple[DoubleBall, DoubleBall]:
    """x − m and m, for a double m near the largest: the results are the same for every m."""
    x = operand.number
    largest = np.max(x.high, axis=tuple(axes), keepdims=True) if x.high.size else np.zeros(())
    anchor = exact(np.where(np.isfinite(largest), largest, 0.0))
    return sub(x, anchor), anchor


def _exponential(shifted: DoubleBall) -> DoubleBall:
    """exp, where it is too small for double-double arithmetic as a ball around 0; exactly 0 of minus infinity."""
    power = exp(shifted)
    small = (shifted.high < -600) & np.isfinite(shifted.radius) & (shifted.radius < 1)
    tiny = np.exp(-599.0)
    found = DoubleBall(*(np.where(small, number, field) for number, field in zip((0.0, 0.0, tiny), power, strict=True)))
    nothing = shifted.high == -np.inf
    return DoubleBall(*(np.where(nothing, 0.0, field) for field in found)) if nothing.any() else found


def softmax(call: OperatorCall) -> Applied:
    """softmax along an axis: with s the result, the cotangent is s·(c − Σ s·c)."""
    operand, dim = call.args[:2]
    axes = [dim % len(operand.shape)] if operand.shape else []
    powers = _exponential(_shifted(operand, axes)[0])
    value = div(powers, summed(powers, axes, keepdims=True))

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
        return [sub(cotangents[0], mul(div(powers, total), summed(cotangents[0], axes, keepdims=True)))]

    return Applied((sub(shifted, log(total)),), pullback)


def logsumexp(call: OperatorCall) -> Applied:
    """logsumexp over axes: the cotangent is c·softmax."""
    operand = call.args[0]
    axes = axes_of(call, operand)
    shifted, anchor = _shifted(operand, axes)
    powers = _exponential(shifted)
    total = summed(powers, axes, keepdims=True)
    value = add(log(total), anchor)
    shape = tuple(call.out.shape)

    def pullback(cotangents: Sequence[DoubleBall | None]) -> list[DoubleBall | None]:
        assert cotangents[0] is not None
        return [times(spread(cotangents[0], operand, axes), div(powers, total))]

    return Applied((shaped(value, lambda field: field.reshape(shape)),), pullback)
