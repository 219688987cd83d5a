"""The rule of an operator, or the steps that it is composed of."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import torch

from diffexplore.bounds import linear, movement
from diffexplore.bounds.composites import StepByStep
from diffexplore.bounds.handling import Handled
from diffexplore.torch_ops import registry
from diffexplore.torch_ops.records import Operator
from diffexplore.torch_ops.tensor_rules import (
    choice,
    complex_functions,
    complex_numbers,
    complex_reductions,
    creation,
)
from diffexplore.torch_ops.tensor_rules.elementwise import of_formula
from diffexplore.torch_ops.tensor_rules.movement import moved
from diffexplore.torch_ops.tensor_rules.operands import InSteps, TensorRule
from diffexplore.torch_private.watching import OpOverload, custom_implementation, decomposition_table

Steps = Callable[..., Any]

_MOVING = (movement.rearrange, movement.join, movement.pad)

#: Rules that know what to do with conditions that the balls do not decide.
READS_CONDITIONS = frozenset(
    {moved, creation.created, creation.converted, creation.copied, choice.where, choice.masked_fill, choice.logical}
)


@cache
def rule_of(function: Any, is_complex: bool = False) -> TensorRule | None:
    """The rule that an operator's record states; else that of its formula, or of an operator that moves elements."""
    record = registry.of(function)
    if record is None:
        return None
    stated = record.on_tensors
    if stated is not None and not isinstance(stated, InSteps) and (not is_complex or stated in complex_numbers.RULES):
        return stated
    if isinstance(record.bound, Handled) and record.bound.handler in _MOVING and stated is None:
        return moved
    if stated is None and record.formula is not None and not is_complex:
        return of_formula(record.formula)
    return None


@cache
def functional(function: Any) -> Any:
    """The operator of the same arguments that returns what ``function`` writes into its first; itself where none is."""
    name = function._schema.name.partition("::")[2]
    if not function._schema.is_mutable or not registry.is_in_place(name):
        return function
    packet = getattr(torch.ops.aten, name[:-1], None)
    found = getattr(packet, function._overloadname, None) if packet is not None else None
    kinds = [str(argument.type) for argument in function._schema.arguments]
    same = isinstance(found, OpOverload) and [str(argument.type) for argument in found._schema.arguments] == kinds
    return found if same else function  # x.polygamma_(n) is polygamma(n, x)


#: What autograd saves of a forward kernel, without a gradient of its own, for the operators that run its way back.
_SAVED = {
    "native_layer_norm_backward": ("mean", "rstd"),
    "native_group_norm_backward": ("mean", "rstd"),
    "native_batch_norm_backward": ("save_mean", "save_invstd"),
    "batch_norm_backward": ("save_mean", "save_var"),
    "log_sigmoid_backward": ("buffer",),
}


@cache
def saved_arguments(function: Any) -> tuple[str, ...]:
    """The names of arguments that depend on what varies although they need no gradient."""
    return _SAVED.get(registry.base_name(function), ())


#: Handlers of the rounding of operators that move elements, or add them up.
_LINEAR_BOUNDS = (linear.moved, linear.added_up, linear.scattered, movement.scatter, *_MOVING)

#: Others that are linear.
_LINEAR = ("index_add", "index_copy", "index_fill")


def _is_linear(record: Operator | None) -> bool:
    return record is not None and isinstance(record.bound, Handled) and record.bound.handler in _LINEAR_BOUNDS


#: The steps of operators by their names, where an operand is complex.
_OF_COMPLEX = complex_numbers.STEPS | complex_functions.STEPS | complex_reductions.STEPS


@cache
def steps_of(function: Any, is_complex: bool = False) -> Steps | None:
    """What an operator computes, in other operators on tensors; None where nobody says it."""
    name = registry.base_name(function)
    if is_complex and name in _OF_COMPLEX:
        return _OF_COMPLEX[name]
    record = registry.of(function)
    if is_complex and (name in _LINEAR or _is_linear(record)):
        return complex_numbers.by_parts(function)
    if record is not None:
        if isinstance(record.on_tensors, InSteps):
            return record.on_tensors.steps
        if record.rewritten is not None:
            return record.rewritten
        if isinstance(record.bound, StepByStep) and record.bound.formula is not None:
            return record.bound.formula
    if name.startswith("_foreach_"):
        return _one_by_one(name.removeprefix("_foreach_"), function._overloadname)
    if function in decomposition_table:
        return decomposition_table[function]
    if function.namespace == "aten" and function._can_decompose():
        return function.decompose
    return custom_implementation(function)


def _one_by_one(name: str, overload: str) -> Steps | None:
    """An operator on lists, as the operator on tensors of that name for each of them."""
    packet = getattr(torch, name, None) or getattr(torch.Tensor, name, None)
    if packet is None:
        return None

    def steps(first: list[Any], *rest: Any, **options: Any) -> Any:
        others = [value if isinstance(value, (list, tuple)) else [value] * len(first) for value in rest]
        results = [packet(*items, **options) for items in zip(first, *others, strict=True)]
        return None if name.endswith("_") else results

    return steps
