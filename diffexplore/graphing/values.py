"""The values of nodes, local derivatives and adjoints at a point and on data, by running the graph both ways."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

import sympy
from flint import fmpq

from diffexplore.arithmetic.balls import precision
from diffexplore.formula.batch_sums import SAMPLES
from diffexplore.graphing.adjoints import Link
from diffexplore.graphing.draft import Draft
from diffexplore.graphing.numbers import CertifiedArithmetic, Value, negligible, number_of
from diffexplore.graphing.records import Number
from diffexplore.program.program import Program, lower

_PRECISIONS = (128, 512, 2048)

_ARITHMETIC = CertifiedArithmetic()

#: The values of a node: one, or one for each sample.
Column = list[Value]

#: How a value is written; None where it is not certain enough.
Shown = Callable[[Value], Number | None]


@dataclass(frozen=True)
class Values:
    """Values and adjoints by the numbers of nodes, local derivatives by those of operand and result.

    None stands where nothing is certain.
    """

    nodes: Mapping[int, Number | None]
    adjoints: Mapping[int, Number | None]
    locals: Mapping[tuple[int, int], Number | None]

    @property
    def uncertain(self) -> int:
        """How many numbers are missing."""
        numbers = (*self.nodes.values(), *self.adjoints.values(), *self.locals.values())
        return sum(number is None for number in numbers)


class GraphEvaluation:
    """A graph with its operations and local derivatives made ready to be run on ``n`` samples."""

    def __init__(self, drafts: Sequence[Draft], links: Sequence[Link], needed: Collection[int], n: int) -> None:
        self._drafts, self._needed, self._n = drafts, needed, n
        self._operations = {
            draft.number: self._program(draft.operation.expression, draft)
            for draft in drafts
            if draft.operation is not None and draft.kind != "sum"
        }
        self._links = [(link, self._program(link.local, link.result)) for link in links]

    def _program(self, expr: sympy.Expr, draft: Draft) -> tuple[Program, tuple[str, ...]]:
        assert draft.operation is not None
        names = tuple(operand.name for operand in draft.operation.operands)
        return lower([expr.xreplace({SAMPLES: sympy.Integer(self._n)})], names), names

    def at(self, inputs: Mapping[str, Sequence[float]], sample: int) -> Values:
        """The numbers for one sample; ``inputs`` has one value or a column for each input."""
        for bits in _PRECISIONS[:-1]:
            with precision(bits):
                found = self._once(inputs, sample, number_of)
            if not found.uncertain:
                return found
        with precision(_PRECISIONS[-1]):
            return self._once(inputs, sample, lambda value: number_of(value) or negligible(value))

    def _once(self, inputs: Mapping[str, Sequence[float]], sample: int, shown: Shown) -> Values:
        columns: dict[str, Column] = {name: [_exact(value) for value in column] for name, column in inputs.items()}
        for draft in self._drafts:
            if draft.operation is not None:
                columns[draft.name] = self._forward(draft, columns)
        local, adjoint = self._backward(columns)
        return Values(
            {draft.number: shown(_entry(columns[draft.name], sample)) for draft in self._drafts},
            {number: shown(_entry(column, sample)) for number, column in adjoint.items()},
            {key: shown(_entry(column, sample)) for key, column in local.items()},
        )

    def _forward(self, draft: Draft, columns: Mapping[str, Column]) -> Column:
        assert draft.operation is not None
        if draft.kind == "sum":
            return [_total(columns[draft.operation.operands[0].name])]
        return self._run(self._operations[draft.number], draft.by_sample, columns)

    def _run(self, prepared: tuple[Program, tuple[str, ...]], by_sample: bool, columns: Mapping[str, Column]) -> Column:
        program, names = prepared
        if not by_sample:
            return [program.run(_ARITHMETIC, {name: columns[name][0] for name in names})[0]]
        rows = ({name: _entry(columns[name], i) for name in names} for i in range(self._n))
        return [program.run(_ARITHMETIC, row)[0] for row in rows]

    def _backward(self, columns: Mapping[str, Column]) -> tuple[dict[tuple[int, int], Column], dict[int, Column]]:
        local: dict[tuple[int, int], Column] = {}
        adjoint: dict[int, Column] = {self._drafts[-1].number: [fmpq(1)]}
        for link, program in reversed(self._links):
            operand, result = link.operand, link.result
            slopes = self._run(program, result.by_sample, columns)
            local[operand.number, result.number] = slopes
            if operand.number not in self._needed or not link.smooth or result.number not in adjoint:
                continue
            size = self._n if operand.by_sample or result.by_sample else 1
            sent = [_product(_entry(adjoint[result.number], i), _entry(slopes, i)) for i in range(size)]
            if link.adds_samples:
                sent = [_total(sent)]
            known = adjoint.get(operand.number)
            adjoint[operand.number] = sent if known is None else list(map(_sum, known, sent))
        for number in self._needed:
            adjoint.setdefault(number, [fmpq(0)])
        return local, adjoint


def _exact(value: float) -> Value:
    return fmpq(*float(value).as_integer_ratio())


def _entry(column: Column, i: int) -> Value:
    return column[i] if len(column) > 1 else column[0]


def _sum(x: Value, y: Value) -> Value:
    return _ARITHMETIC.operations["add"](x, y)


def _product(x: Value, y: Value) -> Value:
    return _ARITHMETIC.operations["mul"](x, y)


def _total(column: Sequence[Value]) -> Value:
    return reduce(_sum, column)
