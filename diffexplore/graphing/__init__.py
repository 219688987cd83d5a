"""Computational graphs: how a loss is computed from its inputs, and how its derivatives flow back to them.

:func:`graph_of` makes the graph of a loss or of a traced torch function; :func:`to_dot` and :func:`to_svg` draw it.
"""

from typing import TYPE_CHECKING

from diffexplore.lazily import loaded

if TYPE_CHECKING:
    from diffexplore.graphing.build import graph_of
    from diffexplore.graphing.dot import to_dot
    from diffexplore.graphing.records import Edge, Graph, Node, Number
    from diffexplore.graphing.svg import to_svg

__all__ = ["Edge", "Graph", "Node", "Number", "graph_of", "to_dot", "to_svg"]

_HOMES = {"graph_of": "build", "to_dot": "dot", "to_svg": "svg"}

__getattr__ = loaded(__name__, _HOMES | dict.fromkeys(("Edge", "Graph", "Node", "Number"), "records"))
