"""The truth: enclosures of exact partials at exactly the floats that the methods used.

Each partial of the summand is evaluated in ball arithmetic (Arb), with more bits until its radius is far below the
ulp, or until the partial is proved negligible beside the bound; a cap ends the search. A vector of enclosures is held
as three float64 arrays: the midpoint is ``high + low``, and ``radius`` covers what those two do not hold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
from flint import arb

from diffexplore.arithmetic.balls import BALLS, precision
from diffexplore.check.records import Truth
from diffexplore.symbolic.program import Program

#: Precisions that are tried in turn, in bits. 128 resolve a double that lost 60 bits to cancellation.
PRECISIONS = (128, 256, 512, 1024, 2048, 4096)

#: The radius must be below the ulp by this factor.
_BELOW_ULP = 2.0**-10

_JUMPING = frozenset({"where", "heaviside", "sign"})


class Status(IntEnum):
    """What is known of one truth."""

    RESOLVED = 0
    KINK = 1  # both sides of a branch count, and they differ
    UNDEFINED = 2  # a singularity, or outside the domain of a function
    OUTSIDE = 3  # outside the stated domain of the loss
    UNRESOLVED = 4  # the radius stayed too large at the highest precision
    OVERFLOW = 5  # beyond the range of double precision


@dataclass(frozen=True)
class Enclosures:
    """Enclosures of one partial at ``n`` samples: float64 arrays of shape (n,), ``status`` of dtype int8."""

    high: np.ndarray
    low: np.ndarray
    radius: np.ndarray
    status: np.ndarray

    def ball(self, i: int) -> arb:
        """The enclosure of sample ``i`` as an Arb ball."""
        with precision(PRECISIONS[0] * 2):
            mid = arb(float(self.high[i])) + arb(float(self.low[i]))
            return mid + arb(0, float(self.radius[i]))


class BallEvaluator:
    """Runs a program in ball arithmetic, sample by sample, with the steps that no data reaches computed once."""

    def __init__(self, program: Program, fixed: Mapping[str, float], varying: Sequence[str]) -> None:
        depends = program.depends_on(varying)
        self._program = program
        self._fixed = fixed
        self._columns = [program.inputs.index(name) for name in varying if name in program.inputs]
        self.varying = tuple(name for name in varying if name in program.inputs)
        first = program.first_step
        plan = [(BALLS.operations[s.operation], s.arguments, first + i) for i, s in enumerate(program.steps)]
        self._once = [entry for entry in plan if not depends[entry[2]]]
        self._pairs = [entry for entry in plan if depends[entry[2]]]
        self._slots = first + len(program.steps)
        self._base: list[Any] = []

    def prepare(self) -> None:
        """Computes what does not vary, at the current precision."""
        base: list[Any] = [arb(self._fixed[name]) if name in self._fixed else None for name in self._program.inputs]
        base += [BALLS.constant(constant) for constant in self._program.constants]
        base += [None] * (self._slots - len(base))
        for function, arguments, slot in self._once:
            base[slot] = function(*[base[i] for i in arguments])
        self._base = base

    def __call__(self, values: Sequence[float]) -> list[Any]:
        """The outputs at one sample, whose ``values`` are in the order of ``varying``."""
        slots = self._base.copy()
        for slot, value in zip(self._columns, values, strict=True):
            slots[slot] = arb(value)
        for function, arguments, slot in self._pairs:
            if len(arguments) == 2:
                slots[slot] = function(slots[arguments[0]], slots[arguments[1]])
            else:
                slots[slot] = function(*[slots[i] for i in arguments])
        return [slots[slot] for slot in self._program.outputs]


class TruthFinder:
    """Encloses partials of one loss at one point.

    ``gradient`` has an output for each name in ``names``; ``loss`` is the summand's program, ``domain`` has a
    condition for each output. ``fixed`` holds the parameters, ``data`` names the columns.
    """

    def __init__(
        self,
        names: Sequence[str],
        gradient: Program,
        loss: Program,
        domain: Program,
        fixed: Mapping[str, float],
        data: Sequence[str],
    ) -> None:
        self.names = tuple(names)
        self._gradient = BallEvaluator(gradient, fixed, data)
        self._domain = BallEvaluator(domain, fixed, data) if domain.outputs else None
        # Where a loss can jump, its derivative on either side says nothing of the jump itself.
        self._loss = BallEvaluator(loss, fixed, data) if loss.operations & _JUMPING else None
        self._data = tuple(data)

    def samples(
        self, columns: Mapping[str, np.ndarray], n: int, precision_bits: int, smallest_exponent: int,
        negligible: Mapping[str, np.ndarray],
    ) -> tuple[dict[str, Enclosures], dict[str, arb]]:  # fmt: skip
        """Enclosures at ``n`` samples, and the sum of each partial over them.

        The target dtype has ``precision_bits`` bits and the smallest normal exponent ``smallest_exponent``; a partial
        whose absolute value is certainly below ``negligible`` needs no relative accuracy.
        """
        rows = _rows(columns, self._data, n)
        found = {name: [None] * n for name in self.names}
        statuses = {name: np.zeros(n, np.int8) for name in self.names}
        pending = range(n)
        for bits in PRECISIONS:
            with precision(bits):
                pending = self._attempt(
                    rows, pending, found, precision_bits, smallest_exponent, negligible, bits == PRECISIONS[-1]
                )
            if not pending:
                break
        self._classify(rows, pending, found, statuses)
        self._mark_domain(rows, statuses)
        with precision(PRECISIONS[0] * 2):
            sums = {name: sum(found[name], arb(0)) for name in self.names}
        return {name: _enclosures(found[name], statuses[name]) for name in self.names}, sums

    def _attempt(
        self, rows: Sequence[tuple[float, ...]], pending: Sequence[int], found: dict[str, list[Any]],
        precision_bits: int, smallest_exponent: int, negligible: Mapping[str, np.ndarray], last: bool,
    ) -> list[int]:  # fmt: skip
        evaluator = self._gradient
        evaluator.prepare()
        columns = [_selector(self._data, evaluator.varying)]
        pick = columns[0]
        targets = [(found[name], negligible.get(name)) for name in self.names]
        ulp_scale = 2.0 ** (1 - precision_bits) * _BELOW_ULP
        floor = 2.0 ** max(smallest_exponent - precision_bits + 1, -1074) * _BELOW_ULP
        again = []
        for i in pending:
            good = True
            for ball, (target, small) in zip(evaluator(pick(rows[i])), targets, strict=True):
                target[i] = ball
                radius = float(ball.rad())
                size = abs(float(ball.mid()))
                if not radius <= max(size * ulp_scale, floor) and (
                    small is None or not size + radius <= small[i]
                ):
                    good = False
            if not good:
                again.append(i)
        return again

    def _classify(
        self, rows: Sequence[tuple[float, ...]], pending: Sequence[int], found: dict[str, list[Any]],
        statuses: dict[str, np.ndarray],
    ) -> None:  # fmt: skip
        branching = self._gradient._program.operations & {*_JUMPING, "max", "min", "abs"}
        for i in pending:
            for name in self.names:
                ball = found[name][i]
                if not ball.is_finite():
                    statuses[name][i] = Status.UNDEFINED
                elif float(ball.rad()) > abs(float(ball.mid())) * 2.0**-30:
                    statuses[name][i] = Status.KINK if branching else Status.UNRESOLVED
        if self._loss is not None:
            self._mark_jumps(rows, statuses)

    def _mark_jumps(self, rows: Sequence[tuple[float, ...]], statuses: dict[str, np.ndarray]) -> None:
        assert self._loss is not None
        with precision(PRECISIONS[1]):
            self._loss.prepare()
            pick = _selector(self._data, self._loss.varying)
            for i, row in enumerate(rows):
                (value,) = self._loss(pick(row))
                if not value.is_finite():
                    status = Status.UNDEFINED
                elif float(value.rad()) > (abs(float(value.mid())) + 1) * 2.0**-100:
                    status = Status.KINK
                else:
                    continue
                for name in self.names:
                    if statuses[name][i] == Status.RESOLVED:
                        statuses[name][i] = status

    def _mark_domain(self, rows: Sequence[tuple[float, ...]], statuses: dict[str, np.ndarray]) -> None:
        if self._domain is None:
            return
        with precision(PRECISIONS[0]):
            self._domain.prepare()
            pick = _selector(self._data, self._domain.varying)
            for i, row in enumerate(rows):
                if any(holds is False for holds in self._domain(pick(row))):
                    for name in self.names:
                        statuses[name][i] = Status.OUTSIDE


def _rows(columns: Mapping[str, np.ndarray], data: Sequence[str], n: int) -> Sequence[tuple[float, ...]]:
    if not data:
        return [()] * n
    return list(zip(*[columns[name].tolist() for name in data], strict=True))


def _selector(data: Sequence[str], wanted: Sequence[str]) -> Any:
    if tuple(data) == tuple(wanted):
        return lambda row: row
    places = [tuple(data).index(name) for name in wanted]
    return lambda row: [row[place] for place in places]


def _enclosures(balls: Sequence[arb], status: np.ndarray) -> Enclosures:
    n = len(balls)
    high, low, radius = np.empty(n), np.empty(n), np.empty(n)
    with precision(PRECISIONS[-1]):
        for i, ball in enumerate(balls):
            mid = ball.mid()
            nearest = float(mid)
            rest = float(mid - nearest) if abs(nearest) < np.inf else np.nan
            high[i], low[i], radius[i] = nearest, rest, float(ball.rad())
    # The part of the midpoint that two doubles do not hold is below an ulp of the lower one.
    exact = (radius == 0) & (low == 0)
    radius = np.where(exact, 0.0, radius * (1 + 2.0**-50) + np.abs(low) * 2.0**-52 + 2.0**-1073)
    broken = ~np.isfinite(high) | ~np.isfinite(radius)
    status[broken & (status == Status.RESOLVED)] = Status.OVERFLOW
    return Enclosures(high, low, radius, status)


def decimal(ball: arb, digits: int = 40) -> Truth | None:
    """An enclosure as decimal strings, rounded outward; None where the ball is not finite."""
    if not ball.is_finite():
        return None
    with precision(4096):
        mid = ball.mid()
        text = mid.str(digits, radius=False)
        error = (abs(arb(text) - mid) + ball.rad()).upper()
        if error == 0:
            return Truth(text, "0")
        return Truth(text, (error * arb("1.001")).str(4, radius=False))
