"""Operators that apply a mathematical function to each element: what their records take from that of the function."""

from __future__ import annotations

from typing import Any

import sympy

from diffexplore.bounds.elementwise import Elementwise
from diffexplore.bounds.handling import Kinks
from diffexplore.bounds.zeros import at
from diffexplore.functions import OPERATIONS
from diffexplore.functions.domains import Above, AtLeast, Domain, NoPole, Within
from diffexplore.functions.facts import ANALYTIC, CORNER, CUT, JUMP, Smoothness
from diffexplore.functions.lazy import resolved
from diffexplore.functions.records import Operation
from diffexplore.functions.rounding import Propagation
from diffexplore.functions.tables import of_kernels
from diffexplore.torch_ops import kinks
from diffexplore.torch_ops.cases import Case
from diffexplore.torch_ops.domains import AS_COMPOSED, EVERYWHERE, OperandDomain, required
from diffexplore.torch_ops.records import Operator, operator

BY_KERNEL: dict[str, Operation] = {one.aten_name: one for one in OPERATIONS.values()}
"""The operations of programs by the names of their kernels in ATen."""

#: The orders and the numbers of a function are no more than this.
_MOST_OPERANDS = 5

#: Where a function of one argument without jumps has its kinks.
_KINKS: dict[Smoothness, Kinks] = {
    ANALYTIC: kinks.nowhere, CUT: kinks.nowhere, CORNER: kinks.at_zero,
}  # fmt: skip


def _kinks_of(known: Operation) -> Kinks:
    return kinks.of_steps(resolved(known.torch)) if known.facts.smooth is JUMP else _KINKS[known.facts.smooth]


def of_function(names: str, *cases: Case, **facts: Any) -> Operator:
    """The record of an operator that is an operation of programs; ``names`` begin with that of its kernel.

    Raises TypeError for an operation without a rule by which the errors of its operands spread.
    """
    name = names.split()[0]
    known = BY_KERNEL[name]
    if isinstance(known.spread, Propagation):
        raise TypeError(f"the function {name} has no rule of its own for errors: {known.spread.value}")
    zeros = at(*known.zeros) if known.zeros else None
    bound = Elementwise(resolved(known.spread), name, zeros, operands=_MOST_OPERANDS)
    stated: dict[str, Any] = {
        "bound": bound, "formula": of_kernels()[name], "kinks": _kinks_of(known),
    }  # fmt: skip
    return operator(names, _stated(known.facts.domain), *cases, **(stated | facts))


def _stated(domain: Domain) -> OperandDomain:
    """The domain of a function of numbers as that of an operator."""
    if domain.reaches_further and not any(isinstance(condition, NoPole) for condition in domain.conditions):
        return AS_COMPOSED
    texts: list[str] = []
    for condition in domain.conditions:
        match condition:
            case Above():
                texts.append(f"self > {condition.bound}")
            case AtLeast():
                texts.append(f"self >= {condition.bound}")
            case Within():
                equal = "" if condition.strict else "="
                texts += [f"self >{equal} -1", f"self <{equal} 1"]
            case _:
                return OperandDomain(rule=lambda *at: sympy.And(*(required(*need) for need in domain.linear(*at))))
    return OperandDomain(tuple(texts)) if texts else EVERYWHERE
