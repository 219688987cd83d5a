"""Where the operators of a graph have a value: kept apart from formulas, from which SymPy cancels what it can.

torch computes NaN or infinity where a logarithm, a root or a quotient has no value, whatever is made of it later:
0 · √x is NaN for x < 0. So each operator states its condition, and what depends on its result has that, too. Which
tensors are certainly finite everywhere is found step by step as well: 1/x·x is not, though its formula is 1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from itertools import product
from typing import Any

import sympy
from sympy.logic.boolalg import Boolean
from torch.fx import Node

from diffexplore.errors import UsageError
from diffexplore.formula.signs import certainly
from diffexplore.torch_ops.domains import EVERYWHERE, OperandDomain, either
from diffexplore.torch_ops.readers.arrays import Cells, Grid, each, filled, paired, scalar
from diffexplore.torch_ops.readers.certain import INFINITIES, has_value
from diffexplore.torch_ops.readers.logic import opposite
from diffexplore.torch_ops.records import Operator

Conditions = frozenset[Boolean]

NOTHING: Conditions = frozenset()


class NoValue(UsageError):
    """The program has no finite value there."""


class Certainty:
    """The nodes of a graph whose values are certainly finite.

    Nothing is looked at, and nothing is certain, where no operator ``tests`` whether its operands are.
    """

    def __init__(self, operators: Iterable[Operator | None]) -> None:
        self.tests = any(operator is not None and operator.tests_finiteness for operator in operators)
        self._lost: set[Any] = set()
        self._all_lost = False

    def of(self, nodes: Iterable[Any]) -> bool:
        """Whether the values of these nodes are."""
        return self.tests and not self._all_lost and not any(node in self._lost for node in nodes)

    def note(self, node: Any, operator: Operator | None, in_place: bool, value: Any, operands: Sequence[Any]) -> None:
        """Looks at the value of a node before anything is written into it."""
        results = value if isinstance(value, tuple) else (value,)
        kept = self.of(node.all_input_nodes) and all(map(_finite, results))
        if kept and (operator is None or _certainly_in(operator.defined, operands)):
            return
        self._lost.add(node)
        self._all_lost = self._all_lost or in_place  # what is written in place is seen through other nodes, too


def _certainly_in(domain: OperandDomain, operands: Sequence[Any]) -> bool:
    """Whether the operands are in the domain. A finite result does not say so: it may have lost a denominator."""
    if domain.rule is not None:
        return not domain.in_formula and all(domain.condition(*row) == sympy.true for row in _elements(operands))
    if not domain.conditions:
        return True
    return all(certainly(*need) for row in _elements(operands) for need in domain.needs(*row))


def _elements(operands: Sequence[Any]) -> Iterator[tuple[Any, ...]]:
    """The operands of each element of a result; where they are not broadcast, all that may meet."""
    grids = [operand if isinstance(operand, Grid) else scalar(sympy.sympify(operand)) for operand in operands]
    try:
        return paired(*(grid.cells for grid in grids))
    except ValueError:
        return product(*(grid.cells.ravel() for grid in grids))


def _finite(value: Any) -> bool:
    """Whether a result, perhaps a number, has a finite value everywhere, or is a constant infinity."""
    if value is None:
        return True
    cells = value.cells.flat if isinstance(value, Grid) else [sympy.sympify(value)]
    return all(cell in INFINITIES or has_value(cell) for cell in cells)


def own_conditions(operator: Operator, arguments: Iterable[Any]) -> Conditions:
    """The conditions on the operands of an operator for it to have a value, beside what its formula says."""
    operands = _stating(operator, arguments)
    rows = _elements(operands) if operands else ()
    return _checked(operator.name, {operator.defined.condition(*row) for row in rows})


def _conditions_by_place(operator: Operator, arguments: Iterable[Any]) -> Cells:
    """The same of an elementwise operator, for each place of its result."""
    operands = _stating(operator, arguments)
    if not operands:
        return filled((), NOTHING)
    grids = [operand if isinstance(operand, Grid) else scalar(sympy.sympify(operand)) for operand in operands]
    return each(lambda *row: _checked(operator.name, [operator.defined.condition(*row)]), *grids).cells


def _stating(operator: Operator, arguments: Iterable[Any]) -> list[Any]:
    """The operands of which something is stated; none where the formula says all."""
    if operator.defined.in_formula or operator.defined == EVERYWHERE:
        return []
    return [argument for argument in arguments if isinstance(argument, (Grid, sympy.Expr, int))]


def _checked(name: str, found: Iterable[Boolean]) -> Conditions:
    parts = {part for need in found for part in sympy.And.make_args(need)}
    if sympy.false in parts:
        raise NoValue(f"{name} has no value where the function takes it, whatever the input")
    return frozenset(parts - {sympy.true})


def _chosen(hit: Boolean, deciding: Conditions, taken: Conditions, otherwise: Conditions) -> Conditions:
    """The conditions of a choice: those of each operand only where it is taken."""
    first = (either(opposite(hit), need) for need in taken)
    second = (either(hit, need) for need in otherwise)
    return deciding | frozenset(need for need in (*first, *second) if need != sympy.true)


class NodeDomains:
    """What the results of the nodes of a graph need; ``output`` and ``gradients`` are those of its end.

    Of choices and of what is computed for each element by itself, what each place needs is known.
    """

    def __init__(self) -> None:
        self.output: Conditions = NOTHING
        self.gradients: tuple[Conditions, ...] = ()
        self._of: dict[Node, Conditions] = {}
        self._of_places: dict[Node, Cells] = {}
        self._of_all: Conditions = NOTHING

    def of(self, argument: Any) -> Conditions:
        """The conditions under which an argument of a node has a value."""
        return self._of.get(argument, NOTHING) | self._of_all if isinstance(argument, Node) else NOTHING

    def pass_on(self, source: Any, node: Node) -> None:
        """A part of a result has the conditions of the whole."""
        self._of[node] = self.of(source)

    def keep(
        self, node: Node, operator: Operator, in_place: bool, values: Sequence[Any], condition: Callable[[Any], Grid]
    ) -> None:
        """The conditions of an operator itself and of its operands: of a choice, where each is taken."""
        if not in_place and (operator.choice is not None or operator.formula is not None):
            self._keep_places(node, operator, values, condition)
            return
        inherited = (self.of(argument) for argument in node.all_input_nodes)
        self._of[node] = own_conditions(operator, values).union(*inherited)
        if in_place:  # views of what is written to have the new values, too
            self._of_all |= self._of[node]

    def _keep_places(
        self, node: Node, operator: Operator, values: Sequence[Any], condition: Callable[[Any], Grid]
    ) -> None:
        if operator.choice is not None:
            operands = [self._places(node.args[place]) for place in operator.choice]
            found = each(_chosen, condition(values[operator.choice[0]]), *operands)
        else:
            own = Grid(_conditions_by_place(operator, values))
            found = each(NOTHING.union, own, *map(self._places, node.all_input_nodes))
        self._of_places[node] = found.cells
        self._of[node] = NOTHING.union(*found.cells.flat)

    def _places(self, argument: Any) -> Grid:
        """What each place of an argument needs; in one place what all do, where no more is known."""
        known = self._of_places.get(argument) if isinstance(argument, Node) else None
        if known is None:
            return Grid(filled((), self.of(argument)))
        return each(self._of_all.union, Grid(known)) if self._of_all else Grid(known)

    def add(self, node: Node, name: str, conditions: Set[Boolean]) -> None:
        """What else the result of an operator needs, by its reader."""
        if conditions:
            self._of_places.pop(node, None)
        self._of[node] = self.of(node) | _checked(name, conditions)

    def end(self, output: Node, gradients: Sequence[Node | None]) -> None:
        """The end of a graph."""
        self.output, self.gradients = self.of(output), tuple(map(self.of, gradients))
