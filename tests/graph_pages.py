"""A graph as it is shown: its text, and its nodes by name."""

from __future__ import annotations

import io

from rich.console import Console

from diffexplore.graphing import Graph, Node
from diffexplore.render.graphs import outline
from diffexplore.render.terminal import Drawing


def named(graph: Graph, name: str) -> Node:
    return next(node for node in graph.nodes if node.name == name)


def page(graph: Graph, width: int = 80, ascii: bool = False) -> str:
    shown = io.StringIO()
    console = Console(file=shown, width=width, color_system=None, highlight=False)
    console.print(Drawing(tuple(outline(graph)), ascii=ascii))
    return shown.getvalue()
