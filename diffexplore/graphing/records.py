"""What a graph says, in plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from diffexplore.decide.records import EnclosedValue
from diffexplore.documents import Displayed, Plain
from diffexplore.lists import grouped

if TYPE_CHECKING:
    pass

Kind = Literal["parameter", "data", "operation", "sum"]


@dataclass(frozen=True)
class Number(Plain):
    """A value as it is shown, right in every digit, and the enclosure that proves it.

    A text without trailing zeros, such as ``2.5``, is the value itself; ``2.50000`` is rounded.
    """

    text: str
    ball: EnclosedValue

    def to_dict(self) -> dict[str, Any]:
        return {"text": self.text, "mid": self.ball.middle, "rad": self.ball.radius}


@dataclass(frozen=True)
class Node(Plain):
    """An input, or the result of an operation.

    Attributes:
        number: its place in the order of computation, from 1.
        name: the symbol of an input; v and the number for a result; L for the last one.
        kind: "sum" is the sum over the samples.
        rule: how it is computed from other nodes; its name for an input.
        formula: the same in the symbols of the loss; None where that is too long to be read.
        by_sample: whether it has a value for each sample. Then value and adjoint are those of one.
        value: None without a point and data, and where nothing is certain.
        adjoint_rule: ∂L/∂node from the adjoints of the nodes that use it; None where it is not requested.
        adjoint_formula: the same in the symbols of the loss, or None.
        adjoint: its value.
    """

    number: int
    name: str
    kind: Kind
    rule: str
    formula: str | None
    by_sample: bool
    value: Number | None = None
    adjoint_rule: str | None = None
    adjoint_formula: str | None = None
    adjoint: Number | None = None

    @property
    def is_input(self) -> bool:
        return self.kind in ("parameter", "data")

    @property
    def equation(self) -> str:
        """``v3 = v1·v2``: how it is computed from other nodes; the name of an input."""
        return self.name if self.is_input else f"{self.name} = {self.rule}"

    @property
    def derivative(self) -> str:
        """``∂L/∂v3``: its adjoint by name."""
        return f"∂L/∂{self.name}"

    @property
    def adjoint_equation(self) -> str:
        """``∂L/∂v3 = 2·a``: its adjoint in the symbols of the loss where that is known, else by the chain rule."""
        return f"{self.derivative} = {self.adjoint_formula or self.adjoint_rule}"


@dataclass(frozen=True)
class Edge(Plain):
    """From an operand to the result of an operation, by their numbers.

    Attributes:
        local: the derivative of the result by the operand, in names of nodes.
        value: its value, where the nodes have some.
        smooth: whether a derivative flows back here; not where the operand only decides which branch is taken.
    """

    operand: int
    result: int
    local: str
    value: Number | None = None
    smooth: bool = True

    def beside_value(self, local: str) -> str:
        """``local``, a text for the local derivative, with its value where that says more."""
        if self.value is None or self.value.text == self.local.replace("−", "-"):
            return local
        return f"{local} = {self.value.text}"


@dataclass(frozen=True, repr=False)
class Graph(Displayed):
    """How a loss is computed, and its adjoints: ∂L/∂node for every node.

    Attributes:
        name: of the loss, or None.
        formula: the loss over all samples; None where that is too long to be read.
        nodes: in the order of computation, the inputs first and the loss last.
        edges: in the order of the results.
        point: the values of the parameters; None for a graph of formulas.
        samples: how many samples there are; None without data, or without values.
        sample: the one whose values nodes by sample show, from 0; None where there are none.
        notes: what a reader should know beside.
    """

    _FULL = True
    _FIRST = ("name", "formula", "point", "samples", "sample")

    name: str | None
    formula: str | None
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    point: Mapping[str, float] | None = None
    samples: int | None = None
    sample: int | None = None
    notes: tuple[str, ...] = ()

    @property
    def output(self) -> Node:
        return self.nodes[-1]

    def node(self, number: int) -> Node:
        """The node of that number."""
        return self.nodes[number - 1]

    @cached_property
    def _into(self) -> dict[int, tuple[Edge, ...]]:
        return {number: tuple(edges) for number, edges in grouped(self.edges, lambda edge: edge.result).items()}

    def operands(self, number: int) -> tuple[Edge, ...]:
        """The edges that lead into a node."""
        return self._into.get(number, ())

    def _repr_svg_(self) -> str:
        from diffexplore.graphing.svg import to_svg

        return to_svg(self)
