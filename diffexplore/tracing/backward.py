"""Backward passes that somebody wrote, in a graph of autograd: where they are, and what they do to their tensors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch.autograd.graph import GradientEdge

from diffexplore.errors import UsageError
from diffexplore.torch_private.functions import is_written_by_hand

Tensor = torch.Tensor

SECOND_CALL = (
    "the backward overwrites what it saved, so that a second call on the same graph (retain_graph=True) gives another "
    "gradient"
)

#: What torch says where a tensor that was saved for the backward pass has been written into since.
_OVERWRITTEN = "modified by an inplace operation"

#: Nodes that stand for many operations, which run as if nothing were to be differentiated, by how their names begin.
_OUT_OF_SIGHT = {
    "torch::jit::": "the code that TorchScript differentiates as one step",
    "torch::autograd::CppNode<": "the autograd Function {} in C++",
}


def nodes_of(output: Tensor | GradientEdge) -> Iterator[Any]:
    """All nodes of the graph behind an output."""
    waiting, seen = [output.grad_fn if isinstance(output, Tensor) else output.node], set()
    while waiting:
        node = waiting.pop()
        if node is not None and node not in seen:
            seen.add(node)
            yield node
            waiting += [following for following, _ in node.next_functions]


def is_computed_from(output: Tensor, sources: Sequence[Tensor]) -> bool:
    """Whether the graph behind an output leads to one of the sources."""
    inner = {source.grad_fn for source in sources if source.grad_fn is not None}
    leads = any(node in inner for node in nodes_of(output)) if inner else False
    return leads or any(leaf is source for leaf in leaves_of(output) for source in sources)


def leaves_of(output: Tensor | GradientEdge) -> Iterator[Tensor]:
    """The tensors that the graph behind an output leaves a gradient in."""
    for node in nodes_of(output):
        leaf = getattr(node, "variable", None)
        if isinstance(leaf, Tensor):
            yield leaf


def written_by_hand(output: Tensor) -> tuple[Any, ...]:
    """The nodes of autograd Functions; what torch compiled is none."""
    return tuple(filter(is_written_by_hand, nodes_of(output)))


def steps_out_of_sight(output: Tensor) -> tuple[str, ...]:
    """The steps of the graph behind an output that stand for many operations, which autograd does not see."""
    found: dict[str, None] = {}
    for name in (str(node.name()) for node in nodes_of(output)):
        for begin, what in _OUT_OF_SIGHT.items():
            if name.startswith(begin):
                found[what.format(name.removeprefix(begin).rstrip(">"))] = None
    return tuple(found)


def gradients(output: Tensor, sources: Sequence[Tensor], *, retain_graph: bool = False) -> tuple[Tensor | None, ...]:
    """Those of an output by its sources, None by what it does not depend on.

    A reentrant checkpoint refuses gradients by some tensors alone: then all leaves gather theirs.
    """
    if not any(function_name(node) == "CheckpointFunction" for node in written_by_hand(output)):
        return torch.autograd.grad(output, sources, allow_unused=True, retain_graph=retain_graph)
    output.backward(retain_graph=retain_graph)
    found = tuple(source.grad for source in sources)
    for source in sources:
        source.grad = None
    return found


def function_name(node: Any) -> str:
    """The Function of a node, by the name of its class."""
    return str(node.name()).rpartition("::")[2].removesuffix("Backward")


def is_overwritten(error: Exception) -> bool:
    """Whether an exception says that a saved tensor was overwritten."""
    return _OVERWRITTEN in str(error)


class UpstreamWatch:
    """Which Functions write into the upstream gradient that they are given: others may use the same tensor."""

    def __init__(self, output: Tensor) -> None:
        self.modified: dict[str, None] = {}
        for node in written_by_hand(output):
            self._watch(node)

    def _watch(self, node: Any) -> None:
        given: list[tuple[Tensor, int]] = []

        def before(upstream: tuple[Tensor | None, ...]) -> None:
            given[:] = [(tensor, tensor._version) for tensor in upstream if tensor is not None]

        def after(gradients: Any, upstream: Any) -> None:
            if any(tensor._version != version for tensor, version in given):
                self.modified[function_name(node)] = None
            given.clear()

        node.register_prehook(before)
        node.register_hook(after)


def check_accumulation(leaves: Mapping[str, Tensor]) -> None:
    """Raises UsageError where an argument's ``.grad`` gets something else than the gradient that autograd computes."""
    for name, leaf in leaves.items():
        if getattr(leaf, "_post_accumulate_grad_hooks", None):
            raise UsageError(
                f"a hook changes {name}.grad after it is accumulated (register_post_accumulate_grad_hook), which "
                "cannot be read: change the gradient in the backward pass, by register_hook"
            )
        if leaf.grad is not None:
            raise UsageError(f"the function writes to {name}.grad itself, which cannot be read: leave it to autograd")
