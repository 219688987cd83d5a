"""Helpers of clamp, which settles ties between its argument and its limits in another way since torch 2.14.

The newer ones are written down from what torch 2.14 computes at ties, which the tests hold them against.
"""

from __future__ import annotations

from typing import Any

import sympy
from sympy import Expr

from diffexplore.auditing.functions import where
from diffexplore.auditing.helpers.registry import helper


@helper("Manual: where(min <= self and self <= max, grad, 0), with the limits that are given")
def clamp_backward(grad: Expr, self: Expr, low: Expr | None, high: Expr | None) -> Expr:
    within = [*([self >= low] if low is not None else []), *([self <= high] if high is not None else [])]
    return where(sympy.And(*within), grad, 0)


@helper("Manual: to min where self < min and min < max; to max where self > max or max < min")
def clamp_backward_min_max(
    grad: Expr, self: Expr, low: Expr | None, high: Expr | None, *_: Any
) -> tuple[Expr | None, Expr | None]:
    if low is not None and high is not None:
        to_low = where(sympy.And(low < high, self < low), grad, 0)
        return to_low, where(sympy.Or(self > high, high < low), grad, 0)
    to_one = where(self < low, grad, 0) if low is not None else None
    return to_one, where(self > high, grad, 0) if high is not None else None


@helper("Manual: with both limits max_t where min > max, min_t where self < min, max_t where self > max, else self_t")
def clamp_jvp(
    self: Expr, self_t: Expr, low: Expr | None, low_t: Expr | None, high: Expr | None, high_t: Expr | None
) -> Expr:
    if low is not None and high is not None:
        inside = where(self < low, low_t, where(self > high, high_t, self_t))
        return where(low > high, high_t, inside)
    if low is not None:
        return where(self > low, self_t, low_t)
    return where(self < high, self_t, high_t)


_SINCE = (2, 14)


@helper(
    "torch 2.14: where(min < self and self < max, grad, 0), with the limits that are given",
    name="clamp_backward", since=_SINCE, entries=("clamp",),
)  # fmt: skip
def _backward_of_numbers(grad: Expr, self: Expr, low: Expr | None, high: Expr | None) -> Expr:
    within = [*([self > low] if low is not None else []), *([self < high] if high is not None else [])]
    return where(sympy.And(*within), grad, 0)


@helper(
    "torch 2.14: where(min < self and self < max, grad, 0), and grad / 2 where self is one limit of two",
    name="clamp_backward", since=_SINCE, entries=("clamp.Tensor",),
)  # fmt: skip
def _backward_of_tensors(grad: Expr, self: Expr, low: Expr | None, high: Expr | None) -> Expr:
    return grad * _shares(self, low, high)[0]


@helper(
    "torch 2.14: to min where self < min and min <= max; to max where self > max or max < min; half of it where equal",
    name="clamp_backward_min_max", since=_SINCE,
)  # fmt: skip
def _backward_of_limits(
    grad: Expr, self: Expr, low: Expr | None, high: Expr | None, *_: Any
) -> tuple[Expr | None, Expr | None]:  # fmt: skip
    _, to_low, to_high = _shares(self, low, high)
    return (None if low is None else grad * to_low), (None if high is None else grad * to_high)


@helper("torch 2.14: the tangents, shared as the gradient is", name="clamp_jvp", since=_SINCE)
def _tangent(
    self: Expr, self_t: Expr, low: Expr | None, low_t: Expr | None, high: Expr | None, high_t: Expr | None
) -> Expr:
    to_self, to_low, to_high = _shares(self, low, high)
    return self_t * to_self + (low_t or 0) * to_low + (high_t or 0) * to_high


def _shares(self: Expr, low: Expr | None, high: Expr | None) -> tuple[Expr, Expr, Expr]:
    """The parts of the gradient that the argument, the lower and the upper limit get."""
    half = sympy.Rational(1, 2)
    if low is not None and high is not None:
        tied = sympy.And(low < high, sympy.Or(sympy.Eq(self, low), sympy.Eq(self, high)))
        inside = sympy.Or(sympy.And(low < self, self < high), sympy.And(sympy.Eq(low, high), sympy.Eq(self, low)))
        to_low = where(sympy.And(self < low, low <= high), 1, where(sympy.And(tied, sympy.Eq(self, low)), half, 0))
        above = sympy.Or(self > high, low > high)
        to_high = where(above, 1, where(sympy.And(tied, sympy.Eq(self, high)), half, 0))
        return where(inside, 1, where(tied, half, 0)), to_low, to_high
    if low is not None:
        return _share(self, low), _share(low, self), sympy.S.Zero
    assert high is not None
    return _share(high, self), sympy.S.Zero, _share(self, high)


def _share(larger: Expr, smaller: Expr) -> Expr:
    """1 where the one is larger than the other, one half where they are equal."""
    return where(larger > smaller, 1, where(sympy.Eq(larger, smaller), sympy.Rational(1, 2), 0))
