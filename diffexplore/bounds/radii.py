"""The radii of the elements of storages: tensors that share memory share them, whatever their shapes and strides."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch

from diffexplore.torch_private.watching import StorageWeakRef, storage_key

Tensor = torch.Tensor

#: Marks elements of which nothing is known, since something that was not seen may have written them.
FORGOTTEN = -math.inf


@dataclass
class _Storage:
    """The radii of a tensor that holds all elements of a storage, or of all elements in their order.

    ``layout`` is that tensor's; ``item`` counts the bytes of an element.
    """

    reference: Any
    layout: tuple[Any, ...]
    radii: Tensor
    item: int

    @property
    def is_uniform(self) -> bool:
        return not any(self.radii.stride()) or self.radii.dim() == 0

    def flat(self, count: int) -> Tensor:
        """The radii of all elements, in order."""
        if self.layout[1:3] != ((count,), (1,)):
            offset, shape, strides, dtype = self.layout
            flat = torch.empty(count, dtype=self.radii.dtype, device=self.radii.device)
            flat.as_strided(shape, strides, offset).copy_(self.radii)
            self.layout, self.radii = (0, (count,), (1,), dtype), flat
        return self.radii


class StorageRadii:
    """What is known of storages, as long as they are alive."""

    def __init__(self) -> None:
        self._storages: dict[int, _Storage] = {}
        self._forgot = False

    def __contains__(self, tensor: Tensor) -> bool:
        return storage_key(tensor) in self._storages

    def take_over(self, other: StorageRadii, tensors: Iterable[Tensor]) -> None:
        """Knows of the storages of some tensors what another one does."""
        keys = {storage_key(tensor) for tensor in tensors}
        self._storages |= {key: other._storages[key] for key in keys if key in other._storages}
        self._forgot |= other.has_forgotten

    def purge(self) -> None:
        """Drops storages that are gone."""
        self._storages = {key: one for key, one in self._storages.items() if not one.reference.expired()}

    @property
    def has_forgotten(self) -> bool:
        """Whether elements of any storage were forgotten."""
        return self._forgot

    def forget(self, tensor: Tensor) -> None:
        """Marks a tensor's elements as such of which nothing is known."""
        self._forgot = True
        unknown = torch.tensor(FORGOTTEN, dtype=torch.float64, device=tensor.device)
        self.write(tensor, unknown.bool() if tensor.dtype == torch.bool else unknown)

    def state(self, tensor: Tensor) -> object | None:
        """What is known of a tensor's storage, another object after each time that it was written."""
        known = self._storages.get(storage_key(tensor))
        return None if known is None or known.reference.expired() else known

    def read(self, tensor: Tensor) -> Tensor | None:
        """The radii of a tensor's elements; None where none of its storage is known."""
        known = self._storages.get(storage_key(tensor))
        if known is None:
            return None
        if known.layout == _layout(tensor):
            return known.radii
        item = tensor.element_size()
        if known.is_uniform and known.item == item:
            return (
                known.radii.as_strided((), ()).expand(tensor.shape)
                if known.radii.numel()
                else known.radii.new_zeros(tensor.shape)
            )
        flat = known.flat(_held(tensor, known.item))
        if known.item != item:
            flat = _of_other_size(flat, known.item, item)
        return flat.as_strided(tensor.shape, tensor.stride(), tensor.storage_offset())

    def write(self, tensor: Tensor, radius: Tensor) -> None:
        """Sets the radii of a tensor's elements; those of others in its storage stay as they are."""
        key, item = storage_key(tensor), tensor.element_size()
        radius = radius.expand(tensor.shape) if radius.shape != tensor.shape else radius
        count = _held(tensor, item)
        known = self._storages.get(key)
        if known is not None and known.reference.expired():
            known = None
        layout = _layout(tensor)
        if not _holds_all(tensor, count):
            radius, layout = self._merged(known, tensor, radius, count), (0, (count,), (1,), tensor.dtype)
        reference = StorageWeakRef(tensor.untyped_storage()) if known is None else known.reference
        self._storages[key] = _Storage(reference, layout, radius, item)

    def _merged(self, known: _Storage | None, tensor: Tensor, radius: Tensor, count: int) -> Tensor:
        item = tensor.element_size()
        if known is None:
            flat = torch.zeros(count, dtype=radius.dtype, device=radius.device)
        else:
            flat = known.flat(_held(tensor, known.item))
            flat = _of_other_size(flat, known.item, item) if known.item != item else flat.clone()
        if flat.dtype != radius.dtype:
            flat, radius = (
                torch.where(one, math.inf, 0.0) if one.dtype == torch.bool else one for one in (flat, radius)
            )
        repeated = [i for i, stride in enumerate(tensor.stride()) if stride == 0 and tensor.shape[i] > 1]
        if repeated:  # an expanded tensor has one number in many places
            radius = radius.amax(repeated, keepdim=True)
        flat.as_strided(radius.shape, tensor.stride(), tensor.storage_offset()).copy_(radius)
        return flat


def _of_other_size(flat: Tensor, item: int, size: int) -> Tensor:
    """The radii of complex numbers for their parts, and the other way round; nothing is known of other bytes."""
    if size * 2 == item:
        return flat.repeat_interleave(2)
    if size == item * 2 and flat.numel() % 2 == 0 and flat.dtype != torch.bool:
        return flat.reshape(-1, 2).sum(-1)
    return torch.full((flat.numel() * item // size,), math.inf, dtype=torch.float64, device=flat.device)


def _held(tensor: Tensor, item: int) -> int:
    return tensor.untyped_storage().nbytes() // item


def _holds_all(tensor: Tensor, count: int) -> bool:
    """Whether each element of the storage is one of the tensor's."""
    return tensor.numel() == count and (
        tensor.is_contiguous()
        or all(stride > 0 for stride, length in zip(tensor.stride(), tensor.shape, strict=True) if length > 1)
    )


def _layout(tensor: Tensor) -> tuple[Any, ...]:
    return (tensor.storage_offset(), tuple(tensor.shape), tuple(tensor.stride()), tensor.dtype)
