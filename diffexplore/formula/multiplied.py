"""How many terms an expression has multiplied out: counted where SymPy multiplies it out and throws the terms away.

Of 2^u SymPy asks whether |u| is infinite, of sinh(u) whether u is real. Where it does not know it, it multiplies out
all powers and products of sums in u, and looks through the terms for imaginary ones.
"""

from __future__ import annotations

from math import comb, prod

import sympy

from diffexplore.errors import UsageError
from diffexplore.formula.size import nodes

MAX_TERMS = 200
"""Most terms: SymPy takes a quarter of a second for them, and four times as long for twice as many."""

_CAP = 10**6
_SMALL = 4
"""Nodes of which a term may be made without being weighed as several."""


def check_multiplied_out(expr: sympy.Expr) -> None:
    """Refuse ``expr`` where one of its powers and products of sums has more than :data:`MAX_TERMS` terms."""
    counted: dict[sympy.Basic, int] = {}
    _terms(expr, counted)
    if any(terms > MAX_TERMS for node, terms in counted.items() if node.is_Pow or node.is_Mul):
        raise UsageError(
            f"the formula takes too much work to read (SymPy multiplies out an exponent, or an argument, to more than "
            f"{MAX_TERMS} terms): write lower powers of sums there"
        )


def _terms(expr: sympy.Basic, counted: dict[sympy.Basic, int]) -> int:
    if expr not in counted:
        counted[expr] = min(_CAP, _count(expr, counted))
    return counted[expr]


def _count(expr: sympy.Basic, counted: dict[sympy.Basic, int]) -> int:
    inner = [_terms(arg, counted) for arg in expr.args]
    if expr.is_Add:
        return sum(inner)
    if expr.is_Mul:
        return prod(inner)
    if expr.is_Pow and expr.exp.is_Integer:
        exponent = abs(int(expr.exp))
        if expr.base.is_extended_real:
            return comb(inner[0] - 1 + exponent, exponent)
        parts = 2 * inner[0]  # the terms of its real and its imaginary part, which SymPy looks through node by node
        return comb(parts - 1 + exponent, exponent) * max(1, nodes(expr.base) // _SMALL)
    return 1
