"""Computational graphs: how a loss is computed from its inputs, and how its derivatives flow back to them.

:func:`graph_of` makes the graph of a loss or of a traced torch function; :func:`to_dot` and :func:`to_svg` draw it.
"""

from diffexplore.graphing.build import graph_of
from diffexplore.graphing.dot import to_dot
from diffexplore.graphing.records import Edge, Graph, Node, Number
from diffexplore.graphing.svg import to_svg

__all__ = ["Edge", "Graph", "Node", "Number", "graph_of", "to_dot", "to_svg"]
