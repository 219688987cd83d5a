"""An independent judge of derivatives at corners, jumps and gaps: difference quotients of mpmath from both sides.

It evaluates the formula itself, as it is written, at x₀ and at x₀ ± 2⁻⁴⁰⁰, in a thousand bits and more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import mpmath
import sympy
from reference import _Evaluator, _number

STEP = Fraction(1, 2**400)
_BITS = 3000


class NoValueError(Exception):
    """The formula has no real value here."""


class _Strict(_Evaluator):
    """No infinity and no complex number takes part, except in branches that are not taken; no angle of the origin."""

    def visit(self, node: sympy.Basic) -> Any:
        value = super().visit(node)
        if not isinstance(value, bool) and (not mpmath.isfinite(value) or mpmath.im(value) != 0):
            raise NoValueError
        return value

    def _function(self, node: sympy.Basic, values: list[Any]) -> Any:
        if isinstance(node, sympy.atan2) and values == [0, 0]:
            raise NoValueError
        return super()._function(node, values)


@dataclass(frozen=True)
class Sides:
    """The value at x₀, and the values and difference quotients right and left of it; None where there are none."""

    value: Any
    right: Any
    left: Any

    @property
    def slopes(self) -> tuple[Any, Any]:
        with mpmath.workprec(_BITS):
            step = _number(STEP)
            return (self.right - self.value) / step, (self.value - self.left) / step


def both_sides(formula: sympy.Expr, at: Mapping[str, float], name: str) -> Sides:
    """Raises what mpmath raises where a number is beyond it."""
    places = (Fraction(at[name]) + shift for shift in (0, STEP, -STEP))
    return Sides(*[_value(formula, {**at, name: place}) for place in places])


def _value(formula: sympy.Expr, at: Mapping[str, Any]) -> Any:
    with mpmath.workprec(_BITS):
        try:
            value = _Strict({key: _number(number) for key, number in at.items()}).visit(formula)
        except (NoValueError, ZeroDivisionError, ValueError):
            return None
        return None if isinstance(value, bool) else +value
