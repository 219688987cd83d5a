"""What a reader of a graph sees: the tree of its operations, and how derivatives flow back."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from diffexplore.graphing.records import Edge, Graph, Node, Number
from diffexplore.numerals import ABSENT
from diffexplore.writing.blocks import Block, Column, Formula, FormulaList, Gap, Heading, Note, Span, Table, Text, text
from diffexplore.writing.names import reduced_partial
from diffexplore.writing.numbers import counted, point_text

#: Deeper nodes get a tree of their own, which fits a page.
_DEEPEST = 9

#: Lines and characters of one screen, the lines without a gap and two titles each of the tree and of the way back.
_SCREEN, _WIDTH = 33, 80

#: Characters around a formula in a list, and before what it is in the inputs; nodes that one screen lists by name.
_AROUND, _BETWEEN, _MOST_NAMES = 11, 3, 16

#: A closed formula with more characters is left to the JSON document.
_LONGEST = 150


@dataclass(frozen=True)
class _OperationLine:
    """A place in the tree: the node, the edge towards the root, and whether the node was shown before."""

    branches: str
    node: Node
    edge: Edge | None
    again: bool


def outline(graph: Graph, *, full: bool = True) -> Iterator[Block]:
    """The blocks of a graph: what it is, the tree from the loss down to its inputs, the way back, notes.

    One that is not ``full`` leaves out what one screen has no room for: steps of the way back, then of the tree.
    """
    yield headline(graph)
    if graph.formula is not None:
        yield FormulaList((Formula("L", graph.formula),))
    yield Gap()
    every, notes = list(_lines(graph)), list(_notes(graph, full))
    steps = [node for node in reversed(graph.nodes) if node.adjoint_rule is not None]
    room = _SCREEN - sum(map(_height, notes)) - (2 if graph.formula is None else 3)
    lines, back = (every, steps) if full else _fitting(every, steps, room)
    yield Heading("Forward", "and the local derivative of the node above each")
    yield _tree(every, lines, valued=graph.point is not None)
    yield from _left_out(len(every) - len(lines), "further line")
    yield Gap()
    yield Heading("Backward", "by the chain rule; = in the inputs")
    yield FormulaList(tuple(map(_chain, back)))
    yield from _left_out(len(steps) - len(back), "other step")
    if notes:
        yield Gap()
    for note in notes:
        yield Note(text(note, "quiet"), "·")


def _left_out(count: int, what: str) -> Iterator[Block]:
    if count:
        yield Note(text(f"and {counted(count, what)}: --full", "quiet"))


def _fitting(lines: list[_OperationLine], back: list[Node], room: int) -> tuple[list[_OperationLine], list[Node]]:
    """What fits into ``room`` lines: the derivatives in the inputs first, then the tree, then the steps between."""
    if len(lines) + sum(map(_lines_of_chain, back)) <= room:
        return lines, back
    kept: list[Node] = []
    room -= 1  # for what is left out
    for node in sorted(back, key=lambda node: not node.is_input):
        most = room - (min(len(lines), room // 2) if node.is_input else len(lines))
        if kept and sum(map(_lines_of_chain, [*kept, node])) > most:
            break
        kept.append(node)
    left = room - sum(map(_lines_of_chain, kept))
    return lines if len(lines) <= left else lines[: max(room // 2, left - 1)], [node for node in back if node in kept]


def _lines_of_chain(node: Node) -> int:
    """The lines that the derivative of a node takes, with what it is in the inputs below where that is long."""
    chain = _chain(node)
    rule, closed = len(chain.expression), len(chain.remark)
    room = _WIDTH - len(chain.label) - _AROUND
    beside = rule + (_BETWEEN + closed if closed else 0) <= room
    return 1 if beside else math.ceil(rule / room) + math.ceil(closed / room)


def _height(note: str) -> int:
    return math.ceil(len(note) / (_WIDTH - _AROUND))


def headline(graph: Graph) -> Heading:
    """What the graph is of, and where."""
    places = [f"at {point_text(graph.point)}"] if graph.point else []
    places += [counted(graph.samples, "sample")] if graph.samples is not None else []
    sizes = [counted(len(graph.nodes), "node"), counted(len(graph.edges), "edge")]
    return Heading(f"Graph of {graph.name or 'L'}", ", ".join([*sizes, *(["; ".join(places)] if places else [])]))


def _tree(every: list[_OperationLine], lines: list[_OperationLine], *, valued: bool) -> Table:
    """The ``lines`` of ``every`` one that there is."""
    shared = {line.node.number for line in every if line.again}
    numbers = (Column("value"), Column("adjoint")) if valued else ()
    columns = (Column.left(), *numbers, Column.left("local derivative", flexible=True))
    return Table(columns, tuple(_row(line, shared, valued) for line in lines))


def _lines(graph: Graph) -> Iterator[_OperationLine]:
    """The tree, and after it those of nodes that are too deep in it; each node with its operands only once."""
    shown: set[int] = set()
    waiting = [graph.output.number]
    while waiting:
        yield from _subtree(graph, waiting.pop(0), None, "", "", 0, shown, waiting)


def _subtree(
    graph: Graph, number: int, edge: Edge | None, first: str, further: str, depth: int, shown: set[int],
    waiting: list[int],
) -> Iterator[_OperationLine]:  # fmt: skip
    node, operands = graph.node(number), graph.operands(number)
    postponed = edge is not None and depth > _DEEPEST and bool(operands)
    if number in shown or number in waiting or postponed:
        if postponed and number not in shown and number not in waiting:
            waiting.append(number)
        yield _OperationLine(first, node, edge, again=True)
        return
    shown.add(number)
    yield _OperationLine(first, node, edge, again=False)
    for place, operand in enumerate(operands):
        last = place == len(operands) - 1
        branch, below = ("└ ", "  ") if last else ("├ ", "│ ")
        yield from _subtree(
            graph, operand.operand, operand, further + branch, further + below, depth + 1, shown, waiting
        )


def _row(line: _OperationLine, shared: set[int], valued: bool) -> tuple[Text, ...]:
    """Tree, value, adjoint and local derivative; a node that was shown before is named by its number alone."""
    node = line.node
    if line.again:
        shown: Text = (Span(line.branches, "quiet"), Span(node.name), Span(f" (#{node.number})", "quiet"))
    else:
        number = f"#{node.number} " if node.number in shared else ""
        shown = (Span(line.branches, "quiet"), Span(number, "quiet"), Span(node.equation))
    value = "" if line.again else _value(node.value)
    adjoint = "" if line.again or node.adjoint_rule is None else _value(node.adjoint)
    return (shown, *((text(value), text(adjoint)) if valued else ()), text(_local(line.edge), "quiet"))


def _value(number: Number | None) -> str:
    return ABSENT if number is None else number.text


def _local(edge: Edge | None) -> str:
    if edge is None:
        return ""
    return edge.beside_value(edge.local) if edge.smooth else "0: nothing flows back"


def _chain(node: Node) -> Formula:
    rule, closed = node.adjoint_rule or "", node.adjoint_formula
    known = closed is not None and closed != rule and len(closed) <= _LONGEST
    return Formula(reduced_partial(node.name), rule, f"= {closed}" if known else "")


def _notes(graph: Graph, full: bool) -> Iterator[str]:
    by_sample = [node.name for node in graph.nodes if node.by_sample]
    if not full and len(by_sample) > _MOST_NAMES:
        by_sample = [f"{counted(len(by_sample))} of these"]
    if by_sample or graph.sample is not None:
        shown = "" if graph.sample is None else f"; those of sample {graph.sample} are shown"
        yield f"{', '.join(by_sample)} have a value for each sample{shown}"
    if any(node.adjoint_rule is not None and "Σ" in node.adjoint_rule for node in graph.nodes):
        yield "Σ adds up over the samples: all of them use the same node"
    yield from graph.notes
