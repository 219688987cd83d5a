"""The floats that a captured graph computes with."""

from __future__ import annotations

from torch.fx import GraphModule

from diffexplore.torch_private.watching import tree_map

#: A float with so large a denominator, which is not recognised, may be computed from another one.
LONG = 2**32


def floats_of(graph: GraphModule) -> tuple[float, ...]:
    """The floats among the arguments of a graph, each once."""
    found: dict[float, None] = {}
    for node in graph.graph.nodes:
        tree_map(lambda part: found.setdefault(part) if isinstance(part, float) else None, (node.args, node.kwargs))
    return tuple(found)
