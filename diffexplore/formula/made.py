"""What SymPy makes of each part of a formula: how large it is, and whether it is finite and real.

SymPy writes what it is given anew: sin(atan(x)) becomes x/√(1 + x²), where x stands twice. Of twenty of them, one
within the other, it makes a tree of millions of nodes, few of which differ. It shares these, but walks over the tree.
So the nodes are counted, as those of a tree, while it is made, and what was looked at once is not looked at again.
"""

from __future__ import annotations

import sympy

from diffexplore.errors import UsageError
from diffexplore.formula.budget import spend

_UNDEFINED = frozenset({sympy.nan, sympy.zoo, sympy.oo, -sympy.oo})
_MOST_KEPT = 20_000

_sizes: dict[sympy.Basic, int] = {}
"""The nodes of what was looked at, all of it finite and real. Nothing depends on what is kept here but time."""


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
            _check_defined(node)
            sizes[node] = 1 + sum(sizes[part] for part in node.args)
    return sizes[expr]


def _check_defined(node: sympy.Basic) -> None:
    if node in _UNDEFINED:
        raise UsageError("the formula has a constant part that is infinite or undefined, such as 1/0 or log(0)")
    if node is sympy.I:
        raise UsageError("the formula has a constant part that is not real, such as sqrt(-1) or log(-1)")
