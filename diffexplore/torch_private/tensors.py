"""What checking functions of tensors takes: users' operators, and containers with the paths of their leaves."""

from __future__ import annotations

from diffexplore.torch_private.supported import needed_names

with needed_names():
    from torch._library.custom_ops import CustomOpDef
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
]
