"""Detached aliases of inputs that the forward of an autograd Function finds elsewhere than among its arguments.

A Function may read ``w.detach()``, made outside, in place of its argument ``w``: it is the same memory, and its
derivative by ``w`` is that of its argument. A call at copies of the inputs finds the original there; so the copy takes
its place. An alias of what the Function is not given stays a constant: autograd has no way to differentiate by it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.overrides import TorchFunctionMode

from diffexplore.torch_code.own_forwards import given_to_own_forward
from diffexplore.torch_private.compiling import as_written
from diffexplore.torch_private.watching import (
    DisableTorchFunction,
    is_transformed,
    is_wrapped,
    negated_view,
    storage_key,
    tree_leaves,
    tree_map,
)

Tensor = torch.Tensor


@dataclass(frozen=True, eq=False)
class AliasedInput:
    """An input by name: the user's tensor (``original``), and the one that a call is given in its place (``copy``)."""

    name: str
    original: Tensor
    copy: Tensor

    def holds(self, alias: Tensor) -> bool:
        """Whether all of an alias lies in the original; the memory around it may be no input."""
        start = _start(alias) - _start(self.original)
        if start < 0 or start + _span(alias) > _span(self.original):
            return False
        return _is_dense(self.original) or bool(np.isin(_bytes(alias), _bytes(self.original)).all())

    def touches(self, alias: Tensor) -> bool:
        """Whether some of it may."""
        start = _start(alias) - _start(self.original)
        if not -_span(alias) < start < _span(self.original):
            return False
        dense = _is_dense(self.original) and _is_dense(alias)
        return dense or bool(np.isin(_bytes(alias), _bytes(self.original)).any())

    def followed(self, alias: Tensor) -> Tensor:
        """What the copy has in the place of an alias, in its precision. Raises RuntimeError where there is none."""
        copy, original = self.copy.detach(), self.original.detach()
        same = alias.dtype == original.dtype
        if same and _place(alias) == _place(original):
            found = copy
        elif self.holds(alias) and _strides(copy) == _strides(original) and (same or not _is_lazy(original)):
            found = self._in_place_of(alias, copy, _start(alias) - _start(original))
        elif same and self.holds(alias) and not _is_lazy(original):  # elements that lie otherwise in the copy
            starts = _starts(original)
            order = np.argsort(starts)
            places = order[np.searchsorted(starts, _starts(alias), sorter=order)]
            found = copy.reshape(-1)[torch.from_numpy(places).to(copy.device)].reshape(alias.shape)
        else:
            raise self.problem()
        if alias.is_conj() != (same and original.is_conj()):
            found = found.conj()
        return negated_view(found) if alias.is_neg() != (same and original.is_neg()) else found

    def _in_place_of(self, alias: Tensor, copy: Tensor, byte: int) -> Tensor:
        """The numbers of a copy that stand where an alias of the original has its own, so many bytes from the first."""
        shape, strides, dtype = alias.shape, alias.stride(), self.original.dtype
        if alias.is_complex() and not dtype.is_complex:
            first = copy.storage_offset() + byte // self.original.element_size()
            return torch.view_as_complex(copy.as_strided((*shape, 2), (*(2 * step for step in strides), 1), first))
        if dtype.is_complex and dtype.to_real() == alias.dtype:
            copy = torch.view_as_real(copy)
        elif copy.dtype == dtype and copy.element_size() == alias.element_size():
            copy = copy.view(alias.dtype)
        elif alias.dtype != dtype:
            raise self.problem()
        return copy.as_strided(shape, strides, copy.storage_offset() + byte // alias.element_size())

    def problem(self) -> RuntimeError:
        return RuntimeError(f"it reads memory of {self.name} past its arguments, which a copy of it does not have")


class FollowedAliases(TorchFunctionMode):
    """Puts the copy of an input in the place of each alias of it, in the forward of a Function that is given it.

    ``seen`` holds the names of the inputs of which aliases were read.
    """

    def __init__(self, inputs: Sequence[AliasedInput]) -> None:
        super().__init__()
        self.seen: set[str] = set()
        with DisableTorchFunction():  # what is looked up here does not leave torch
            self._inputs: dict[int, list[AliasedInput]] = {}
            for one in inputs:
                if _lies_in_memory(one.original):
                    self._inputs.setdefault(storage_key(one.original), []).insert(0, one)

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        kwargs = dict(kwargs or {})
        with DisableTorchFunction():
            leaves = () if is_transformed() else tree_leaves((args, kwargs))
            found = {id(leaf): (one, leaf) for leaf in leaves if (one := self._aliased_by(leaf)) is not None}
            around = [one for one, leaf in found.values() if not one.holds(leaf)]
            if found and not around:
                self.seen.update(one.name for one, _ in found.values())
                args, kwargs = tree_map(
                    lambda leaf: found[id(leaf)][0].followed(leaf) if id(leaf) in found else leaf, (args, kwargs)
                )
        out = func(*args, **kwargs)
        with DisableTorchFunction():
            if around and not any(map(self._lies_in_one, tree_leaves(out))):
                raise around[0].problem()  # it is no view, which is looked at where it is read
        return out

    def _lies_in_one(self, leaf: Any) -> bool:
        return _lies_in_memory(leaf) and storage_key(leaf) in self._inputs

    def _aliased_by(self, leaf: Any) -> AliasedInput | None:
        """The input that it lies in, of those that the Function is given whose forward runs; None where it is given."""
        if not self._lies_in_one(leaf):
            return None
        given = {storage_key(argument) for argument in tree_leaves(given_to_own_forward()) if _lies_in_memory(argument)}
        if storage_key(leaf) in given:
            return None
        around = [
            one for one in self._inputs[storage_key(leaf)] if one.touches(leaf) and storage_key(one.copy) in given
        ]
        return next((one for one in around if one.holds(leaf)), around[0] if around else None)


@contextmanager
def followed(inputs: Sequence[AliasedInput]) -> Iterator[set[str]]:
    """Inside the block each alias is the copy. Gives the names of the inputs of which aliases were read.

    Compiled code runs as it is written: torch would compile what stands for an alias, and run that in later calls.
    """
    mode = FollowedAliases(inputs)
    with as_written(), mode:
        yield mode.seen


def _lies_in_memory(leaf: Any) -> bool:
    """Whether it is a tensor with memory of its own or of another; what transforms of torch.func wrap has none."""
    return isinstance(leaf, Tensor) and leaf.layout == torch.strided and not leaf.is_meta and not is_wrapped(leaf)


def _strides(tensor: Tensor) -> tuple[torch.Size, tuple[int, ...]]:
    return tensor.shape, tensor.stride()


def _place(tensor: Tensor) -> tuple[Any, ...]:
    return *_strides(tensor), _start(tensor)


def _is_lazy(tensor: Tensor) -> bool:
    """Whether its memory holds conjugates or negatives of its numbers."""
    return tensor.is_conj() or tensor.is_neg()


def _start(tensor: Tensor) -> int:
    """The byte of its memory at which a tensor begins."""
    return int(tensor.storage_offset()) * tensor.element_size()


def _is_dense(tensor: Tensor) -> bool:
    """Whether no memory lies between its elements."""
    return _span(tensor) == tensor.numel() * tensor.element_size()


def _starts(tensor: Tensor) -> np.ndarray:
    """The byte of the memory at which each element begins, in their order."""
    places = np.array(_start(tensor))
    for n, step in zip(tensor.shape, tensor.stride(), strict=True):
        places = np.add.outer(places, np.arange(n) * step * tensor.element_size())
    return np.reshape(places, -1)


def _bytes(tensor: Tensor) -> np.ndarray:
    """All bytes of the memory in which its elements lie."""
    return np.add.outer(_starts(tensor), np.arange(tensor.element_size()))


def _span(tensor: Tensor) -> int:
    """How many bytes lie between the first and the end of the last element of a tensor."""
    if not tensor.numel():
        return 0
    steps = sum((n - 1) * step for n, step in zip(tensor.shape, tensor.stride(), strict=True))
    return (1 + steps) * tensor.element_size()
