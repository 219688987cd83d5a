"""The records of operators, found by the operator, and what a watch does at each. Only here ATen's names are read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache, partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import torch

from diffexplore.bounds import equations, factors, fourier, least_squares
from diffexplore.bounds import movement as movement_bounds
from diffexplore.bounds.composites import StepByStep
from diffexplore.bounds.created import create
from diffexplore.bounds.exponential import exponential
from diffexplore.bounds.handling import Handled, Handler, unwatched
from diffexplore.bounds.out_arguments import run_in_place
from diffexplore.torch_ops import (
    activations,
    arithmetic,
    choice,
    creation,
    functions,
    gpu_kernels,
    indexing,
    linear_algebra,
    losses,
    movement,
    normalisation,
    pooling,
    products,
    reductions,
)
from diffexplore.torch_ops.kinks import found_by_bound
from diffexplore.torch_ops.records import OPAQUE, Operator
from diffexplore.torch_private.watching import decomposition_table

if TYPE_CHECKING:
    from diffexplore.bounds.watch import Watch

#: The namespaces of torch's own operators, and of those that this package adds; another library's may have the name of
#: one of these, and another meaning.
_TORCH = ("aten", "prims", "diffexplore")


_ORDERS = ("sort", "topk", "median", "nanmedian", "kthvalue", "mode", "argsort", "searchsorted", "unique")


def _by_name(families: Iterable[Iterable[Operator]]) -> Mapping[str, Operator]:
    found: dict[str, Operator] = {}
    for known in (known for family in families for known in family):
        for name in known.names:
            if found.setdefault(name, known) is not known:
                raise TypeError(f"{name} has two records")
    return MappingProxyType(found)


#: Every name of an operator → its record.
OPERATORS: Mapping[str, Operator] = _by_name(
    family.OPERATORS
    for family in (
        functions, arithmetic, choice, activations, losses, reductions, normalisation, products, movement, indexing,
        pooling, linear_algebra, creation, gpu_kernels,
    )
)  # fmt: skip


def named(name: str) -> Operator | None:
    """The record of an operator by its name without overload, also of its form in place; None where there is none."""
    return OPERATORS.get(name) or (OPERATORS.get(name[:-1]) if is_in_place(name) else None)


def is_in_place(name: str) -> bool:
    """Whether an operator of that name writes its result into its first argument."""
    return name.endswith("_") and not name.endswith("__")


@cache
def of(function: Any) -> Operator | None:
    """The record of an overload of an operator; None for one of another library, and where there is none."""
    namespace, _, name = function._schema.name.partition("::")
    if namespace not in _TORCH:
        return None
    return OPERATORS.get(f"{namespace}::{name}") or named(name)


def base_name(function: Any) -> str:
    """The name of an operator of torch, without namespace and overload; of any other one with its namespace."""
    namespace, _, name = function._schema.name.partition("::")
    return name if namespace in _TORCH else str(function._schema.name)


def run_decomposed(watch: Watch, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """An operation that torch itself composes of others, such as true_divide: these are watched."""
    with watch:
        return func.decompose(*args, **kwargs)


#: Handlers of complex numbers as well as of real ones.
_OF_COMPLEX = (
    movement_bounds.rearrange, movement_bounds.join, create, movement_bounds.drawn,
    movement_bounds.fill, fourier.transform, exponential, equations.inverse, equations.solve, equations.lu_solve,
    equations.triangular, equations.cholesky_solve, factors.lu_factor, factors.lu, factors.determinant,
    factors.log_determinant, factors.cholesky, least_squares.least_squares, least_squares.pseudo_inverse,
)  # fmt: skip


@cache
def handler_of(func: Any, is_complex: bool = False) -> Handler:
    """The handler of an operator. One of another library may compute anything, whatever it is called.

    With ``is_complex`` some argument is complex: then the steps on real parts are watched that the truth is made of.
    """
    if is_complex:
        return _handler_of_complex(func)
    known = _handler(of(func), in_place=is_in_place(base_name(func)))
    if known is not unwatched or func.namespace != "aten":
        return known
    plain = _returning(func)
    if plain is not None:
        return partial(run_in_place, returning=plain)
    return run_decomposed if func._can_decompose() else partial(_decomposed(func).run, found_by_bound)


def _returning(func: Any) -> Any:
    """The operator of the same arguments that returns what ``func`` writes in place, where that has a bound."""
    from diffexplore.torch_ops.tensor_rules.lookup import functional

    plain = functional(func)
    known = None if plain is func else of(plain)
    draws = torch.Tag.nondeterministic_seeded in func.tags
    return None if known is None or known.bound == OPAQUE or draws else plain


def _handler_of_complex(func: Any) -> Handler:
    from diffexplore.torch_ops.tensor_rules.lookup import functional, steps_of

    known = of(func)
    if known is not None and isinstance(known.bound, Handled) and known.bound.handler in _OF_COMPLEX:
        return _handler(known, in_place=is_in_place(base_name(func)))
    steps = steps_of(functional(func), True)
    return unwatched if steps is None else partial(StepByStep(steps).run, found_by_bound)


def _decomposed(func: Any) -> StepByStep:
    """The bound by torch's decomposition, for an operator that has one and no other bound."""
    return StepByStep(updates=func._schema.is_mutable)


@cache
def handler(name: str) -> Handler:
    """The handler of an ATen operation by its name."""
    return _handler(named(name), in_place=is_in_place(name))


def _handler(operator: Operator | None, *, in_place: bool) -> Handler:
    if operator is None or operator.bound == OPAQUE or (in_place and not operator.bound.in_place):
        return unwatched
    return partial(operator.bound.run, operator.kinks)


@cache
def decompositions() -> Mapping[Any, Callable[..., Any]]:
    """How the operators that have no reader are decomposed: by torch itself where their record does not say how."""
    of_torch = {
        operator: decomposition
        for operator, decomposition in decomposition_table.items()
        if hasattr(operator, "_schema") and ((known := of(operator)) is None or known.reader is None)
    }
    return of_torch | {
        getattr(packet, overload): known.rewritten
        for known in OPERATORS.values()
        if known.rewritten is not None
        for packet in [getattr(torch.ops.aten, known.name)]
        for overload in packet.overloads()
        if not overload.endswith("out")
    }


def advice(operator: Any, name: str) -> str:
    """Why an operator is not read, and what to do."""
    tags = getattr(operator, "tags", ())
    if torch.Tag.nondeterministic_seeded in tags:
        return "it is random: give the random numbers as data"
    if name in _ORDERS:
        return "it orders values, and formulas have no word for that: give the ordered values as data"
    return "diffexplore has no formula for it: write the step with other operators"
