"""The real and imaginary parts of what SymPy does not know to be real: how many nodes they have.

Whether sinh(u) is real, SymPy tells from the real and imaginary parts of u. It writes them down, one function after the
other from the innermost on: those of csc(a + bi) have a and b six times. So they are multiplied at each level, where u
grows by a node.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence

from diffexplore.formula import effort_weights as of
from diffexplore.formula.effort_record import MOST_NODES, Effort
from diffexplore.functions import FUNCTIONS


def of_product(operands: Sequence[tuple[ast.operator | None, Effort]]) -> int:
    """The nodes of the parts of a product: each factor that may not be real doubles them."""
    each, doubled = 1, 1
    for operator, one in operands:
        each += one.parts * (of.PARTS_OF_DIVISORS if one.unsure and isinstance(operator, ast.Div) else 1)
        doubled = min(MOST_NODES, doubled * (2 if one.unsure else 1))
    return min(MOST_NODES, each * max(1, doubled // 2))


def of_whole_power(base: Effort, exponent: int) -> int:
    """The same of a whole power: a sum of products of the powers of both parts."""
    if not base.unsure:
        return 1 + base.parts
    times = max(of.PARTS_OF_DIVISORS if exponent < 0 else 2, exponent**2 // 2)
    return min(MOST_NODES, 1 + times * base.parts)


def of_function(name: str, inside: Effort, size: int) -> int:
    """The same of a function that has ``size`` nodes itself: where SymPy has no rule for it, it writes it whole."""
    times = FUNCTIONS[name].building.parts
    written = times is not None and (inside.unsure or inside.fraction)
    return min(MOST_NODES, 2 + ((times or 1) * inside.parts if written else inside.parts + size))
