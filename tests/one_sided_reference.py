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

from diffexplore.checking.enclosures import Enclosures, Status
from tests.reference import _Evaluator, _number

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

    def _value(self, node: sympy.Basic) -> Any:
        if isinstance(node, (sympy.And, sympy.Or)):
            return self._joined(node)
        return super()._value(node)

    def _joined(self, node: sympy.And | sympy.Or) -> bool:
        """SymPy takes a comparison with a branch apart: a part that belongs to another branch need have no value."""
        decisive, lost = isinstance(node, sympy.Or), False
        for part in node.args:
            try:
                if bool(self.visit(part)) is decisive:
                    return decisive
            except (NoValueError, ZeroDivisionError, ValueError):
                lost = True
        if lost:
            raise NoValueError
        return not decisive

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


#: How near a difference quotient with a step of 2⁻⁴⁰⁰ is to its limit, where the rest vanishes like t^(1/8) or faster.
NEAR = mpmath.mpf(2) ** -45
LARGE = mpmath.mpf(2) ** 20


def agrees(truth: Enclosures, sides: Sides) -> bool:
    """Whether what the first of ``truth`` claims is what both sides show; of what is not resolved nothing is claimed."""
    gap = None in (sides.value, sides.right, sides.left)
    status = Status(int(truth.status[0]))
    if status in (Status.UNRESOLVED, Status.OVERFLOW):
        return True
    with mpmath.workprec(_BITS):
        if status == Status.UNDEFINED:
            return gap or any(abs(slope) > LARGE for slope in sides.slopes)
        if gap:
            return False
        right, left = sides.slopes
        if status == Status.KINK:
            return bool(abs(right - left) > NEAR or abs(right) > LARGE)  # a corner, or a jump
        middle = mpmath.mpf(float(truth.high[0])) + mpmath.mpf(float(truth.low[0]))
        allowed = mpmath.mpf(float(truth.radius[0])) + NEAR * (1 + abs(middle))
        return all(abs(slope - middle) <= allowed for slope in sides.slopes)
