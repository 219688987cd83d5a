"""Conditions that compare expressions with branches, as conditions that compare plain ones."""

from __future__ import annotations

import sympy
from sympy.logic.boolalg import Boolean


def without_branches(condition: Boolean) -> Boolean:
    """``condition`` with no piecewise expression in it.

    Of where(x > 0, x, y) > 1 it makes (x > 0 and x > 1) or (not x > 0 and y > 1). SymPy would make an if-then-else of
    it, which is a condition that nothing else here knows.
    """
    if condition.has(sympy.Piecewise):
        condition = condition.replace(lambda node: isinstance(node, sympy.core.relational.Relational), _spread)
    return condition.replace(lambda node: isinstance(node, sympy.ITE), lambda node: node.to_nnf(simplify=False))


def _spread(relation: Boolean) -> Boolean:
    """A comparison as the cases of the branches on its sides, outermost first."""
    pieces = next((node for node in sympy.preorder_traversal(relation) if isinstance(node, sympy.Piecewise)), None)
    if pieces is None:
        return relation
    cases, earlier = [], sympy.true
    for branch, condition in pieces.args:
        taken = sympy.And(earlier, condition)
        cases.append(sympy.And(taken, _spread(relation.xreplace({pieces: branch}))))
        earlier = sympy.And(earlier, sympy.Not(condition))
    return sympy.Or(*cases)
