"""The torch function that a loss was read from: what runs, where the loss is differentiated by torch."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import torch
from sympy.logic.boolalg import Boolean

if TYPE_CHECKING:
    from diffexplore.tracing.declarations import Array

Tensor = torch.Tensor

#: The argument in which a symbol lies, and its index there (of one sample, for data).
Place = tuple[str, tuple[int, ...]]


@dataclass(frozen=True)
class TorchProgram:
    """A user's function with its arguments, which are made of the symbols of a loss.

    Attributes:
        name: what messages call it.
        function: takes tensors by name, and returns the loss: a tensor of one number.
        parameters, data: its arguments. A parameter has its declared shape, data has (N, *shape of one sample).
        single: whether it is the same function of one sample as of several.
        needs: conditions under which alone it has a value, for each sample.
    """

    name: str
    function: Callable[..., Any] = field(hash=False)
    parameters: tuple[Array, ...]
    data: tuple[Array, ...]
    single: bool
    needs: tuple[Boolean, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The arguments, those of parameters first."""
        return tuple(array.name for array in (*self.parameters, *self.data))

    @cached_property
    def places(self) -> Mapping[str, Place]:
        """Where each symbol lies."""
        return {
            symbol.name: (array.name, index)
            for array in (*self.parameters, *self.data)
            for symbol, index in zip(array.symbols, itertools.product(*map(range, array.shape)), strict=True)
        }

    def arguments(self, values: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The arguments made of a tensor for each symbol: of shape () for parameters, (n,) for data."""
        return {array.name: _packed(array, values) for array in (*self.parameters, *self.data)}

    def entry(self, symbol: str, tensors: Mapping[str, Tensor]) -> Tensor:
        """The entries of a symbol in tensors shaped like the arguments: of shape () for a parameter, (n,) for data."""
        argument, index = self.places[symbol]
        whole: Any = (..., *index)
        entries: Tensor = tensors[argument][whole]
        return entries


def _packed(array: Array, values: Mapping[str, Tensor]) -> Tensor:
    entries = [values[symbol.name] for symbol in array.symbols]
    if not array.shape:
        return entries[0].clone()
    stacked = torch.stack(entries, dim=-1)
    return stacked.reshape(*stacked.shape[:-1], *array.shape)
