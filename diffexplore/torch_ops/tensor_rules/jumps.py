"""Elementwise operators that jump: what is left of a division, and what hangs on a sign."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import sympy

from diffexplore.arithmetic.double_balls import DoubleBall
from diffexplore.arithmetic.dual_balls import of_a_choice, value_of
from diffexplore.arithmetic.tensor_balls import filled
from diffexplore.torch_ops.tensor_rules.arithmetic import number_of
from diffexplore.torch_ops.tensor_rules.elementwise import elementwise
from diffexplore.torch_ops.tensor_rules.operands import Applied, OperatorCall, TensorRule

Formula = Callable[..., sympy.Expr]


def remainder_of(formula: Formula, *, truncated: bool) -> TensorRule:
    """The rule of x − y·n with a whole number n, which is ``formula`` of x and y (or of x alone: y is 1).

    It jumps by y where it is 0. With a ``truncated`` n nothing jumps around x = 0, where n is 0 on both sides.
    """

    def rule(call: OperatorCall) -> Applied:
        applied = elementwise(formula, call.args[:2])
        value = applied.outputs[0]
        assert isinstance(value, DoubleBall), "a number is left"
        x, y = (filled(value_of(number_of(one)), value.high.shape) for one in (*call.args[:2], 1.0)[:2])
        there = ~(value.nearest_to_zero > 0)
        if truncated:
            there &= ~(y.nearest_to_zero > x.farthest_from_zero)
        return _jumping(applied, there, y.farthest_from_zero)

    return rule


def by_sign_of(place: int, formula: Formula, height: Callable[[DoubleBall], np.ndarray]) -> TensorRule:
    """The rule of ``formula`` of an operator's operands, which jumps by ``height`` of its value where one is 0."""

    def rule(call: OperatorCall) -> Applied:
        applied = elementwise(formula, call.args[:2])
        value = applied.outputs[0]
        assert isinstance(value, DoubleBall), "a number with a sign"
        sign = filled(value_of(number_of(call.args[place])), value.high.shape)
        return _jumping(applied, ~(sign.nearest_to_zero > 0), height(value))

    return rule


def twice(value: DoubleBall) -> np.ndarray:
    """How far ± a number jumps where its sign does."""
    return np.asarray(2 * value.farthest_from_zero)


def _jumping(applied: Applied, there: np.ndarray, height: np.ndarray) -> Applied:
    """The same, where it jumps: it has no derivative ``there``, and as a factor is anything between both sides."""
    (value,), back = applied.outputs, applied.pullback
    if back is None or not there.any():
        return applied
    assert isinstance(value, DoubleBall), "a number"

    def pullback(cotangents: Sequence[DoubleBall | None]) -> Sequence[DoubleBall | None]:
        cotangent = cotangents[0]
        return back([None if cotangent is None else of_a_choice(~there, cotangent)])

    between = value._replace(radius=np.where(there, value.radius + height, value.radius))
    return Applied((between,), pullback)
