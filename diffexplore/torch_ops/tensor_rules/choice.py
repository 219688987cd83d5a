"""Comparisons, logic, and choices by a condition: which side is taken has to be certain."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence

import numpy as np
import torch

from diffexplore.arithmetic.double_balls import DoubleBall
from diffexplore.arithmetic.dual_balls import at_a_kink, of_a_choice
from diffexplore.arithmetic.out_of_range import certainly_above
from diffexplore.arithmetic.tensor_balls import chosen, filled
from diffexplore.torch_ops.tensor_rules.arithmetic import number_of
from diffexplore.torch_ops.tensor_rules.between import chosen_between, with_tangent
from diffexplore.torch_ops.tensor_rules.operands import (
    TIED,
    UNDECIDED,
    Applied,
    NotCertified,
    Operand,
    OperatorCall,
    TensorRule,
    Truths,
    operands_of,
)


def comparison(holds: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> TensorRule:
    """The rule of a comparison, given what it is of two exact numbers: of their difference and 0."""
    is_equality = holds in (operator.eq, operator.ne)

    def rule(call: OperatorCall) -> Applied:
        shape = tuple(call.out.shape)
        x, y = (filled(number_of(operand), shape) for operand in call.args[:2])
        above, below = certainly_above(x, y), certainly_above(y, x)
        same = (x.high == y.high) & (x.low == y.low) & (x.radius == 0) & (y.radius == 0)
        sign = np.where(above | below | same, above.astype(float) - below, np.sign(x.high - y.high))
        value = np.asarray(holds(sign, np.zeros(())))
        varies = any(operand.varies for operand in operands_of(call.args))
        # A number that equals another is a case, as a label is; one that is not less than another may be a kink.
        tied = same & varies & (not is_equality)
        flags = np.where(above | below | same, np.where(tied, TIED, 0), UNDECIDED)
        if not varies:  # what no source changes is what the program compared
            value, flags = call.out.numpy(), np.zeros_like(flags)
        return Applied((Truths(value, flags.astype(np.uint8)),), None)

    return rule


def logical(call: OperatorCall) -> Applied:
    """Logic of truth values: not certain wherever an operand is not."""
    flags = np.zeros(tuple(call.out.shape), np.uint8)
    for operand in operands_of((call.args, call.kwargs)):
        if operand.undecided is not None:
            flags = flags | operand.undecided
        if operand.varies:
            raise NotCertified("it takes numbers for truth values")
    return Applied((Truths(call.out.numpy(), flags) if flags.any() else None,), None)


def where(call: OperatorCall) -> Applied:
    """torch.where: where the condition is undecided, nothing is known of the result.

    Unless both sides are one exact number: it is this one, and of the derivative each side has some part.
    """
    condition, *branches = call.args
    shape = tuple(call.out.shape)
    holds = np.broadcast_to(condition.value.to(torch.bool).numpy(), shape)
    flags = np.broadcast_to(np.uint8(0) if condition.undecided is None else condition.undecided, shape)
    first, second = (filled(number_of(branch), shape) for branch in branches)
    meets = (flags != 0) & (first.high == second.high) & (first.low == second.low)
    meets &= (first.radius == 0) & (second.radius == 0)
    unclear = (flags != 0) & ~meets
    taken = chosen(holds, first, second)

    def seen(cotangent: DoubleBall) -> DoubleBall:
        return of_a_choice(~unclear, cotangent) if unclear.any() else cotangent

    of_first, half = (np.where(meets, 0.5, at) for at in (np.where(holds | unclear, 1.0, 0.0), 0.0))
    of_second = np.where(meets, 0.5, np.where(~holds | unclear, 1.0, 0.0))
    taken = with_tangent(taken, [(of_first, first), (of_second, second)], [(half, first), (-half, second)], meets)
    if unclear.any():
        taken = at_a_kink(unclear, taken._replace(radius=np.where(unclear & flags & UNDECIDED, np.inf, taken.radius)))
    sides = zip(branches, (of_first, of_second), (half, -half), strict=True)
    tensors = [(condition, half, half), *(side for side in sides if isinstance(side[0], Operand))]
    operands, shares, halves = (list(several) for several in zip(*tensors, strict=True))
    return chosen_between(taken, operands, shares, halves, seen)


def masked_fill(call: OperatorCall) -> Applied:
    """masked_fill: where(mask, value, x)."""
    x, mask, value = call.args
    applied = where(OperatorCall(call.function, (mask, value, x), {}, call.out))
    inner = applied.pullback
    if inner is None:
        return applied

    def pullback(cotangents: Sequence[DoubleBall | None]) -> list[DoubleBall | None]:
        of_mask, *rest = inner(cotangents)
        return [rest[-1], of_mask, *rest[:-1]]

    return Applied(applied.outputs, pullback, by_element=True)


def finiteness(call: OperatorCall) -> Applied:
    """isnan, isinf, isfinite and the like: of a number that is enclosed, what the program found is certain."""
    operand = call.args[0]
    unknown = np.broadcast_to(~np.isfinite(operand.number.radius) & operand.varies, tuple(call.out.shape))
    return Applied((Truths(call.out.numpy(), (unknown * UNDECIDED).astype(np.uint8)),), None)
