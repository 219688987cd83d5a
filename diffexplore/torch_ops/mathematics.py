"""Operators that apply a mathematical function to each element: what their records take from that of the function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from diffexplore.bounds.elementwise import Elementwise
from diffexplore.bounds.handling import Kinks
from diffexplore.bounds.zeros import at
from diffexplore.functions import ALL, OPERATIONS, domains
from diffexplore.functions.lazy import resolved
from diffexplore.functions.records import ANALYTIC, CUT, JUMP, Operation, Smoothness
from diffexplore.torch_ops import kinks
from diffexplore.torch_ops.cases import Case
from diffexplore.torch_ops.domains import AS_COMPOSED, EVERYWHERE, OperandDomain
from diffexplore.torch_ops.records import Operator, operator

_BY_ATEN = {one.aten_name: one for one in OPERATIONS.values()}
_BUILDERS = {one.computed.name: one.build or one.node for one in reversed(ALL) if isinstance(one.computed, Operation)}

#: Where a function that is no corner has its kinks; where those of a corner are, its record says.
_KINKS: dict[Smoothness, Kinks] = {ANALYTIC: kinks.nowhere, CUT: kinks.nowhere, JUMP: kinks.anywhere}


def of_function(names: str, *cases: Case, **facts: Any) -> Operator:
    """The record of an operator that is an operation of programs; ``names`` begin with its name in ATen.

    Raises TypeError for an operation without a rule by which the errors of its operands spread.
    """
    name = names.split()[0]
    known = _BY_ATEN[name]
    if not callable(spread := resolved(known.spread)):
        raise TypeError(f"the function {name} has no rule of its own for errors: {spread.value}")
    bound = Elementwise(spread, name, at(*known.zeros) if known.zeros else None)
    stated: dict[str, Any] = {"bound": bound, "formula": formula_of(name)}
    if known.facts.smooth in _KINKS:
        stated["kinks"] = _KINKS[known.facts.smooth]
    return operator(names, _stated(known.facts.domain), *cases, **(stated | facts))


def formula_of(name: str) -> Callable[..., Any]:
    """What makes the expression of SymPy of a function, by its name in ATen."""
    build: Callable[..., Any] = resolved(_BUILDERS[_BY_ATEN[name].name])
    return build


def _stated(domain: domains.Domain) -> OperandDomain:
    """The domain of a function of one argument; that of its formula where its ends are no numbers."""
    texts: list[str] = []
    for condition in domain.conditions:
        match condition:
            case domains.Above():
                texts.append(f"self > {condition.bound}")
            case domains.AtLeast():
                texts.append(f"self >= {condition.bound}")
            case domains.Within():
                equal = "" if condition.strict else "="
                texts += [f"self >{equal} -1", f"self <{equal} 1"]
            case _:
                return AS_COMPOSED
    return OperandDomain(tuple(texts)) if texts else EVERYWHERE
