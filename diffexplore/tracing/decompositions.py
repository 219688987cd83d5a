"""Operators without a reader: how torch takes them apart, or why they cannot be read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import torch

from diffexplore.torch_ops import registry
from diffexplore.torch_ops.registry import OPERATORS
from diffexplore.torch_private.watching import decomposition_table


@cache
def decompositions() -> Mapping[Any, Callable[..., Any]]:
    """How the operators that have no reader are taken apart, by torch itself where their record does not say it."""
    of_torch = {
        operator: decomposition
        for operator, decomposition in decomposition_table.items()
        if hasattr(operator, "_schema") and not _is_read(operator)
    }
    return of_torch | {
        getattr(packet, overload): known.rewritten
        for known in OPERATORS.values()
        if known.rewritten is not None
        for packet in [getattr(torch.ops.aten, known.name)]
        for overload in packet.overloads()
        if not overload.endswith("out")
    }


def _is_read(operator: Any) -> bool:
    known = registry.of(operator)
    return known is not None and known.reader is not None


def advice(operator: Any, name: str) -> str:
    """Why an operator is not read, and what to do."""
    tags = getattr(operator, "tags", ())
    if torch.Tag.nondeterministic_seeded in tags:
        return "it is random: give the random numbers as data"
    if name in _ORDERS:
        return "it orders values, and formulas have no word for that: give the ordered values as data"
    return "diffexplore has no formula for it: write the step with other operators"


_ORDERS = ("sort", "topk", "median", "nanmedian", "kthvalue", "mode", "argsort", "searchsorted", "unique")
