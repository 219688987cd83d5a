"""Two stricter readings of boundaries for programs on Arb balls.

- :data:`CASES`: exact numbers decide every condition, equality included. So data decide, which no derivative moves.
- :data:`SMOOTH`: a corner, a jump or an end of the reals inside a ball makes the result NaN, so that a finite result
  says that the function is smooth over the balls of its inputs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flint import arb

from diffexplore.arithmetic import balls
from diffexplore.arithmetic.balls import BallArithmetic, both, either, negated, where, whole_power
from diffexplore.functions.tables import implementations


# ------------------------------------------------------------------------------------------------------------ cases
def _below(x: arb, y: arb) -> bool | None:
    if x < y:
        return True
    return False if x >= y else None


def _same(x: arb, y: arb) -> bool | None:
    if x.is_exact() and y.is_exact():
        return bool(x == y)
    return None if x.overlaps(y) else False


def sign(x: arb) -> arb:
    return arb(0) if x.is_zero() else balls.sign(x)


def heaviside(x: arb) -> arb:
    return arb(0.5) if x.is_zero() else balls.heaviside(x)


_CONTROL: dict[str, Callable[..., Any]] = {
    "full_like": lambda x, constant: constant, "where": where,
    "lt": _below, "gt": lambda x, y: _below(y, x),
    "le": lambda x, y: negated(_below(y, x)), "ge": lambda x, y: negated(_below(x, y)),
    "eq": _same, "ne": lambda x, y: negated(_same(x, y)), "and": both, "or": either, "not": negated,
}  # fmt: skip


# ----------------------------------------------------------------------------------------------------------- smooth
def one_side(step: Callable[[arb], arb], x: arb) -> arb:
    """The value of a step function, NaN where its argument may lie on either side of a jump."""
    value = step(x)
    return value if value.is_exact() else arb.nan()


def smooth_sign(x: arb) -> arb:
    return one_side(sign, x)


def smooth_heaviside(x: arb) -> arb:
    return one_side(heaviside, x)


def off_zero(function: Callable[[arb], arb], x: arb) -> arb:
    """The value of a function with a corner at 0, NaN where its argument may lie on either side."""
    return arb.nan() if x.contains(0) and not x.is_zero() else function(x)


def smooth_abs(x: arb) -> arb:
    return off_zero(abs, x)


def _apart(function: Callable[[arb, arb], arb]) -> Callable[[arb, arb], arb]:
    """The larger or smaller of two numbers, NaN where it may be either."""
    return lambda x, y: arb.nan() if _same(x, y) is None else function(x, y)


def _where(condition: bool | None, taken: arb, otherwise: arb) -> arb:
    return arb.nan() if condition is None else where(condition, taken, otherwise)


def smooth_power(x: arb, y: arb) -> arb:
    if x > 0 or whole_power(x, y):
        return x**y
    return arb(0) if x.is_zero() and y > 0 else arb.nan()


def smooth_atan2(y: arb, x: arb) -> arb:
    """NaN at the origin, and over the jump on the left, which 0 itself as y does not cross."""
    clear = x > 0 or not y.contains(0) or (y.is_zero() and x < 0)
    return arb.atan2(y, x) if clear else arb.nan()


smooth_max, smooth_min = _apart(arb.max), _apart(arb.min)


CASES = BallArithmetic(implementations("arb", _CONTROL, "cases"))
SMOOTH = BallArithmetic(implementations("arb", _CONTROL | {"where": _where}, "smooth"))
"""Of an analytic operation Arb's value is NaN, or not finite, where a ball leaves the open set on which it is that."""
