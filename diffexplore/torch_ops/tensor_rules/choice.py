"""Comparisons, logic, and choices by a condition: which side is taken has to be certain."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence

import numpy as np
import torch

from diffexplore.arithmetic.double_balls import DoubleBall, exact
from diffexplore.arithmetic.dual_balls import at_a_kink, of_a_choice
from diffexplore.arithmetic.out_of_range import certainly_above
from diffexplore.arithmetic.tensor_balls import chosen, filled, summed_to
from diffexplore.torch_ops.tensor_rules.arithmetic import number_of
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
    """torch.where: where the condition is undecided, nothing is known of the result."""
    condition, *branches = call.args
    shape = tuple(call.out.shape)
    holds = np.broadcast_to(condition.value.to(torch.bool).numpy(), shape)
    flags = np.broadcast_to(np.uint8(0) if condition.undecided is None else condition.undecided, shape)
    first, second = (filled(number_of(branch), shape) for branch in branches)
    taken = chosen(holds, first, second)
    if flags.any():
        taken = at_a_kink(flags != 0, taken._replace(radius=np.where(flags & UNDECIDED, np.inf, taken.radius)))

    def pullback(cotangents: Sequence[DoubleBall | None]) -> list[DoubleBall | None]:
        (cotangent,) = cotangents
        assert cotangent is not None
        if flags.any():
            cotangent = of_a_choice(flags == 0, cotangent)
        found: list[DoubleBall | None] = [None]
        for branch, there in zip(branches, (holds, ~holds), strict=True):
            if isinstance(branch, Operand):
                kept = chosen(there | (flags != 0), cotangent, exact(0.0))
                found.append(summed_to(kept, branch.shape) if branch.varies else None)
        return found

    return Applied((taken,), pullback)


def masked_fill(call: OperatorCall) -> Applied:
    """masked_fill: where(mask, value, x)."""
    x, mask, value = call.args
    applied = where(OperatorCall(call.function, (mask, value, x), {}, call.out))
    inner = applied.pullback
    assert inner is not None

    def pullback(cotangents: Sequence[DoubleBall | None]) -> list[DoubleBall | None]:
        of_mask, *rest = inner(cotangents)
        return [rest[-1], of_mask, *rest[:-1]]

    return Applied(applied.outputs, pullback)


def finiteness(call: OperatorCall) -> Applied:
    """isnan, isinf, isfinite and the like: of a number that is enclosed, what the program found is certain."""
    operand = call.args[0]
    unknown = np.broadcast_to(~np.isfinite(operand.number.radius) & operand.varies, tuple(call.out.shape))
    return Applied((Truths(call.out.numpy(), (unknown * UNDECIDED).astype(np.uint8)),), None)
