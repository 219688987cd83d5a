"""Derivatives from both sides: where a formula for the derivative says nothing, the function itself decides.

The loss is expanded at x₀, at x₀ + t and at x₀ − t for t → 0 in certified germs (:mod:`diffexplore.arithmetic.germs`),
and these are held against each other (:mod:`diffexplore.arithmetic.two_sides`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from flint import arb

from diffexplore.arithmetic import germs
from diffexplore.arithmetic.balls import precision
from diffexplore.arithmetic.germ_arithmetic import GermArithmetic, at_point, exactly
from diffexplore.arithmetic.germs import Absent, Germ
from diffexplore.arithmetic.two_sides import Meeting, meet
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


_STATUS = {Meeting.SMOOTH: Status.RESOLVED, Meeting.KINK: Status.KINK, Meeting.NOTHING: Status.UNDEFINED}


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
            found = meet([program(values)[0] for program in programs])
            if found is not None:
                yield i, Decided(_STATUS[found.meeting], found.ball)

    def _staged(self, arithmetic: GermArithmetic, step: int) -> StagedProgram:
        moved = {} if self.name is None or not step else {self.name: lambda value: _moving(value, step)}
        return StagedProgram(self.loss, RunningMode(arithmetic, at_point, moved), self.fixed, self.data)


def _moving(value: float, step: int) -> Germ | Absent:
    try:
        return germs.moving(exactly(value), step)
    except (OverflowError, ValueError):
        return Absent.NOTHING
