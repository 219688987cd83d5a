"""The records of all operators, found by the operator: the one place where ATen's names are taken apart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from types import MappingProxyType
from typing import Any

from diffexplore.torch_ops import (
    activations,
    arithmetic,
    choice,
    creation,
    functions,
    indexing,
    linear_algebra,
    losses,
    movement,
    normalisation,
    pooling,
    products,
    reductions,
)
from diffexplore.torch_ops.records import Operator

#: The namespaces of torch's own operators: one of a library's may have the name of one of these, and another meaning.
_TORCH = ("aten", "prims")


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
        creation, pooling, linear_algebra,
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
