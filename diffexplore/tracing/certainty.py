"""Which tensors of a program are certainly finite everywhere, step by step: 1/x·x is not, though its formula is 1."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import sympy

from diffexplore.torch_ops.domains import OperandDomain
from diffexplore.torch_ops.readers.arrays import Grid
from diffexplore.torch_ops.readers.certain import INFINITIES, has_value, is_nonnegative, is_positive
from diffexplore.torch_ops.records import Operator


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
        return not domain.in_formula
    if not domain.conditions:
        return True
    cells = [
        list(operand.cells.flat) if isinstance(operand, Grid) else [sympy.sympify(operand)] for operand in operands
    ]
    rows = ([column[i % len(column)] for column in cells] for i in range(max(map(len, cells))))
    return all(
        is_nonnegative(apart) if sign == ">=" else is_positive(apart)
        for row in rows
        for sign, apart in domain.comparisons(*row)
    )


def _finite(value: Any) -> bool:
    """Whether a result, perhaps a number, has a finite value everywhere, or is a constant infinity."""
    if value is None:
        return True
    cells = value.cells.flat if isinstance(value, Grid) else [sympy.sympify(value)]
    return all(cell in INFINITIES or has_value(cell) for cell in cells)
