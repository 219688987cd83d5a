"""Programs on germs: the value of a formula as it is written at a point, and beside it.

Every condition is decided by the sign of a leading term, so that only the branch that holds for small t counts,
whatever the other one is. What has no real value stays without one through every operation; what cannot be decided
likewise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from flint import fmpq

from diffexplore.arithmetic.balls import BALLS
from diffexplore.arithmetic.germs import (
    HALF,
    ONE,
    Absent,
    Germ,
    NoValueError,
    UndecidedError,
    add,
    constant,
    limit_and_rest,
    neg,
    remainder,
    sign_of,
    sub,
)
from diffexplore.functions.tables import implementations
from diffexplore.program.program import Constant

Value: TypeAlias = Germ | Absent
#: A condition: True, False, None where it is not decided, or NOTHING where it compares what has no value.
Condition: TypeAlias = bool | Absent | None


def exactly(number: float) -> fmpq:
    """A finite double as a rational."""
    return fmpq(*number.as_integer_ratio())


def at_point(number: float) -> Value:
    """An input that does not move; infinities and NaN are no real numbers."""
    try:
        return constant(exactly(number))
    except (OverflowError, ValueError):
        return Absent.NOTHING


# ------------------------------------------------------------------------------------------------------- conditions
def _compared(holds: Callable[[int], bool]) -> Callable[[Value, Value], Condition]:
    """A comparison by the sign of the difference."""

    def compare(x: Value, y: Value) -> Condition:
        if Absent.NOTHING in (x, y):
            return Absent.NOTHING
        if isinstance(x, Absent) or isinstance(y, Absent):
            return None
        try:
            return holds(sign_of(sub(x, y)))
        except UndecidedError:
            return None

    return compare


def _condition(condition: Condition | Germ) -> Condition:
    """One that holds always, or never, comes as the germ 1 or 0."""
    return not condition.is_zero if isinstance(condition, Germ) else condition


def _and(p: Condition | Germ, q: Condition | Germ) -> Condition:
    """False if one side is False, whatever the other is."""
    sides = _condition(p), _condition(q)
    for decisive in (False, Absent.NOTHING, None):
        if any(side is decisive for side in sides):
            return decisive
    return True


def _not(p: Condition | Germ) -> Condition:
    p = _condition(p)
    return p if isinstance(p, Absent) or p is None else not p


def _or(p: Condition | Germ, q: Condition | Germ) -> Condition:
    return _not(_and(_not(p), _not(q)))


def _where(condition: Condition | Germ, taken: Value, otherwise: Value) -> Value:
    holds = _condition(condition)
    if isinstance(holds, Absent):
        return holds
    if holds is None:
        return taken if taken == otherwise else Absent.UNKNOWN
    return taken if holds else otherwise


# ------------------------------------------------------------------------------------------- functions with corners
def absolute(x: Germ, depth: int) -> Germ:
    return x if sign_of(x) >= 0 else neg(x)


def sign(x: Germ, depth: int) -> Germ:
    return constant(fmpq(sign_of(x)))


def heaviside(x: Germ, depth: int) -> Germ:
    return constant((fmpq(0), HALF, ONE)[sign_of(x) + 1])


def largest(x: Germ, y: Germ, depth: int) -> Germ:
    difference = sub(x, y)
    if not difference.terms and difference.order is not None:
        return add(x, remainder(difference.order))  # either is within the remainder of the other
    return x if sign_of(difference) >= 0 else y


def smallest(x: Germ, y: Germ, depth: int) -> Germ:
    return neg(largest(neg(x), neg(y), depth))


def floor(x: Germ, depth: int) -> Germ:
    """That of the limit; where the limit is a whole number, that of the side from which it is approached."""
    at, rest = limit_and_rest(x)
    low = at.floor() if isinstance(at, fmpq) else at.floor().unique_fmpz()
    if low is None:
        raise UndecidedError
    below = isinstance(at, fmpq) and at.q == 1 and sign_of(rest) < 0
    return constant(fmpq(low) - 1 if below else fmpq(low))


def ceil(x: Germ, depth: int) -> Germ:
    return neg(floor(neg(x), depth))


def trunc(x: Germ, depth: int) -> Germ:
    return floor(x, depth) if sign_of(x) >= 0 else ceil(x, depth)


def rounded(x: Germ, depth: int) -> Germ:
    """To the nearest whole number; a number in the middle that does not move, to the even one."""
    up = floor(add(x, constant(HALF)), depth)
    at, rest = limit_and_rest(x)
    in_the_middle = isinstance(at, fmpq) and at.q == 2 and rest.is_zero
    number = up.constant
    odd = isinstance(number, fmpq) and number.p % 2 == 1
    return sub(up, constant(ONE)) if in_the_middle and odd else up


def _guarded(function: Callable[..., Germ], depth: int) -> Callable[..., Value]:
    """A function of germs for values that may be absent."""

    def apply(*operands: Value) -> Value:
        for operand in operands:
            if operand.__class__ is Absent:
                return Absent.NOTHING if Absent.NOTHING in operands else Absent.UNKNOWN
        try:
            return function(*operands, depth)
        except NoValueError:
            return Absent.NOTHING
        except UndecidedError:
            return Absent.UNKNOWN

    return apply


_CONTROL: Mapping[str, Callable[..., Any]] = {
    "full_like": _guarded(lambda x, constant, depth: constant, 0),
    "lt": _compared(lambda side: side < 0), "le": _compared(lambda side: side <= 0),
    "gt": _compared(lambda side: side > 0), "ge": _compared(lambda side: side >= 0),
    "eq": _compared(lambda side: side == 0), "ne": _compared(lambda side: side != 0),
    "and": _and, "or": _or, "not": _not, "where": _where,
}  # fmt: skip


class GermArithmetic:
    """Germs of ``depth`` powers of t, in the precision of the surrounding block; a deeper one decides more."""

    def __init__(self, depth: int) -> None:
        self.operations: Mapping[str, Callable[..., Any]] = {
            **{name: _guarded(function, depth) for name, function in implementations("germ", _CONTROL).items()},
            **_CONTROL,
        }

    def constant(self, constant_: Constant) -> Value:
        exact = constant_.exact
        if exact.is_Rational:
            return constant(fmpq(int(exact.p), int(exact.q)))
        number = BALLS.constant(constant_)
        if number.is_nan():
            return Absent.NOTHING
        try:
            return constant(number)
        except UndecidedError:
            return Absent.UNKNOWN
