"""What looking on at operations takes: dispatch modes, storages, the place within a backward pass, decompositions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from diffexplore.torch_private.supported import needed_names

with needed_names():
    from torch._C import DisableTorchFunction
    from torch._C import _current_graph_task_id as current_graph_task
    from torch._decomp import decomposition_table
    from torch._ops import OpOverload
    from torch.autograd.function import BackwardCFunction
    from torch.multiprocessing.reductions import StorageWeakRef
    from torch.utils._python_dispatch import TorchDispatchMode
    from torch.utils._python_dispatch import _disable_current_modes as disable_current_modes
    from torch.utils._python_dispatch import _get_current_dispatch_mode_stack as current_dispatch_modes
    from torch.utils._pytree import tree_leaves, tree_map

if TYPE_CHECKING:
    import torch

__all__ = [
    "BackwardCFunction",
    "DisableTorchFunction",
    "OpOverload",
    "StorageWeakRef",
    "TorchDispatchMode",
    "current_dispatch_modes",
    "current_graph_task",
    "decomposition_table",
    "disable_current_modes",
    "storage_key",
    "tree_leaves",
    "tree_map",
]


def storage_key(tensor: torch.Tensor) -> int:
    """A number that tensors have in common exactly where they share their memory, while one of them is alive."""
    return tensor.untyped_storage()._cdata
