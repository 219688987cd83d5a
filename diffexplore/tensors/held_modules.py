"""Modules that a function is, or is given: while it runs they hold the copies of its inputs.

The forward of a module has them anyway. A backward pass that reads a module's own parameters, or leaves gradients in
them, as that of a reversible block does, finds them as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch.jit import ScriptModule

from diffexplore.torch_private.watching import tree_leaves

Tensor = torch.Tensor


def modules_in(arguments: Iterable[Any]) -> list[torch.nn.Module]:
    """The modules among arguments, or within them, whose backward passes run Python."""
    found: list[torch.nn.Module] = []
    for one in arguments:
        if one is None or isinstance(one, Tensor):  # most are: no tree is walked for them
            continue
        leaves = [one] if isinstance(one, torch.nn.Module) else tree_leaves(one)
        found += [leaf for leaf in leaves if isinstance(leaf, torch.nn.Module)]
    return found


@contextmanager
def holding(modules: Iterable[torch.nn.Module], copies: Mapping[int, Tensor]) -> Iterator[None]:
    """Inside the block the modules have ``copies``, by the ids of what they stand for, as parameters and buffers."""
    replaced: list[tuple[dict[str, Any], str, Tensor]] = [
        (tensors, name, tensor)
        for part in dict.fromkeys(part for module in modules for part in module.modules())
        if not isinstance(part, ScriptModule)
        for tensors in (part._parameters, part._buffers)
        for name, tensor in tensors.items()
        if tensor is not None and id(tensor) in copies
    ]
    try:
        for tensors, name, tensor in replaced:
            tensors[name] = copies[id(tensor)]
        yield
    finally:
        for tensors, name, tensor in replaced:
            tensors[name] = tensor
