"""What each ATen operator does to arrays of expressions: tables by kind, joined here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import torch

from diffexplore.torch_private.watching import decomposition_table
from diffexplore.tracing import conventions
from diffexplore.tracing.operators import comparisons, constants, elementwise, movement, products, reductions, scatter
from diffexplore.tracing.operators.rewritten import REWRITTEN

#: Name of an operator, without its overload → its reader, called with the reading and the arguments.
READERS: Mapping[str, Callable[..., Any]] = {
    **elementwise.READERS,
    **comparisons.READERS,
    **movement.READERS,
    **scatter.READERS,
    **reductions.READERS,
    **products.READERS,
    **constants.READERS,
    **conventions.READERS,
}


#: The namespaces of torch's own operators: one of a library's may have the name of one of these, and another meaning.
_TORCH = ("aten", "prims")


def base_name(operator: Any) -> str:
    """The name of an operator of torch, without namespace and overload; of any other one with its namespace."""
    namespace, _, name = operator._schema.name.partition("::")
    return name if namespace in _TORCH else operator._schema.name


def in_place_of(name: str) -> str | None:
    """The operator of which ``name`` is the in-place form, or None."""
    return name[:-1] if name.endswith("_") and name[:-1] in READERS and name not in READERS else None


#: Operators that change the shape of their argument in place, not its elements.
RESHAPES = ("squeeze_", "unsqueeze_", "t_", "transpose_", "swapaxes_")


@cache
def decompositions() -> Mapping[Any, Callable[..., Any]]:
    """How the operators that have no reader are taken apart, by torch itself for nearly all of them."""
    return {
        operator: decomposition
        for operator, decomposition in decomposition_table.items()
        if hasattr(operator, "_schema") and not _is_read(base_name(operator))
    } | dict(REWRITTEN)


def _is_read(name: str) -> bool:
    return name in READERS or in_place_of(name) is not None


def advice(operator: Any, name: str) -> str:
    """Why an operator is not read, and what to do."""
    tags = getattr(operator, "tags", ())
    if torch.Tag.nondeterministic_seeded in tags:
        return "it is random: give the random numbers as data"
    if name in _ORDERS:
        return "it orders values, and formulas have no word for that: give the ordered values as data"
    return "diffexplore has no formula for it: write the step with other operators"


_ORDERS = ("sort", "topk", "median", "nanmedian", "kthvalue", "mode", "argsort", "searchsorted", "unique")
