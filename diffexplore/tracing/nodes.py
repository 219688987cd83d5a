"""Nodes of a captured graph: which operator one calls, what is known of its operands, and whether it writes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch.fx import Node

from diffexplore.torch_ops import registry
from diffexplore.torch_ops.readers.arrays import Grid
from diffexplore.torch_ops.records import Operator
from diffexplore.torch_private.watching import OpOverload

#: Operators that change the shape of their argument in place, not its elements.
RESHAPES = ("squeeze_", "unsqueeze_", "t_", "transpose_", "swapaxes_")


def operator_of(node: Node) -> Operator | None:
    return registry.of(node.target) if isinstance(node.target, OpOverload) else None


def only_checks(node: Node) -> bool:
    """Whether an operator makes nothing and changes nothing, as one that looks for errors."""
    return isinstance(node.target, OpOverload) and not (node.target._schema.returns or node.target._schema.is_mutable)


def metas_of(node: Node) -> list[Any]:
    """What is known of the operands of a node without reading them."""
    return [one.meta.get("val") for one in node.all_input_nodes]


def is_in_place(node: Node) -> bool:
    return registry.is_in_place(name_of(node))


def name_of(node: Node) -> str:
    if isinstance(node.target, OpOverload):
        return registry.base_name(node.target)
    return getattr(node.target, "__name__", str(node.target))


def as_given(node: Node, operands: Sequence[Any]) -> Sequence[Any]:
    """The operands of a node as they are before it writes into one of them."""
    if not is_in_place(node):
        return operands
    return [Grid(one.cells.copy(), one.axis) if isinstance(one, Grid) else one for one in operands]
