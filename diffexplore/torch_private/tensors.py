"""What checking functions of tensors takes: users' operators, and containers with the paths of their leaves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from diffexplore.torch_private.supported import needed_names

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
    "tree_flatten_with_path",
    "tree_map",
    "written_operator",
]


def written_operator(function: Any) -> Callable[..., Any] | None:
    """The Python that a user wrote for an operator by ``torch.library.custom_op``; None for any other operator."""
    if function.namespace in ("aten", "prims"):
        return None
    known = OPDEFS.get(function._schema.name)
    return None if known is None else known._init_fn
