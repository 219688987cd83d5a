"""Conditions that compare expressions with branches, as conditions that compare plain ones; constants compared."""

from __future__ import annotations

import sympy
from sympy.core.relational import Relational
from sympy.logic.boolalg import Boolean

from diffexplore.formula.compare import value_at


def without_branches(condition: Boolean) -> Boolean:
    """``condition`` with no piecewise expression in it.

    Of where(x > 0, x, y) > 1 it makes (x > 0 and x > 1) or (not x > 0 and y > 1). SymPy would make an if-then-else of
    it, which is a condition that nothing else here knows.
    """
    if condition.has(sympy.Piecewise):
        condition = condition.replace(lambda node: isinstance(node, Relational), _spread)
    return condition.replace(lambda node: isinstance(node, sympy.ITE), lambda node: node.to_nnf(simplify=False))


def constants_decided(condition: Boolean) -> Boolean:
    """``condition`` with each comparison of constants decided by their enclosures, where these tell.

    What they leave open, such as 3/4 ≤ σ(log 3), is written with a number on its right side alone. SymPy cannot tell it
    either, divides by a coefficient that 3/4 does not have, and makes ever larger comparisons of it.
    """
    if not isinstance(condition, Boolean):
        return condition
    constant = {node: _decided(node) for node in condition.atoms(Relational) if not node.free_symbols}
    return condition.xreplace(constant) if constant else condition


def _decided(relation: Relational) -> Boolean:
    difference = relation.lhs - relation.rhs
    if difference.is_Rational or not isinstance(difference, sympy.Expr):
        return relation.func(difference, 0)
    ball = value_at(difference, {})
    if ball is not None and (ball > 0 or ball < 0 or ball == 0):
        return relation.func(sympy.Integer(int(ball > 0) - int(ball < 0)), 0)
    number, rest = difference.as_coeff_Add(rational=True)
    return relation.func(rest, -number, evaluate=False)


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
