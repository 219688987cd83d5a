"""Two stricter readings of boundaries for programs on Arb balls.

- :data:`CASES`: exact numbers decide every condition, equality included. So data decide, which no derivative moves.
- :data:`SMOOTH`: a corner, a jump or an end of the reals inside a ball makes the result NaN, so that a finite result
  says that the function is smooth over the balls of its inputs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flint import arb

from diffexplore.arithmetic.balls import OPERATIONS, BallArithmetic, negated, whole_power


# ------------------------------------------------------------------------------------------------------------ cases
def _below(x: arb, y: arb) -> bool | None:
    if x < y:
        return True
    return False if x >= y else None


def _same(x: arb, y: arb) -> bool | None:
    if x.is_exact() and y.is_exact():
        return bool(x == y)
    return None if x.overlaps(y) else False


def _sign(x: arb) -> arb:
    return arb(0) if x.is_zero() else OPERATIONS["sign"](x)


def _heaviside(x: arb) -> arb:
    return arb(0.5) if x.is_zero() else OPERATIONS["heaviside"](x)


_CASES: dict[str, Callable[..., Any]] = OPERATIONS | {
    "lt": _below, "gt": lambda x, y: _below(y, x),
    "le": lambda x, y: negated(_below(y, x)), "ge": lambda x, y: negated(_below(x, y)),
    "eq": _same, "ne": lambda x, y: negated(_same(x, y)), "sign": _sign, "heaviside": _heaviside,
}  # fmt: skip


# ----------------------------------------------------------------------------------------------------------- smooth
def _one_side(step: Callable[[arb], arb]) -> Callable[[arb], arb]:
    """A step function, NaN where its argument may lie on either side."""

    def apply(x: arb) -> arb:
        value = step(x)
        return value if value.is_exact() else arb.nan()

    return apply


def _abs(x: arb) -> arb:
    return arb.nan() if x.contains(0) and not x.is_zero() else abs(x)


def _apart(function: Callable[[arb, arb], arb]) -> Callable[[arb, arb], arb]:
    """The larger or smaller of two numbers, NaN where it may be either."""
    return lambda x, y: arb.nan() if _same(x, y) is None else function(x, y)


def _where(condition: bool | None, taken: arb, otherwise: arb) -> arb:
    return arb.nan() if condition is None else OPERATIONS["where"](condition, taken, otherwise)


def _pow(x: arb, y: arb) -> arb:
    if x > 0 or whole_power(x, y):
        return x**y
    return arb(0) if x.is_zero() and y > 0 else arb.nan()


def _atan2(y: arb, x: arb) -> arb:
    """NaN at the origin, and over the jump on the left, which 0 itself as y does not cross."""
    clear = x > 0 or not y.contains(0) or (y.is_zero() and x < 0)
    return arb.atan2(y, x) if clear else arb.nan()


#: Operations that Arb evaluates to NaN, or to a value that is not finite, where a ball leaves the open set on which
#: they are analytic: as they are they suit both ends.
_ANALYTIC = frozenset(
    "add sub mul div neg sqrt exp expm1 log log1p sin cos sinc dsinc tan asin acos atan sinh cosh tanh asinh acosh "
    "atanh erf erfc erfinv gamma lgamma digamma polygamma sigmoid softplus full_like lt le gt ge eq ne and or "
    "not".split()
)


def _not_known_to_be_smooth(*operands: Any) -> arb:
    return arb.nan()


_SMOOTH: dict[str, Callable[..., Any]] = {
    **dict.fromkeys(OPERATIONS, _not_known_to_be_smooth),
    **{name: _CASES[name] for name in _ANALYTIC},
    "abs": _abs, "max": _apart(arb.max), "min": _apart(arb.min), "where": _where, "pow": _pow, "atan2": _atan2,
    "sign": _one_side(_sign), "heaviside": _one_side(_heaviside),
}  # fmt: skip

CASES = BallArithmetic(_CASES)
SMOOTH = BallArithmetic(_SMOOTH)
