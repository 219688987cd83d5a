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

import torch
from torch.overrides import TorchFunctionMode

from diffexplore.torch_code.own_forwards import given_to_own_forward
from diffexplore.torch_private.watching import DisableTorchFunction, is_transformed, storage_key, tree_leaves, tree_map

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
        return start >= 0 and start + _span(alias) <= _span(self.original)

    def touches(self, alias: Tensor) -> bool:
        """Whether some of it may."""
        start = _start(alias) - _start(self.original)
        return -_span(alias) < start < _span(self.original)

    def followed(self, alias: Tensor) -> Tensor:
        """What the copy has in the place of an alias. Raises RuntimeError where there is no such place."""
        copy, original = self.copy.detach(), self.original.detach()
        if _place(alias) == _place(original):
            return copy
        if not self.holds(alias) or alias.dtype != copy.dtype or _place(copy)[:2] != _place(original)[:2]:
            raise self.problem()
        return copy.as_strided(alias.shape, alias.stride(), _start(copy) + _start(alias) - _start(original))

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
            self._inputs = {storage_key(one.original): one for one in inputs if _lies_in_memory(one.original)}

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        kwargs = dict(kwargs or {})
        with DisableTorchFunction():
            aliases = () if is_transformed() else [leaf for leaf in tree_leaves((args, kwargs)) if self._is_alias(leaf)]
            around = [self._input_of(leaf) for leaf in aliases if not self._input_of(leaf).holds(leaf)]
            if aliases and not around:
                args, kwargs = tree_map(self._followed, (args, kwargs))
        out = func(*args, **kwargs)
        with DisableTorchFunction():
            if around and not any(
                _lies_in_memory(leaf) and storage_key(leaf) in self._inputs for leaf in tree_leaves(out)
            ):
                raise around[0].problem()  # it is no view, which is looked at where it is read
        return out

    def _input_of(self, alias: Tensor) -> AliasedInput:
        return self._inputs[storage_key(alias)]

    def _lies_in_one(self, leaf: Any) -> bool:
        return _lies_in_memory(leaf) and storage_key(leaf) in self._inputs

    def _is_alias(self, leaf: Any) -> bool:
        """Whether it lies in an input that the Function is given whose forward runs, which is not given it itself."""
        if not self._lies_in_one(leaf):
            return False
        one = self._input_of(leaf)
        given = {storage_key(argument) for argument in tree_leaves(given_to_own_forward()) if _lies_in_memory(argument)}
        return one.touches(leaf) and storage_key(one.copy) in given and storage_key(leaf) not in given

    def _followed(self, leaf: Any) -> Any:
        if not self._is_alias(leaf):
            return leaf
        self.seen.add(self._input_of(leaf).name)
        return self._input_of(leaf).followed(leaf)


@contextmanager
def followed(inputs: Sequence[AliasedInput]) -> Iterator[set[str]]:
    """Inside the block each alias is the copy. Gives the names of the inputs of which aliases were read."""
    mode = FollowedAliases(inputs)
    with mode:
        yield mode.seen


def _lies_in_memory(leaf: Any) -> bool:
    return isinstance(leaf, Tensor) and leaf.layout == torch.strided and not leaf.is_meta


def _place(tensor: Tensor) -> tuple[torch.Size, tuple[int, ...], int]:
    return tensor.shape, tensor.stride(), _start(tensor)


def _start(tensor: Tensor) -> int:
    return int(tensor.storage_offset())


def _span(tensor: Tensor) -> int:
    """How many elements of memory lie between the first and the last of a tensor."""
    return (
        1 + sum((n - 1) * step for n, step in zip(tensor.shape, tensor.stride(), strict=True)) if tensor.numel() else 0
    )
