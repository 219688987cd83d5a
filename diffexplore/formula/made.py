"""What SymPy makes of each part of a formula, and what it may take: how large it is, and whether it is finite and real.

SymPy writes what it is given anew: sin(atan(x)) becomes x/√(1 + x²), where x stands twice. Of twenty of them, one
within the other, it makes a tree of millions of nodes, few of which differ. It shares these, but walks over the tree.
So the nodes are counted, as those of a tree, while it is made, and what was looked at once is not looked at again.

Of 2^u SymPy asks whether |u| is infinite, of sinh(u) whether u is real. Where it does not know it, it multiplies out
all powers and products of sums in u, and looks through the terms for imaginary ones: these are counted beforehand.
What takes seconds, against all counts, is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from math import comb, prod
from typing import TypeVar

import sympy

from diffexplore.errors import UsageError
from diffexplore.formula.budget import Budget, Ending, run_within, spend
from diffexplore.formula.size import nodes

_UNDEFINED = frozenset({sympy.nan, sympy.zoo, sympy.oo, -sympy.oo})
_MOST_KEPT = 20_000

_sizes: dict[sympy.Basic, int] = {}
"""The nodes of what was looked at, all of it finite and real. Nothing depends on what is kept here but time."""

_Found = TypeVar("_Found")

#: Nodes of what SymPy makes, part by part (:mod:`diffexplore.formula.made`), and processor time, of which what the
#: counts let through takes a twentieth, so that a slower machine reads the same formulas.
NET = Budget(operations=200_000, seconds=5.0)

MAX_TERMS = 200
"""Most terms: SymPy takes a quarter of a second for them, and four times as long for twice as many."""

_CAP = 10**6

_SMALL = 4  # nodes of which a term may be made without being weighed as several


def look_over(expr: sympy.Expr) -> None:
    """Spend the nodes of ``expr``, from the budget of the reading that this is part of.

    Raises:
        UsageError: where a part of it is infinite, undefined or not real.
    """
    global _sizes
    if len(_sizes) > _MOST_KEPT:
        _sizes = {}
    spend(_size(expr, _sizes))


def _size(expr: sympy.Basic, sizes: dict[sympy.Basic, int]) -> int:
    waiting = [expr]
    while waiting:
        node = waiting[-1]
        new = [] if node in sizes else [part for part in node.args if part not in sizes]
        waiting += new
        if new:
            continue
        waiting.pop()
        if node not in sizes:
            if node in _UNDEFINED:
                raise UsageError("the formula has a constant part that is infinite or undefined, such as 1/0 or log(0)")
            if node is sympy.I:
                raise UsageError("the formula has a constant part that is not real, such as sqrt(-1) or log(-1)")
            sizes[node] = 1 + sum(sizes[part] for part in node.args)
    return sizes[expr]


def caught(work: Callable[[], _Found]) -> _Found:
    """What ``work`` returns. Its own exceptions are raised here.

    Raises:
        UsageError: where it makes too many nodes, or runs out of time.
    """
    found: list[_Found] = []
    ending = run_within(NET, lambda: found.append(work()))
    if ending is Ending.TOO_LARGE:
        raise UsageError(
            f"the formula takes too much work to read (SymPy makes more than {NET.operations:,} nodes of its parts): "
            "nest functions and powers less deeply"
        )
    if ending is Ending.OUT_OF_TIME:
        raise UsageError("out of time: SymPy cannot simplify the formula within seconds: write it in a simpler form")
    return found[0]


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
