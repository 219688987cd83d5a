"""Whether bounds on several lines contradict each other, by eliminating one quantity after another.

Source: Fourier–Motzkin elimination (G. B. Dantzig, B. C. Eaves, Fourier–Motzkin elimination and its dual, 1973).
Every product such as x·y counts as a quantity of its own, so that no region is called empty that is not.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

import sympy

from diffexplore.proof.regions import Region, small
from diffexplore.symbolic.budget import spend

_MOST = 300
"""With more inequalities than this nothing is said."""

Row = tuple[dict[sympy.Expr, Fraction], Fraction]
"""Σ coefficient·quantity + constant > 0."""


def is_empty(region: Region) -> bool:
    """Whether no point certainly keeps all the bounds."""
    if len(region.bounds) < 2:
        return False
    rows = [row for expr in region.nonnegative() if (row := _row(expr)) is not None]
    quantities = {quantity for coefficients, _ in rows for quantity in coefficients}
    rows += [({quantity: Fraction(1)}, Fraction(0)) for quantity in quantities if _is_positive(quantity)]
    return _contradict(rows)


def _row(expr: sympy.Expr) -> Row | None:
    if not small(expr):
        return None
    parts = sympy.expand(expr).as_coefficients_dict()
    if not all(number.is_Rational for number in parts.values()):
        return None
    coefficients = {quantity: Fraction(int(number.p), int(number.q)) for quantity, number in parts.items()}
    constant = coefficients.pop(sympy.S.One, Fraction(0))
    if any(not quantity.free_symbols for quantity in coefficients):
        return None  # an irrational threshold
    return coefficients, constant


def _is_positive(quantity: sympy.Expr) -> bool:
    """Whether it is positive but on a set without inner points, such as x² and exp(x): the regions are open."""
    if quantity.is_Pow and quantity.exp.is_even:
        return True
    return isinstance(quantity, sympy.exp) or bool(quantity.is_Symbol and quantity.is_positive)


def _contradict(rows: Iterable[Row]) -> bool:
    left = list(rows)
    while left:
        if any(not coefficients and constant <= 0 for coefficients, constant in left):
            return True
        left = [row for row in left if row[0]]
        if not left or len(left) > _MOST:
            return False
        spend(1 + sum(len(coefficients) for coefficients, _ in left))
        quantity = min({one for coefficients, _ in left for one in coefficients}, key=str)
        rising = [row for row in left if row[0].get(quantity, 0) > 0]
        falling = [row for row in left if row[0].get(quantity, 0) < 0]
        left = [row for row in left if quantity not in row[0]]
        spend(len(rising) * len(falling))
        left += [_combined(up, down, quantity) for up in rising for down in falling]
    return False


def _combined(up: Row, down: Row, quantity: sympy.Expr) -> Row:
    """The sum of positive multiples in which the quantity is gone."""
    by_up, by_down = -down[0][quantity], up[0][quantity]
    total: dict[sympy.Expr, Fraction] = {}
    for (coefficients, _), factor in ((up, by_up), (down, by_down)):
        for key, value in coefficients.items():
            total[key] = total.get(key, Fraction(0)) + factor * value
    return {key: value for key, value in total.items() if value}, by_up * up[1] + by_down * down[1]
