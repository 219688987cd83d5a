"""The record of an operator of ATen: all that tracing, bounds and audit know of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import sympy

from diffexplore.bounds import formulas
from diffexplore.bounds.composites import StepByStep
from diffexplore.bounds.elementwise import Elementwise
from diffexplore.bounds.handling import Bound, Handled, Handler, Kinks, unwatched
from diffexplore.torch_ops import kinks
from diffexplore.torch_ops.cases import Case
from diffexplore.torch_ops.domains import EVERYWHERE, OperandDomain
from diffexplore.torch_ops.readers.elementwise import elementwise
from diffexplore.torch_ops.tensor_rules.operands import InSteps, TensorRule

#: Called with the reading and the arguments of an operator; the arrays of expressions that it makes.
Reader = Callable[..., Any]

#: The bound of an operator of whose error nothing is known: its results are unbounded, and its name is kept.
OPAQUE = Handled(unwatched)


@dataclass(frozen=True, kw_only=True)
class Operator:
    """One operator of ATen, in all its overloads and in place.

    Attributes:
        names: its name without namespace and overload, and those of operators that compute the same. One of ``prims``
            has its namespace in front where ATen has another of its name.
        bound: how far its result may be from the exact one; :data:`OPAQUE` where that is not known.
        defined: where it has a finite value.
        kinks: where it is not smooth, one of the functions of :mod:`~diffexplore.torch_ops.kinks`.
        formula: what it computes of each element, as a function of SymPy expressions; None where it is not elementwise.
        read: the reader of a trace, where the formula is not enough; None where the formula is, or where there is none,
            so that torch's decomposition is read.
        rewritten: what it computes, in other operators on tensors, which are traced in its place; None where torch can
            trace it, or its own decomposition, for a batch of any size.
        cases: what the audit holds its rules against; empty where it is out of the audit's scope.
        choice: of an operator that takes one of two operands by a condition, the places of the condition, of what is
            taken where it holds, and of the other; None has a trace need what both need.
        tests_finiteness: whether it does something else with what is no finite number. It is read where all operands
            certainly are.
        on_tensors: its rule on tensors of balls: the exact results, and how cotangents pass back, or the steps that it
            is composed of. None where its formula says it, where it only moves elements, and where torch composes it.
    """

    names: tuple[str, ...]
    bound: Bound
    defined: OperandDomain
    kinks: Kinks
    formula: Callable[..., sympy.Expr] | None = None
    read: Reader | None = None
    rewritten: Callable[..., Any] | None = None
    cases: tuple[Case, ...] = ()
    choice: tuple[int, int, int] | None = None
    tests_finiteness: bool = False
    on_tensors: TensorRule | InSteps | None = None

    def __post_init__(self) -> None:
        if isinstance(self.bound, Elementwise) and self.kinks in (kinks.found_by_bound, kinks.unknown):
            raise TypeError(f"{self.name}: an elementwise rule does not look for kinks: state where they are")
        if (self.bound == OPAQUE) != (self.kinks is kinks.unknown):
            raise TypeError(f"{self.name}: the kinks of an operator are unknown exactly where its bound is opaque")

    @property
    def name(self) -> str:
        """The first of its names."""
        return self.names[0]

    @cached_property
    def reader(self) -> Reader | None:
        """What a trace reads it by; None where it has neither formula nor reader."""
        return self.read if self.read is not None or self.formula is None else elementwise(self.formula)


def operator(names: str, defined: OperandDomain, *cases: Case, **facts: Any) -> Operator:
    """A record by its names, separated by spaces, its domain and the cases of the audit."""
    return Operator(names=tuple(names.split()), defined=defined, cases=cases, **facts)


def smooth(names: str, *cases: Case, bound: Bound, **facts: Any) -> Operator:
    """The record of an operator that is defined and smooth everywhere."""
    return operator(names, EVERYWHERE, *cases, bound=bound, kinks=kinks.nowhere, **facts)


def composed(
    names: str,
    defined: OperandDomain,
    *cases: Case,
    steps: Callable[..., Any] | None = None,
    updates: bool = False,
    **facts: Any,
) -> Operator:
    """The record of a kernel of many steps, run one by one beside it; torch's own where none are given."""
    return operator(names, defined, *cases, bound=StepByStep(steps, updates), kinks=kinks.found_by_bound, **facts)


def drawing(names: str, defined: OperandDomain, *cases: Case, steps: Callable[..., Any], **facts: Any) -> Operator:
    """The record of a kernel that draws random numbers, with the steps that it takes by those it has drawn."""
    bound = StepByStep(steps, draws=True)
    return operator(names, defined, *cases, bound=bound, kinks=kinks.found_by_bound, **facts)


def in_steps(names: str, defined: OperandDomain, *cases: Case, steps: Callable[..., Any], **facts: Any) -> Operator:
    """The record of a kernel whose steps say both what it computes exactly and how far it may be off that."""
    return composed(names, defined, *cases, steps=steps, on_tensors=InSteps(steps), **facts)


def of_elements(
    names: str, defined: OperandDomain, *cases: Case, formula: Callable[..., Any], **facts: Any
) -> Operator:
    """The record of an elementwise kernel, of which nothing is known but its formula: its steps are run beside it."""
    return composed(names, defined, *cases, steps=formulas.of_elements(formula), formula=formula, **facts)


def handled(
    names: str, defined: OperandDomain, *cases: Case, handler: Handler, in_place: bool = False, **facts: Any
) -> Operator:
    """The record of an operator whose bound a handler sets, which looks for kinks where there are any."""
    return operator(names, defined, *cases, bound=Handled(handler, in_place), kinks=kinks.found_by_bound, **facts)


def unbounded(names: str, defined: OperandDomain, *cases: Case, **facts: Any) -> Operator:
    """The record of an operator of whose error nothing is known."""
    return operator(names, defined, *cases, bound=OPAQUE, kinks=kinks.unknown, **facts)
