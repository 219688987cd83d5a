"""The larger and the smaller of two numbers, and what is made of them: absolute values, rectified numbers, limits.

Where the balls do not tell which one it is, each has some part of the derivative, both together the whole.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from diffexplore.arithmetic import double_branches
from diffexplore.arithmetic.double_balls import exact
from diffexplore.arithmetic.dual_balls import value_of
from diffexplore.arithmetic.out_of_range import certainly_above
from diffexplore.arithmetic.tensor_balls import filled
from diffexplore.torch_ops.tensor_rules.arithmetic import number_of
from diffexplore.torch_ops.tensor_rules.between import chosen_between, with_tangent
from diffexplore.torch_ops.tensor_rules.operands import Applied, Operand, OperatorCall, TensorRule


def larger_of(sign: float) -> TensorRule:
    """maximum (1) and minimum (−1)."""

    def rule(call: OperatorCall) -> Applied:
        return _larger(call.args[0], call.args[1], call.out.shape, sign)

    return rule


def rectified(call: OperatorCall) -> Applied:
    """relu: the larger one of x and 0."""
    return _larger(call.args[0], 0.0, call.out.shape, 1.0)


def absolute(call: OperatorCall) -> Applied:
    """|x|: at 0 anything from −x to x."""
    (x,) = call.args
    zero = exact(0.0)
    above, below = certainly_above(x.number, zero), certainly_above(zero, x.number)
    value = double_branches.absolute(value_of(x.number))
    is_open = ~(above | below)
    slope = above.astype(np.float64) - below
    half = is_open.astype(np.float64)
    return chosen_between(with_tangent(value, [(slope, x.number)], [(half, x.number)], is_open), [x], [slope], [half])


def _larger(one: object, other: object, shape: Sequence[int], sign: float) -> Applied:
    x, y = (filled(number_of(operand), tuple(shape)) for operand in (one, other))
    above, below = certainly_above(x, y), certainly_above(y, x)
    if sign < 0:
        above, below = below, above
    is_open = ~(above | below)
    largest = double_branches.largest if sign > 0 else double_branches.smallest
    value = largest(value_of(x), value_of(y))
    slope = np.where(is_open, 0.5, above.astype(np.float64))
    half = 0.5 * is_open
    value = with_tangent(value, [(slope, x), (1 - slope, y)], [(half, x), (-half, y)], is_open)
    tensors = [
        (operand, of, off)
        for operand, of, off in ((one, slope, half), (other, 1 - slope, -half))
        if isinstance(operand, Operand)
    ]
    operands, shares, halves = (list(several) for several in zip(*tensors, strict=True))
    return chosen_between(value, operands, shares, halves)
