"""Copies of tensors that a function is given, expanded as they are."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from torch.utils.weak import WeakTensorKeyDictionary

from diffexplore.errors import UsageError
from diffexplore.torch_private.tensors import keep_hooks, lies_in_other_tensors

Tensor = torch.Tensor

_CALLED_AT: MutableMapping[Tensor, bool] = WeakTensorKeyDictionary()


def copy_of(tensor: Tensor) -> Tensor:
    """A leaf of the same values, strides, dtype and device, that requires a gradient where ``tensor`` does.

    Hooks on the gradient by ``tensor`` are kept, as those of a module's parameters: they belong to what is checked.
    That of an expanded tensor is expanded as well, unless it requires a gradient: then each entry is a variable.
    """
    if is_expanded(tensor) and not tensor.requires_grad:
        return once(tensor).clone().expand(tensor.shape)
    return keep_hooks(tensor.detach().clone().requires_grad_(tensor.requires_grad), tensor)


def note_copy(tensor: Tensor) -> None:
    """Keeps in mind, while it is alive, that a leaf is what a function is called at."""
    if tensor.requires_grad:
        _CALLED_AT[tensor] = True


#: What functions were called at in the check that runs, and how many bytes may still be kept.
_KEPT: ContextVar[tuple[list[Tensor], list[int]] | None] = ContextVar("tensors kept alive", default=None)

_MOST_BYTES = 2**28


@contextmanager
def copies_kept() -> Iterator[None]:
    """Inside the block tensors that functions are called at stay alive, as far as 256 MiB go.

    A cache that goes by ``id`` or by the place in memory would now and then take another tensor for one that is gone.
    """
    if _KEPT.get() is not None:
        yield
        return
    token = _KEPT.set(([], [_MOST_BYTES]))
    try:
        yield
    finally:
        _KEPT.reset(token)


def keep_alive(tensor: Tensor) -> None:
    """Keeps a tensor until the check that runs is over."""
    kept = _KEPT.get()
    if kept is None:
        return
    tensors, left = kept
    left[0] -= tensor.numel() * tensor.element_size()
    if left[0] >= 0:
        tensors.append(tensor)


def was_called_at(leaf: Tensor) -> bool:
    """Whether it is what a function was called at, in this check or in an earlier one."""
    return leaf in _CALLED_AT


def check_readable(tensor: Tensor, name: str) -> None:
    """Raises UsageError for tensors that are differentiated and whose numbers cannot be read, nor copied."""
    if not tensor.requires_grad and not tensor.is_nested:
        return
    if lies_in_other_tensors(tensor):
        kind = "nested tensor" if tensor.is_nested else type(tensor).__name__
        raise UsageError(f"{name} is a {kind}, whose numbers lie in other tensors: take and return plain ones")
    if tensor.is_mkldnn:
        raise UsageError(f"{name} is laid out for oneDNN: take and return plain tensors")


def is_expanded(tensor: Tensor) -> bool:
    """Whether several of its entries are one element in memory, along some axis."""
    strided = tensor.layout == torch.strided and tensor.numel() > 0
    return strided and any(n > 1 and not step for n, step in zip(tensor.shape, tensor.stride(), strict=True))


def once(tensor: Tensor) -> Tensor:
    """A view of an expanded tensor in which each element stands once: expanded axes have length 1."""
    whole = zip(tensor.shape, tensor.stride(), strict=True)
    return tensor.detach()[tuple(slice(0, 1) if n > 1 and not step else slice(None) for n, step in whole)]
