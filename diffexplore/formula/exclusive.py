"""Conditions of a domain that exclude each other: no input meets them all, so that nothing can be said of any."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction

import sympy
from sympy.core.relational import Equality, GreaterThan, LessThan, StrictGreaterThan, StrictLessThan

from diffexplore.errors import UsageError
from diffexplore.formula.elimination import Inequality, contradict, row_of
from diffexplore.formula.size import OverOneDenominator
from diffexplore.formula.text import conditions_to_text

_MOST_EXPANDED = 2_000
"""Comparisons that are larger, multiplied out, are not looked at."""


def check_compatible(conditions: Sequence[sympy.Basic]) -> None:
    """Raises UsageError where some of the conditions certainly exclude each other.

    Comparisons are looked at as linear ones in whatever stands in them: x² and exp(x) are quantities of their own, of
    which the sign is known.
    """
    parts = [part for condition in conditions for part in sympy.And.make_args(condition)]
    rows = [row for part in parts for row in _rows(part)]
    quantities = {quantity for row in rows for quantity in row.coefficients}
    rows += [
        Inequality({one: Fraction(1)}, Fraction(0), bool(one.is_positive)) for one in quantities if one.is_nonnegative
    ]
    if sympy.false in parts or contradict(rows):
        text = conditions_to_text(tuple(conditions))
        raise UsageError(f"the domain is empty: no input meets all its conditions, {text}")


def _rows(condition: sympy.Basic) -> Iterable[Inequality]:
    """A comparison as inequalities; none for other conditions."""
    if not isinstance(condition, (Equality, GreaterThan, LessThan, StrictGreaterThan, StrictLessThan)):
        return []
    difference = condition.lhs - condition.rhs
    if OverOneDenominator(difference).operations > _MOST_EXPANDED:
        return []
    strict = isinstance(condition, (StrictGreaterThan, StrictLessThan))
    signs = [1] if isinstance(condition, (GreaterThan, StrictGreaterThan)) else [-1]
    if isinstance(condition, Equality):
        signs = [1, -1]
    return [row for sign in signs if (row := row_of(sign * difference, strict=strict)) is not None]
