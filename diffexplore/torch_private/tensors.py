"""What checking functions of tensors takes: users' operators, and containers with the paths of their leaves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from weakref import ref

import torch

from diffexplore.torch_private.supported import needed_names
from diffexplore.torch_private.watching import redispatched

with needed_names():
    from torch._library.custom_ops import OPDEFS, CustomOpDef
    from torch._ops import OpOverload, OpOverloadPacket
    from torch.utils._pytree import MappingKey, SequenceKey, tree_flatten_with_path, tree_map

__all__ = [
    "CustomOpDef",
    "MappingKey",
    "OpOverload",
    "OpOverloadPacket",
    "SequenceKey",
    "keep_hooks",
    "lies_in_other_tensors",
    "tree_flatten_with_path",
    "tree_map",
    "written_codes",
]


def keep_hooks(tensor: torch.Tensor, original: torch.Tensor) -> torch.Tensor:
    """``tensor``, on whose gradient the hooks work that ``original`` has: autograd runs them, and so do checks."""
    if tensor is not original and tensor.requires_grad and not tensor._backward_hooks:
        for hook in (original._backward_hooks or {}).values():
            tensor.register_hook(hook)
    return tensor


def lies_in_other_tensors(tensor: torch.Tensor) -> bool:
    """Whether its class runs operations itself, on tensors that hold its numbers, and a copy on the CPU is no other."""
    return tensor.is_nested or (_runs_operations(tensor) and _runs_operations(tensor.detach().cpu()))


def _runs_operations(tensor: torch.Tensor) -> bool:
    return type(tensor).__torch_dispatch__ is not torch.Tensor.__torch_dispatch__


class _WrittenOperators:
    """Operators that are written in Python with ``torch.library``, and the code that runs right above them."""

    def __init__(self) -> None:
        self._known: Sequence[ref[Any]] | None = None
        self.codes: frozenset[int] = frozenset()

    def update(self) -> None:
        known = OPDEFS.valuerefs()
        if known != self._known:  # they come and go, and one may have the name of another that is gone
            functions = (one._init_fn for one in OPDEFS.values())
            codes = (getattr(one, "__code__", None) for one in (redispatched, *functions))
            self.codes = frozenset(id(code) for code in codes if code is not None)
            self._known = known


_OPERATORS = _WrittenOperators()


def written_codes() -> frozenset[int]:
    """The code that runs right above that of every operator which was written in Python with ``torch.library``.

    By identity: to find a code by its value takes a look at all of its instructions.
    """
    _OPERATORS.update()
    return _OPERATORS.codes
