"""Operators that make, fill, copy or convert tensors. A conversion between dtypes is exact here."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from diffexplore.arithmetic.double_balls import DoubleBall, exact
from diffexplore.arithmetic.tensor_balls import filled, summed_to
from diffexplore.torch_ops.tensor_rules.choice import number_of
from diffexplore.torch_ops.tensor_rules.operands import Applied, Operand, OperatorCall


def created(call: OperatorCall) -> Applied:
    """A tensor of constants."""
    out = call.out
    return Applied((exact(out.to(torch.float64).numpy()) if out.is_floating_point() else None,), None)


def converted(call: OperatorCall) -> Applied:
    """Another dtype or device."""
    operand = call.args[0]
    if not call.out.is_floating_point():
        return Applied((None,), None)
    return Applied((operand.number,), lambda cotangents: [cotangents[0]])


def copied(call: OperatorCall) -> Applied:
    """copy, and fill: the first operand's elements are replaced by those of the second one, or by a number."""
    target, source = call.args[:2]
    shape = target.shape

    def pullback(cotangents: Sequence[DoubleBall | None]) -> list[DoubleBall | None]:
        assert cotangents[0] is not None
        if not isinstance(source, Operand):
            return [None]
        return [None, summed_to(cotangents[0], source.shape) if source.ball is not None else None]

    return Applied((filled(number_of(source), shape),), pullback)
