"""Whether inequalities contradict each other, by eliminating one quantity after another.

Source: Fourier–Motzkin elimination (G. B. Dantzig, B. C. Eaves, Fourier–Motzkin elimination and its dual, 1973).
Every product such as x·y counts as a quantity of its own, so that nothing is called contradictory that is not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import sympy
from sympy.core.relational import Equality, GreaterThan, LessThan, StrictGreaterThan, StrictLessThan

from diffexplore.errors import UsageError
from diffexplore.formula.budget import spend
from diffexplore.formula.signs import certainly
from diffexplore.formula.size import OverOneDenominator
from diffexplore.formula.text import conditions_to_text

_MOST = 300  # with more inequalities than this nothing is stated

_MOST_EXPANDED = 2_000  # comparisons that are larger, multiplied out, are not looked at


@dataclass(frozen=True)
class Inequality:
    """Σ coefficient·quantity + constant > 0, or ≥ 0 where it is not strict."""

    coefficients: Mapping[sympy.Expr, Fraction]
    constant: Fraction
    strict: bool = True

    @property
    def is_false(self) -> bool:
        """Whether it has no quantity and does not hold."""
        return not self.coefficients and (self.constant < 0 or (self.strict and self.constant == 0))


def row_of(expr: sympy.Expr, *, strict: bool = True) -> Inequality | None:
    """``expr`` > 0, or ≥ 0, multiplied out; None where a coefficient or the constant is not rational."""
    parts = sympy.expand(expr).as_coefficients_dict()
    if not all(number.is_Rational for number in parts.values()):
        return None
    coefficients = {quantity: Fraction(int(number.p), int(number.q)) for quantity, number in parts.items()}
    constant = coefficients.pop(sympy.S.One, Fraction(0))
    if any(not quantity.free_symbols for quantity in coefficients):
        return None  # an irrational threshold
    return Inequality(coefficients, constant, strict)


def contradict(rows: Iterable[Inequality]) -> bool:
    """Whether no values of the quantities meet all rows."""
    left = list(rows)
    while left:
        if any(row.is_false for row in left):
            return True
        left = [row for row in left if row.coefficients]
        if not left or len(left) > _MOST:
            return False
        spend(1 + sum(len(row.coefficients) for row in left))
        quantity = min({one for row in left for one in row.coefficients}, key=str)
        rising = [row for row in left if row.coefficients.get(quantity, 0) > 0]
        falling = [row for row in left if row.coefficients.get(quantity, 0) < 0]
        left = [row for row in left if quantity not in row.coefficients]
        spend(len(rising) * len(falling))
        left += [_combined(up, down, quantity) for up in rising for down in falling]
    return False


def _combined(up: Inequality, down: Inequality, quantity: sympy.Expr) -> Inequality:
    """The sum of positive multiples in which the quantity is gone."""
    by_up, by_down = -down.coefficients[quantity], up.coefficients[quantity]
    total: dict[sympy.Expr, Fraction] = {}
    for row, factor in ((up, by_up), (down, by_down)):
        for key, value in row.coefficients.items():
            total[key] = total.get(key, Fraction(0)) + factor * value
    coefficients = {key: value for key, value in total.items() if value}
    return Inequality(coefficients, by_up * up.constant + by_down * down.constant, up.strict or down.strict)


def check_compatible(conditions: Sequence[sympy.Basic]) -> None:
    """Raises UsageError where some of the conditions certainly exclude each other."""
    if exclude_each_other(conditions):
        text = conditions_to_text(tuple(conditions))
        raise UsageError(f"the domain is empty: no input meets all its conditions, {text}")


def exclude_each_other(conditions: Sequence[sympy.Basic]) -> bool:
    """Whether no input certainly meets all conditions.

    Comparisons are looked at as linear ones in whatever stands in them: x² and exp(x) are quantities of their own, of
    which the sign is known.
    """
    parts = [part for condition in conditions for part in sympy.And.make_args(condition)]
    rows = [row for part in parts for row in _rows(part)]
    quantities = {quantity for row in rows for quantity in row.coefficients}
    rows += [
        Inequality({one: Fraction(1)}, Fraction(0), certainly(one, "positive"))
        for one in quantities
        if certainly(one, "nonnegative")
    ]
    return sympy.false in parts or contradict(rows)


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
