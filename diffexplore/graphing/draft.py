"""From an expression to the nodes that compute it: equal subexpressions are one node."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import sympy

from diffexplore.formula.batch_sums import BatchSum
from diffexplore.formula.names import free_letter
from diffexplore.formula.sharing import Shared
from diffexplore.graphing.operations import GraphOperation, operation_of
from diffexplore.graphing.records import Kind

OUTPUT = "L"

#: Of the names of results; no symbol of a formula begins with the last.
LETTERS = ("v", "u", "t", "_node")


@dataclass(frozen=True)
class Draft:
    """A node with its expressions: ``closed`` in the inputs; ``operation`` in other nodes, None for an input.

    ``text`` is the formula in the inputs as it was written, empty where it is too long; None where only ``closed`` is
    known.
    """

    number: int
    name: str
    kind: Kind
    closed: sympy.Expr
    operation: GraphOperation | None
    by_sample: bool
    text: str | None = None

    @property
    def symbol(self) -> sympy.Symbol:
        """What stands for the node in the operations that use it."""
        return sympy.Symbol(self.name, real=True)


class Drafting:
    """Numbers the inputs, then each operation after its operands."""

    def __init__(self, parameters: Sequence[str], data: Sequence[str]) -> None:
        self._drafts: list[Draft] = []
        self._names = {*parameters, *data}
        self._known: dict[sympy.Expr, Draft] = {}
        self._data = {sympy.Symbol(name, real=True) for name in data}
        self._letter = free_letter(self._names, LETTERS)
        for name in (*parameters, *data):
            symbol = sympy.Symbol(name, real=True)
            self._add(symbol, name, "data" if name in data else "parameter", None)

    def of(self, output: sympy.Expr) -> tuple[Draft, ...]:
        """The inputs, and what computes ``output`` from them; the last is called L, unless an input is."""
        self._shared = Shared(output)
        last = self._compute(output)
        name = OUTPUT if last.operation is not None and OUTPUT not in self._names else last.name
        return tuple(replace(draft, name=name) if draft is last else draft for draft in self._drafts)

    def _compute(self, expr: sympy.Expr) -> Draft:
        """The node whose value is ``expr``."""
        if expr not in self._known:
            operation = operation_of(expr, lambda part: self._compute(part).symbol, self._shared)
            twin = self._known.get(operation.expression)  # the same operation, though SymPy wrote it differently
            if twin is not None:
                self._known[expr] = twin
                return twin
            name = f"{self._letter}{len(self._drafts) + 1}"
            self._known[operation.expression] = self._add(
                expr, name, "sum" if isinstance(expr, BatchSum) else "operation", operation
            )
        return self._known[expr]

    def _add(self, expr: sympy.Expr, name: str, kind: Kind, operation: GraphOperation | None) -> Draft:
        by_sample = bool(expr.free_symbols & self._data)
        draft = Draft(len(self._drafts) + 1, name, kind, expr, operation, by_sample)
        self._drafts.append(draft)
        self._known[expr] = draft
        return draft
