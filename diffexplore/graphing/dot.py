"""A graph as DOT text, for Graphviz and whatever else reads it."""

from __future__ import annotations

from collections.abc import Iterator

from diffexplore.graphing.records import Edge, Graph, Node

_SHAPES = {"parameter": "ellipse", "data": "ellipse", "operation": "box", "sum": "box"}


def to_dot(graph: Graph) -> str:
    """The graph in the DOT language, from the inputs down to the loss.

    Nodes are n1, n2, …, labelled with formula, value and adjoint; edges are labelled with the local derivative.
    """
    return "".join(f"{line}\n" for line in _lines(graph))


def _lines(graph: Graph) -> Iterator[str]:
    yield f"digraph {_quoted(graph.name or 'loss')} {{"
    yield "  rankdir=TB;"
    yield '  node [fontname="Helvetica", fontsize=11];'
    yield '  edge [fontname="Helvetica", fontsize=10];'
    for node in graph.nodes:
        style = ", style=rounded" if not node.is_input else ""
        yield f"  n{node.number} [shape={_SHAPES[node.kind]}{style}, label={_quoted(*_label(node))}];"
    for edge in graph.edges:
        style = "" if edge.smooth else ", style=dashed"
        yield f"  n{edge.operand} -> n{edge.result} [label={_quoted(_on(edge))}{style}];"
    yield "}"


def _label(node: Node) -> Iterator[str]:
    yield node.equation
    if node.value is not None:
        yield f"value {node.value.text}"
    if node.adjoint is not None:
        yield f"{node.derivative} = {node.adjoint.text}"
    elif node.adjoint_rule is not None:
        yield node.adjoint_equation


def _on(edge: Edge) -> str:
    if not edge.smooth:
        return "decides"
    return edge.local if edge.value is None or edge.value.text == edge.local else f"{edge.local} = {edge.value.text}"


def _quoted(*lines: str) -> str:
    r"""Lines as one string of DOT, with ``\n`` between them."""
    escaped = (line.replace("\\", "\\\\").replace('"', '\\"') for line in lines)
    return '"' + "\\n".join(escaped) + '"'
