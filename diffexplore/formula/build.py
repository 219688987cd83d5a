"""Sums, products and powers as they were written.

SymPy multiplies a number into a sum (2·(a + b) becomes 2·a + 2·b) and a denominator into one. These builders keep
a factored form factored. Parser and simplifier both use them, so that a printed expression reads back as itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import sympy
from sympy.logic.boolalg import Boolean


def total(terms: Iterable[sympy.Expr]) -> sympy.Expr:
    """The sum of ``terms``."""
    return sympy.Add(*terms)


def product(factors: Iterable[sympy.Expr]) -> sympy.Expr:
    """The product of ``factors``; a number stays in front of a single sum."""
    parts = [factor.as_coeff_Mul() for factor in factors]
    number, merged = sympy.Mul(*(rest for _, rest in parts)).as_coeff_Mul()
    coefficient = sympy.Mul(*(own for own, _ in parts), number)
    if not merged.is_Add or coefficient in (sympy.S.Zero, sympy.S.One):
        return coefficient * merged
    return sympy.Mul(coefficient, merged, evaluate=False)


def power(base: sympy.Expr, exponent: sympy.Expr) -> sympy.Expr:
    """``base ** exponent`` in one form: (1/2)^x as 2^(−x), and the numbers that 2^(9/4) falls into multiplied."""
    if base.is_Rational and base.p == 1 and base.q != 1:
        base, exponent = sympy.Integer(base.q), -exponent
    result = sympy.Pow(base, exponent)
    return product(result.args) if result.is_Mul else result


def base_and_exponent(factor: sympy.Expr) -> tuple[sympy.Expr, sympy.Expr]:
    """The base and the exponent of a factor, 1 where it is no power; exp(u) is a function of its own."""
    return factor.args if factor.is_Pow else (factor, sympy.S.One)


def rebuild(expr: sympy.Basic) -> sympy.Basic:
    """``expr`` put together again by these builders, from its leaves up: the form in which it reads back."""
    return with_arguments(expr, [rebuild(arg) for arg in expr.args]) if expr.args else expr


def with_arguments(expr: sympy.Basic, args: list[sympy.Basic]) -> sympy.Basic:
    """The operation of ``expr`` on other operands."""
    if expr.is_Mul:
        return product(args)
    if expr.is_Add:
        return total(args)
    if expr.is_Pow:
        return power(*args)
    if list(expr.args) == args:
        return expr
    if isinstance(expr, (sympy.Max, sympy.Min)):  # which are not compared again, each with each
        return expr.func(*args, evaluate=False)
    return choice(args) if isinstance(expr, sympy.Piecewise) else expr.func(*args)


_MOST_DISTRIBUTED = 8
"""Of more branches SymPy merges no neighbours."""


def choice(branches: Sequence[Any]) -> sympy.Expr:
    """The first of some branches, pairs of a value and a condition, whose condition holds.

    Neighbours with one value are merged before SymPy does that: it multiplies their conditions out, and takes minutes
    for the 24 orders of four numbers.
    """
    if len(branches) <= _MOST_DISTRIBUTED:
        return sympy.Piecewise(*branches)
    merged: list[tuple[sympy.Expr, Boolean]] = []
    for value, condition in branches:
        if merged and merged[-1][0] == value:
            condition = sympy.Or(merged.pop()[1], condition)
        merged.append((value, condition))
    return sympy.Piecewise(*merged)


def from_leaves_up(expr: sympy.Expr, form: Callable[[sympy.Expr], sympy.Expr]) -> sympy.Expr:
    """``expr`` with ``form`` of each part that is an expression, once for each; conditions stay as they are."""
    known: dict[sympy.Basic, sympy.Basic] = {}

    def of(node: sympy.Basic) -> sympy.Basic:
        if not node.args or not isinstance(node, (sympy.Expr, sympy.functions.elementary.piecewise.ExprCondPair)):
            return node
        if node not in known:
            args = [of(arg) for arg in node.args]
            made = node if list(node.args) == args else with_arguments(node, args)
            known[node] = form(made) if isinstance(made, sympy.Expr) else made
        return known[node]

    return of(expr)


def filled(expr: sympy.Basic, values: Mapping[sympy.Basic, sympy.Basic]) -> sympy.Basic:
    """``expr`` with values in the place of symbols, in factored form where it has one."""
    if not expr.args:
        return values.get(expr, expr)
    args = [filled(arg, values) for arg in expr.args]
    return expr if list(expr.args) == args else with_arguments(expr, args)
