"""Conditions and branches on double-double balls: sides are taken only where they are proved.

As on Arb's balls, there are three readings of a boundary (:mod:`diffexplore.arithmetic.case_balls`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from diffexplore.arithmetic import vectors
from diffexplore.arithmetic.double_balls import QUANTUM, DoubleBall, exact, neg, sub
from diffexplore.arithmetic.double_double import Number
from diffexplore.arithmetic.vectors import both, either, where


class BranchDecision(NamedTuple):
    """A condition: where it certainly ``holds``, where it certainly ``fails``, and where Arb knows no more either.

    Arrays, tensors or scalars of bool. ``settled`` includes both others, and ties of exact numbers.
    """

    holds: Number
    fails: Number
    settled: Number

    @property
    def decided(self) -> Number:
        return either(self.holds, self.fails)


def chosen(first: Number, x: DoubleBall, y: DoubleBall) -> DoubleBall:
    """x where ``first`` holds, y elsewhere."""
    return DoubleBall(*(where(first, *fields) for fields in zip(x, y, strict=True)))


def absolute(x: DoubleBall) -> DoubleBall:
    return chosen(vectors.signbit(x.high), neg(x), x)


def sign(x: DoubleBall) -> DoubleBall:
    return _where(_above_zero(x), exact(1.0), exact(-1.0))


def heaviside(x: DoubleBall) -> DoubleBall:
    return _where(_above_zero(x), exact(1.0), exact(0.0))


def largest(x: DoubleBall, y: DoubleBall) -> DoubleBall:
    # The larger of two numbers moves by no more than either does. A tie may be of subnormal parts, flushed to zero.
    tie = x.high == y.high
    larger = chosen(either(x.high > y.high, both(tie, x.low >= y.low)), x, y)
    # What is certainly the larger one is it exactly. The low parts are below 2⁻⁵² of the high ones.
    apart = abs(x.high - y.high) > x.radius + y.radius + (abs(x.high) + abs(y.high)) * 2.0**-50
    together = vectors.maximum(x.radius, y.radius) + where(tie, QUANTUM, 0.0)
    return larger._replace(radius=where(apart, larger.radius, together))


def smallest(x: DoubleBall, y: DoubleBall) -> DoubleBall:
    return neg(largest(neg(x), neg(y)))


def _above_zero(x: DoubleBall) -> BranchDecision:
    """x > 0; on 0 itself both sides count, so that it is settled and not decided."""
    clear = x.nearest_to_zero > 0
    return BranchDecision(both(clear, x.high > 0), both(clear, x.high < 0), either(clear, x.exactly_zero))


def _less(x: DoubleBall, y: DoubleBall) -> BranchDecision:
    above = _above_zero(sub(y, x))
    return above._replace(settled=either(above.settled, _tied(x, y)))


def _equal(x: DoubleBall, y: DoubleBall) -> BranchDecision:
    less = _less(x, y)
    return BranchDecision(less.decided & False, less.decided, less.settled)


def decision(condition: BranchDecision | DoubleBall) -> BranchDecision:
    """A condition that is true or false for every sample comes as a constant, 1 or 0."""
    if isinstance(condition, BranchDecision):
        return condition
    return BranchDecision(condition.high != 0, condition.high == 0, condition.high == condition.high)


def _not(p: BranchDecision | DoubleBall) -> BranchDecision:
    p = decision(p)
    return BranchDecision(p.fails, p.holds, p.settled)


def _and(p: BranchDecision | DoubleBall, q: BranchDecision | DoubleBall) -> BranchDecision:
    p, q = decision(p), decision(q)
    holds, fails = both(p.holds, q.holds), either(p.fails, q.fails)
    return BranchDecision(holds, fails, either(holds, fails, both(p.settled, q.settled)))


def _or(p: BranchDecision | DoubleBall, q: BranchDecision | DoubleBall) -> BranchDecision:
    return _not(_and(_not(p), _not(q)))


def _where(condition: BranchDecision | DoubleBall, taken: DoubleBall, otherwise: DoubleBall) -> DoubleBall:
    condition = decision(condition)
    taken_or_not = chosen(condition.holds, taken, otherwise)
    return taken_or_not._replace(radius=where(condition.decided, taken_or_not.radius, np.inf))


# ------------------------------------------------------------------------------------------------------------ cases
def _tied(x: DoubleBall, y: DoubleBall) -> Number:
    """Where two exact numbers are equal."""
    return both(x.high == y.high, x.low == y.low, x.radius == 0, y.radius == 0)


def _below(x: DoubleBall, y: DoubleBall) -> BranchDecision:
    less, tie = _less(x, y), _tied(x, y)
    return BranchDecision(less.holds, either(less.fails, tie), either(less.settled, tie))


def _same(x: DoubleBall, y: DoubleBall) -> BranchDecision:
    less, tie = _less(x, y), _tied(x, y)
    return BranchDecision(tie, less.decided, either(less.settled, tie))


def _zero_or(step: Callable[[DoubleBall], DoubleBall], at_zero: float) -> Callable[[DoubleBall], DoubleBall]:
    return lambda x: chosen(x.exactly_zero, exact(at_zero), step(x))


# ----------------------------------------------------------------------------------------------------------- smooth
def clear_absolute(x: DoubleBall) -> DoubleBall:
    clear = either(x.nearest_to_zero > 0, x.exactly_zero)
    value = absolute(x)
    return value._replace(radius=where(clear, value.radius, np.inf))


def _clear(function: Callable[[DoubleBall, DoubleBall], DoubleBall]) -> Callable[[DoubleBall, DoubleBall], DoubleBall]:
    """The larger or smaller of two numbers, unknown where it may be either."""

    def apply(x: DoubleBall, y: DoubleBall) -> DoubleBall:
        value, order = function(x, y), _below(x, y)
        return value._replace(radius=where(order.decided, value.radius, np.inf))

    return apply


CONTROL: dict[str, Callable[..., Any]] = {
    "full_like": lambda x, constant: constant, "where": _where,
    "lt": _less, "le": _less, "gt": lambda x, y: _less(y, x), "ge": lambda x, y: _less(y, x),
    "eq": _equal, "ne": lambda x, y: _not(_equal(x, y)), "and": _and, "or": _or, "not": _not,
}  # fmt: skip

CONTROL_OF_CASES: dict[str, Callable[..., Any]] = CONTROL | {
    "lt": _below, "gt": lambda x, y: _below(y, x),
    "le": lambda x, y: _not(_below(y, x)), "ge": lambda x, y: _not(_below(x, y)),
    "eq": _same, "ne": lambda x, y: _not(_same(x, y)),
}  # fmt: skip

case_sign, case_heaviside = _zero_or(sign, 0.0), _zero_or(heaviside, 0.5)
clear_largest, clear_smallest = _clear(largest), _clear(smallest)
