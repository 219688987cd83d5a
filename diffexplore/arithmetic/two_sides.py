"""The derivative of a function at a point, from its germs there and on both sides.

It exists if both one-sided limits are the value at the point and both one-sided slopes agree. Two numbers that are not
rational count as equal where enclosures of half of all bits cannot tell them apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto

from flint import arb, ctx, fmpq

from diffexplore.arithmetic import germs
from diffexplore.arithmetic.germs import Absent, Germ, Number, UndecidedError


class Meeting(Enum):
    """How both sides meet at a point: with one slope, or not; or the function, or a slope, has no value."""

    SMOOTH = auto()
    KINK = auto()
    NOTHING = auto()


@dataclass(frozen=True)
class TwoSides:
    """How both sides meet, and a ball that holds the derivative, or at a kink both one-sided slopes, or NaN."""

    meeting: Meeting
    ball: arb


class _Infinite(Enum):
    """A limit or a slope that is no number."""

    LIMIT = "infinite"


_Limit = Number | _Infinite


def meet(values: Sequence[Germ | Absent]) -> TwoSides | None:
    """From the germs at the point, on its right and on its left; None where they do not decide."""
    if Absent.NOTHING in values:
        return TwoSides(Meeting.NOTHING, arb.nan())
    if Absent.UNKNOWN in values:
        return None
    try:
        at, *sides = [_limit_and_slope(value) for value in values if isinstance(value, Germ)]
        value = at[0]
        if not sides:
            return None if isinstance(value, _Infinite) else TwoSides(Meeting.SMOOTH, arb(value))
        (right, up), (left, down) = sides
        numbers = [number for number in (value, right, left, up, down) if not isinstance(number, _Infinite)]
        return _joined(*numbers) if len(numbers) == 5 else TwoSides(Meeting.NOTHING, arb.nan())
    except UndecidedError:
        return None


def _joined(value: Number, right: Number, left: Number, up: Number, down: Number) -> TwoSides:
    """From the value, both limits, and both slopes as they are seen when going away from the point."""
    hull = arb(up).union(arb(-down))
    if not (_equal(right, value) and _equal(left, value) and _equal(up, -down)):
        return TwoSides(Meeting.KINK, hull)
    return TwoSides(Meeting.SMOOTH, arb(up) if isinstance(up, fmpq) else hull)


def _limit_and_slope(germ: Germ) -> tuple[_Limit, _Limit]:
    """The limit for t → 0, and that of the difference quotient by t."""
    if germs.diverges(germ):
        return _Infinite.LIMIT, _Infinite.LIMIT
    limit, rest = germs.limit_and_rest(germ)
    if rest.order is not None and rest.order <= 1 and not (rest.terms and rest.terms[0][0][0] < 1):
        raise UndecidedError
    quotient = germs.scaled(rest, fmpq(1), (-1, 0))
    if germs.diverges(quotient):
        return limit, _Infinite.LIMIT
    return limit, germs.limit_and_rest(quotient)[0]


def _equal(x: Number, y: Number) -> bool:
    """Raises :class:`UndecidedError` where wide balls overlap."""
    if isinstance(x, fmpq) and isinstance(y, fmpq):
        return bool(x == y)
    difference = arb(x) - arb(y)
    if not difference.contains(0):
        return False
    if difference.rad() > (1 + abs(arb(x))) * arb(2) ** -(int(ctx.prec) // 2):
        raise UndecidedError
    return True
