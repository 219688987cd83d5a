"""The rule of an operator, or the steps that it is composed of."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import torch

from diffexplore.bounds import movement
from diffexplore.bounds.handling import Handled
from diffexplore.torch_ops import registry
from diffexplore.torch_ops.tensor_rules.elementwise import of_formula
from diffexplore.torch_ops.tensor_rules.movement import moved
from diffexplore.torch_ops.tensor_rules.operands import TensorRule
from diffexplore.torch_private.watching import OpOverload, decomposition_table

_MOVING = (movement.rearrange, movement.join, movement.pad)


@cache
def rule_of(function: Any) -> TensorRule | None:
    """The rule that an operator's record states; else that of its formula, or of an operator that moves elements."""
    record = registry.of(function)
    if record is None:
        return None
    if record.on_tensors is not None:
        return record.on_tensors
    if record.formula is not None:
        return of_formula(record.formula)
    if isinstance(record.bound, Handled) and record.bound.handler in _MOVING:
        return moved
    return None


@cache
def functional(function: Any) -> Any:
    """The operator that returns what ``function`` writes into its first operand; itself where it writes into none."""
    name = function._schema.name.partition("::")[2]
    if not function._schema.is_mutable or not registry.is_in_place(name):
        return function
    packet = getattr(torch.ops.aten, name[:-1], None)
    found = getattr(packet, function._overloadname, None) if packet is not None else None
    return found if isinstance(found, OpOverload) else function


@cache
def steps_of(function: Any) -> Callable[..., Any] | None:
    """What an operator computes, in other operators on tensors; None where nobody says it."""
    record = registry.of(function)
    if record is not None and record.rewritten is not None:
        return record.rewritten
    found: Callable[..., Any] | None = decomposition_table.get(function)
    if found is None and function.namespace == "aten" and function._can_decompose():
        return function.decompose
    return found
