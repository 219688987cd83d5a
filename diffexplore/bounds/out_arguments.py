"""Operators that write their results into tensors given as ``out=``, or in place: bounded as those that return them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from diffexplore.bounds.conversion import lost
from diffexplore.bounds.handling import as_list, finite_float, name_of, written_arguments

if TYPE_CHECKING:
    from diffexplore.bounds.watch import Watch


@cache
def returning(function: Any) -> Any:
    """The overload that takes the same arguments without these, and returns the results; None where there is none."""
    arguments = [one for one in function._schema.arguments if one.name not in written_arguments(function)]
    expected = [(one.name, str(one.type)) for one in arguments]
    packet = function.overloadpacket
    for overload in (getattr(packet, name) for name in packet.overloads()):
        if [(one.name, str(one.type)) for one in overload._schema.arguments] == expected:
            return None if overload._schema.is_mutable else overload
    return None


def run_into(watch: Watch, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Runs an operator that is given ``out=``; the radii of the results are those of the overload that returns them."""
    names, plain = written_arguments(function), returning(function)
    given: list[Any] = [kwargs.get(name) for name in names]
    rest = {name: value for name, value in kwargs.items() if name not in names}
    # Before it runs: it may write into one of its operands.
    found: Sequence[Any] = [None] * len(given) if plain is None else as_list(watch.run(plain, args, rest))
    out = function(*args, **kwargs)
    for tensor, made in zip(given, found, strict=True):
        if finite_float(tensor):
            watch.forget(tensor)
            watch.set(tensor, _unknown(watch, function, tensor) if made is None else _radius(watch, tensor, made))
    return out


def run_in_place(watch: Watch, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], *, returning: Any) -> Any:
    """Runs an operator that overwrites its first operand; the radii are those of the one that returns it."""
    made = watch.run(returning, args, kwargs)  # before it overwrites what it reads
    out = func(*args, **kwargs)
    if finite_float(out):
        watch.forget(out)
        watch.set(out, _radius(watch, out, made))
    return out


def _radius(watch: Watch, tensor: Tensor, made: Tensor) -> Tensor:
    return watch.radius(made) + lost(made, tensor)


def _unknown(watch: Watch, function: Any, tensor: Tensor) -> Tensor:
    watch.unwatched.add(name_of(function))
    return torch.full((), math.inf, dtype=torch.float64, device=tensor.device)
