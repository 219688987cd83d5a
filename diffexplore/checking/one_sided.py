"""Derivatives from both sides: where a formula for the derivative says nothing, the function itself decides.

The loss is expanded at x₀, at x₀ + t and at x₀ − t for t → 0 in certified germs (:mod:`diffexplore.arithmetic.germs`).
Its derivative exists if both one-sided limits are the value at x₀ and both one-sided slopes agree. Two numbers that are
not rational count as equal where enclosures of half of all bits cannot tell them apart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from flint import arb, ctx, fmpq

from diffexplore.arithmetic import germs
from diffexplore.arithmetic.balls import precision
from diffexplore.arithmetic.germ_arithmetic import GermArithmetic, at_point, exactly
from diffexplore.arithmetic.germs import Absent, Germ, Number, UndecidedError
from diffexplore.checking.enclosures import Status
from diffexplore.checking.staged import RunningMode, StagedProgram
from diffexplore.program.program import Program

#: Bits and powers of t that are tried in turn.
_RUNGS = ((192, 2), (640, 6), (2048, 16))


@dataclass(frozen=True)
class Decided:
    """What both sides say: a ball that holds the derivative, or at a kink both one-sided slopes, or NaN."""

    status: Status
    ball: arb


class _Infinite(Enum):
    """A limit or a slope that is no number."""

    LIMIT = "infinite"


_Limit = Number | _Infinite


@dataclass(frozen=True)
class BothSides:
    """Decides the derivative of one loss by one of its inputs; ``name`` None stands for the loss itself."""

    loss: Program
    name: str | None
    fixed: Mapping[str, float]
    data: Sequence[str]

    def decide(self, rows: Mapping[int, Sequence[float]], enough: Callable[[int, arb], bool]) -> dict[int, Decided]:
        """For the samples that can be decided; ``enough`` says whether the ball of a sample is tight.

        ``rows`` holds the data of samples by their numbers. A ball that stays wide is unresolved.
        """
        found: dict[int, Decided] = {}
        left = dict(rows)
        for bits, depth in _RUNGS:
            with precision(bits):
                for i, decided in self._attempt(left, depth):
                    found[i] = decided
                    if decided.status != Status.RESOLVED or enough(i, decided.ball):
                        del left[i]
        for i in left.keys() & found.keys():
            found[i] = Decided(Status.UNRESOLVED, found[i].ball)
        return found

    def _attempt(self, rows: Mapping[int, Sequence[float]], depth: int) -> Iterable[tuple[int, Decided]]:
        if not rows:
            return
        arithmetic = GermArithmetic(depth)
        steps = (0,) if self.name is None else (0, 1, -1)
        programs = [self._staged(arithmetic, step) for step in steps]
        for program in programs:
            program.prepare()
        varying = programs[0].varying
        places = [tuple(self.data).index(name) for name in varying]
        for i, row in list(rows.items()):
            values = [row[place] for place in places]
            decided = _decided([program(values)[0] for program in programs])
            if decided is not None:
                yield i, decided

    def _staged(self, arithmetic: GermArithmetic, step: int) -> StagedProgram:
        moved = {} if self.name is None or not step else {self.name: lambda value: _moving(value, step)}
        return StagedProgram(self.loss, RunningMode(arithmetic, at_point, moved), self.fixed, self.data)


def _moving(value: float, step: int) -> Germ | Absent:
    try:
        return germs.moving(exactly(value), step)
    except (OverflowError, ValueError):
        return Absent.NOTHING


def _decided(values: Sequence[Germ | Absent]) -> Decided | None:
    """From the germs at the point, on its right and on its left; None where they do not decide."""
    if Absent.NOTHING in values:
        return Decided(Status.UNDEFINED, arb.nan())
    if Absent.UNKNOWN in values:
        return None
    try:
        at, *sides = [_limit_and_slope(value) for value in values if isinstance(value, Germ)]
        value = at[0]
        if not sides:
            return None if isinstance(value, _Infinite) else Decided(Status.RESOLVED, arb(value))
        (right, up), (left, down) = sides
        numbers = [number for number in (value, right, left, up, down) if not isinstance(number, _Infinite)]
        return _joined(*numbers) if len(numbers) == 5 else Decided(Status.UNDEFINED, arb.nan())
    except UndecidedError:
        return None


def _joined(value: Number, right: Number, left: Number, up: Number, down: Number) -> Decided:
    """From the value, both limits, and both slopes as they are seen when going away from the point."""
    hull = arb(up).union(arb(-down))
    if not (_equal(right, value) and _equal(left, value) and _equal(up, -down)):
        return Decided(Status.KINK, hull)
    return Decided(Status.RESOLVED, arb(up) if isinstance(up, fmpq) else hull)


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
