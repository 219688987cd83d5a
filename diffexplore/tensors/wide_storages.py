"""What float64 makes of the storages that a program in a narrow dtype writes, beside what they hold."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch

from diffexplore.bounds.radii import FORGOTTEN, StorageRadii
from diffexplore.bounds.watch import Watch
from diffexplore.torch_private.watching import StorageWeakRef, storage_key

Tensor = torch.Tensor


class NotFollowed(RuntimeError):
    """An operation or a piece of memory has no counterpart in float64."""


@dataclass(frozen=True, eq=False)
class _WideStorage:
    """The elements of a storage as float64 has them, in their order (``wide``); ``dtype`` is that of the storage."""

    reference: Any
    dtype: torch.dtype
    wide: Tensor


class WideStorages(StorageRadii):
    """What float64 makes of storages; their radii are distances to that, and the radii of its own rounding.

    ``watch`` carries the radii of the numbers in float64. To set the radius of a tensor makes what it holds, with that
    radius, the number from which float64 goes on.
    """

    def __init__(self, watch: Watch) -> None:
        super().__init__()
        self._watch = watch
        self._found: dict[int, _WideStorage] = {}

    def __contains__(self, tensor: Tensor) -> bool:
        known = self._found.get(storage_key(tensor))
        return known is not None and not known.reference.expired()

    def purge(self) -> None:
        """Drops storages that are gone."""
        self._found = {key: one for key, one in self._found.items() if not one.reference.expired()}

    def read(self, tensor: Tensor) -> Tensor | None:
        """How far the exact value of each element may be; which are undecided, of truth values and integers."""
        value = tensor.detach()
        try:
            wide = self.seen(tensor)
        except NotFollowed:
            return torch.full_like(value, math.inf, dtype=torch.float64)
        if wide is None:
            return None
        known = self._watch.undecided(wide)
        if not value.is_floating_point():
            return value != wide if known is None else (value != wide) | known.to(torch.bool)
        apart = value.to(torch.float64).sub_(wide).abs_()
        apart = torch.where((value == wide) | (value.isnan() & wide.isnan()), 0.0, apart)
        return apart if known is None else torch.where(known == FORGOTTEN, FORGOTTEN, apart + known)

    def write(self, tensor: Tensor, radius: Tensor) -> None:
        """Lets float64 go on from what the tensor holds, within ``radius``."""
        wide = self.made(tensor)
        wide.copy_(tensor.detach())
        self._watch.set(wide, radius)

    def seen(self, tensor: Tensor) -> Tensor | None:
        """A tensor as float64 has it, in memory that its views share; None of one that is what it is."""
        if tensor not in self:
            return None
        known = self._found[storage_key(tensor)]
        if known.dtype != tensor.dtype or len(known.wide) != _count(tensor):
            raise NotFollowed("memory is read as another dtype, or in another size")
        return known.wide.as_strided(tensor.shape, tensor.stride(), tensor.storage_offset())

    def made(self, tensor: Tensor) -> Tensor:
        """The same, also of a tensor that was not seen before."""
        try:
            known = self.seen(tensor)
        except NotFollowed:
            known = None
        if known is not None:
            return known
        everything = widened(tensor.detach().as_strided((_count(tensor),), (1,), 0), copy=True)
        return self._keep(tensor, everything)

    def link(self, tensor: Tensor, wide: Tensor) -> None:
        """Makes ``wide`` what float64 has of a new tensor."""
        shared = {storage_key(one.wide) for one in self._found.values()}
        alike = (wide.shape, wide.stride(), wide.storage_offset()) == (tensor.shape, tensor.stride(), 0)
        if alike and _count(wide) == _count(tensor) and storage_key(wide) not in shared:
            self._keep(tensor, wide.as_strided((_count(wide),), (1,), 0))
            return
        target = self.made(tensor)
        radius = self._watch.undecided(wide)
        target.copy_(wide)
        if radius is not None:
            self._watch.set(target, radius)

    def _keep(self, tensor: Tensor, everything: Tensor) -> Tensor:
        reference = StorageWeakRef(tensor.untyped_storage())
        self._found[storage_key(tensor)] = _WideStorage(reference, tensor.dtype, everything)
        return everything.as_strided(tensor.shape, tensor.stride(), tensor.storage_offset())


def widened(tensor: Tensor, *, copy: bool = False) -> Tensor:
    """A tensor with floats in float64; others as they are."""
    if tensor.is_complex():
        raise NotFollowed("complex numbers are not watched")
    return tensor.to(torch.float64 if tensor.is_floating_point() else tensor.dtype, copy=copy)


def _count(tensor: Tensor) -> int:
    return tensor.untyped_storage().nbytes() // tensor.element_size()
