"""Whether bounds on several lines contradict each other, so that no point keeps them."""

from __future__ import annotations

from fractions import Fraction

import sympy

from diffexplore.decide.regions import Region, small
from diffexplore.formula.elimination import Inequality, contradict, row_of


def is_empty(region: Region) -> bool:
    """Whether no point certainly keeps all the bounds."""
    if len(region.bounds) < 2:
        return False
    rows = [row for expr in region.nonnegative() if small(expr) and (row := row_of(expr)) is not None]
    quantities = {quantity for row in rows for quantity in row.coefficients}
    rows += [Inequality({quantity: Fraction(1)}, Fraction(0)) for quantity in quantities if _is_positive(quantity)]
    return contradict(rows)


def _is_positive(quantity: sympy.Expr) -> bool:
    """Whether it is positive but on a set without inner points, such as x² and exp(x): the regions are open."""
    if quantity.is_Pow and quantity.exp.is_even:
        return True
    return isinstance(quantity, sympy.exp) or bool(quantity.is_Symbol and quantity.is_positive)
