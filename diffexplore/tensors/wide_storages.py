"""What float64 makes of the storages that a program in a narrow dtype writes, beside what they hold."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch

from diffexplore.bounds.radii import FORGOTTEN, StorageRadii
from diffexplore.bounds.watch import Watch
from diffexplore.torch_private.watching import StorageWeakRef, negated_view, storage_key

Tensor = torch.Tensor


class NotFollowed(RuntimeError):
    """An operation or a piece of memory has no counterpart in float64."""


@dataclass(frozen=True, eq=False)
class _WideStorage:
    """The numbers of a storage as float64 has them, in their order (``wide``); ``dtype`` is that of the storage.

    Complex numbers are pairs of real ones, as they are in memory.
    """

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

    @property
    def has_forgotten(self) -> bool:
        """Whether elements of any storage were forgotten, here or in float64."""
        return super().has_forgotten or self._watch.has_forgotten

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
        if not value.is_floating_point() and not value.is_complex():
            return value != wide if known is None else (value != wide) | known.to(torch.bool)
        apart = (value.to(wide.dtype) - wide).abs()
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
        if known.dtype != tensor.dtype.to_real() or len(known.wide) != _count(tensor):
            raise NotFollowed("memory is read as another dtype, or in another size")
        wide = torch.view_as_complex(known.wide.view(-1, 2)) if tensor.is_complex() else known.wide
        wide = wide.as_strided(tensor.shape, tensor.stride(), tensor.storage_offset())
        wide = wide.conj() if tensor.is_conj() else wide
        return negated_view(wide) if tensor.is_neg() else wide

    def made(self, tensor: Tensor) -> Tensor:
        """The same, also of a tensor that was not seen before."""
        try:
            known = self.seen(tensor)
        except NotFollowed:
            known = None
        if known is not None:
            return known
        memory = torch.view_as_real(_plain(tensor)) if tensor.is_complex() else _plain(tensor)
        self._keep(tensor, widened(memory.as_strided((_count(tensor),), (1,), 0), copy=True))
        found = self.seen(tensor)
        assert found is not None, "as just made"
        return found

    def link(self, tensor: Tensor, wide: Tensor) -> None:
        """Makes ``wide`` what float64 has of a new tensor."""
        shared = {storage_key(one.wide) for one in self._found.values()}
        alike = (wide.shape, wide.stride(), wide.storage_offset()) == (tensor.shape, tensor.stride(), 0)
        if alike and _count(wide) == _count(tensor) and storage_key(wide) not in shared:
            memory = torch.view_as_real(wide) if wide.is_complex() else wide
            self._keep(tensor, memory.as_strided((_count(wide),), (1,), 0))
            return
        target = self.made(tensor)
        radius = self._watch.undecided(wide)
        target.copy_(wide)
        if radius is not None:
            self._watch.set(target, radius)

    def _keep(self, tensor: Tensor, everything: Tensor) -> None:
        reference = StorageWeakRef(tensor.untyped_storage())
        self._found[storage_key(tensor)] = _WideStorage(reference, tensor.dtype.to_real(), everything)


def widened(tensor: Tensor, *, copy: bool = False) -> Tensor:
    """A tensor with its floats and complex numbers in float64; others as they are."""
    return tensor.to(wide_dtype(tensor.dtype), copy=copy)


def wide_dtype(dtype: torch.dtype) -> torch.dtype:
    """The dtype in which float64 has numbers of a dtype."""
    if dtype.is_complex:
        return torch.complex128
    return torch.float64 if dtype.is_floating_point else dtype


def _plain(tensor: Tensor) -> Tensor:
    """A tensor's memory as it is, without a conjugation that is put off."""
    return tensor.detach().conj() if tensor.is_conj() else tensor.detach()


def _count(tensor: Tensor) -> int:
    """How many numbers its storage holds; a complex one is two."""
    return tensor.untyped_storage().nbytes() // tensor.dtype.to_real().itemsize
