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

#: Bits in which the samples' partials are added up.
SUM_PRECISION = 256

#: The radius must be below the ulp by this factor.
_BELOW_ULP = 2.0**-10

_JUMPING = frozenset({"where", "heaviside", "sign"})
_BRANCHING = _JUMPING | {"max", "min", "abs"}

#: Operations that have one value, which depends continuously on their operands, wherever those are real.
_TOTAL = frozenset(
    "add sub mul neg abs max min exp expm1 sin cos atan sinh cosh tanh asinh erf erfc sigmoid "
    "softplus full_like".split()
)


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
        self._always = [_unpacked(*entry) for entry in plan if depends[entry[2]]]
        self.operations = program.operations
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
        for function, first, second, others, slot in self._always:
            if others is None:
                slots[slot] = function(slots[first], slots[second])
            else:
                slots[slot] = function(*[slots[i] for i in others])
        return [slots[slot] for slot in self._program.outputs]


def _unpacked(
    function: Any, arguments: tuple[int, ...], slot: int
) -> tuple[Any, int, int, tuple[int, ...] | None, int]:
    """A step laid out so that the common one, of two operands, is called without unpacking."""
    if len(arguments) == 2:
        return function, *arguments, None, slot
    return function, 0, 0, arguments, slot


class _Column:
    """The enclosures of one partial while they are found: ball i is (high[i] + low[i]) ± radius[i], nearly."""

    def __init__(self, n: int, negligible: np.ndarray | None) -> None:
        self.high = [0.0] * n
        self.low = [0.0] * n
        self.radius = [0.0] * n
        self.status = np.zeros(n, np.int8)
        self.total = arb(0)
        self._exact: list[int] = []
        self._negligible = negligible

    def put(self, i: int, ball: arb, ulp_scale: float, floor: float) -> bool:
        """Keeps a ball; says whether it is tight enough."""
        mid = ball.mid()
        self.high[i] = high = float(mid)
        rest = mid - high
        self.low[i] = float(rest)
        self.radius[i] = radius = float(ball.rad())
        if radius == 0 and ball.is_exact() and rest - self.low[i] == 0:  # a radius may underflow to 0 as a double
            self._exact.append(i)
        size = abs(high)
        if radius <= size * ulp_scale or radius <= floor:
            return True
        return self._negligible is not None and size + radius <= self._negligible[i]

    def enclosures(self) -> Enclosures:
        high, low, radius = np.array(self.high), np.array(self.low), np.array(self.radius)
        # What two doubles do not hold of the midpoint is below half an ulp of the lower one.
        radius = radius * (1 + 2.0**-50) + np.abs(low) * 2.0**-52 + 2.0**-1073
        radius[self._exact] = 0.0
        broken = ~np.isfinite(high) | ~np.isfinite(radius)
        self.status[broken & (self.status == Status.RESOLVED)] = Status.OVERFLOW
        return Enclosures(high, low, radius, self.status)


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
        # A derivative says nothing of a jump of the loss, and may go on where the loss has left the reals.
        self._loss = BallEvaluator(loss, fixed, data) if loss.operations - _TOTAL else None
        self._one_sample_speaks = not _breaks_by_sample(loss, data)
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
        found = {name: _Column(n, negligible.get(name)) for name in self.names}
        ulp_scale = 2.0 ** (1 - precision_bits) * _BELOW_ULP
        floor = 2.0 ** max(smallest_exponent - precision_bits + 1, -1074) * _BELOW_ULP
        pending: Sequence[int] = range(n)
        for bits in PRECISIONS:
            with precision(bits):
                pending = self._attempt(rows, pending, found, ulp_scale, floor, last=bits == PRECISIONS[-1])
            if not pending:
                break
        if self._loss is not None:
            self._mark_breaks(rows, found)
        self._mark_domain(rows, found)
        return (
            {name: column.enclosures() for name, column in found.items()},
            {name: column.total for name, column in found.items()},
        )

    def _attempt(
        self, rows: Sequence[tuple[float, ...]], pending: Sequence[int], found: Mapping[str, _Column],
        ulp_scale: float, floor: float, *, last: bool,
    ) -> list[int]:  # fmt: skip
        """Evaluates the samples ``pending`` at the current precision; returns those that need more."""
        evaluator = self._gradient
        evaluator.prepare()
        pick = _selector(self._data, evaluator.varying)
        columns = [found[name] for name in self.names]
        again = []
        for i in pending:
            balls = evaluator(pick(rows[i]))
            tight = [column.put(i, ball, ulp_scale, floor) for column, ball in zip(columns, balls, strict=True)]
            if not (last or all(tight)):
                again.append(i)
                continue
            for column, ball, good in zip(columns, balls, tight, strict=True):
                column.total += ball
                if not good:
                    column.status[i] = self._status_of(ball)
        return again

    def _status_of(self, ball: arb) -> Status:
        """What a ball says that stayed wide at the highest precision."""
        if not ball.is_finite():
            return Status.UNDEFINED
        return Status.KINK if self._gradient.operations & _BRANCHING else Status.UNRESOLVED

    def _mark_breaks(self, rows: Sequence[tuple[float, ...]], found: Mapping[str, _Column]) -> None:
        """Where the loss has no real value, or branches of it do not meet."""
        pending = dict(enumerate(rows[:1] if self._one_sample_speaks else rows))
        broken: dict[int, Status] = {}
        for bits in (PRECISIONS[1], PRECISIONS[-1]):
            broken = self._breaks(pending, bits)
            pending = {i: pending[i] for i in broken}
        for i, status in broken.items():
            for column in found.values():
                here = slice(None) if self._one_sample_speaks else slice(i, i + 1)
                column.status[here] = np.where(column.status[here] == Status.RESOLVED, status, column.status[here])

    def _breaks(self, rows: Mapping[int, tuple[float, ...]], bits: int) -> dict[int, Status]:
        """The samples at which the loss is not one real number, as far as so many bits can tell."""
        assert self._loss is not None
        broken = {}
        with precision(bits):
            self._loss.prepare()
            pick = _selector(self._data, self._loss.varying)
            for i, row in rows.items():
                (value,) = self._loss(pick(row))
                if not value.is_finite():
                    broken[i] = Status.UNDEFINED
                elif float(value.rad()) > (abs(float(value.mid())) + 1) * 2.0**-100:
                    broken[i] = Status.KINK
        return broken

    def _mark_domain(self, rows: Sequence[tuple[float, ...]], found: Mapping[str, _Column]) -> None:
        if self._domain is None:
            return
        with precision(PRECISIONS[0]):
            self._domain.prepare()
            pick = _selector(self._data, self._domain.varying)
            for i, row in enumerate(rows):
                if any(holds is False for holds in self._domain(pick(row))):
                    for column in found.values():
                        column.status[i] = Status.OUTSIDE


def _breaks_by_sample(loss: Program, data: Sequence[str]) -> bool:
    """Whether a break of the loss may depend on the sample: not where only parameters are divided by, say."""
    depends = loss.depends_on(data)
    for step in loss.steps:
        critical = step.arguments[1:] if step.operation == "div" else step.arguments
        if step.operation in _JUMPING or (step.operation not in _TOTAL and any(depends[slot] for slot in critical)):
            return True
    return False


def _rows(columns: Mapping[str, np.ndarray], data: Sequence[str], n: int) -> Sequence[tuple[float, ...]]:
    if not data:
        return [()] * n
    return list(zip(*[columns[name].tolist() for name in data], strict=True))


def _selector(data: Sequence[str], wanted: Sequence[str]) -> Any:
    if tuple(data) == tuple(wanted):
        return lambda row: row
    places = [tuple(data).index(name) for name in wanted]
    return lambda row: [row[place] for place in places]


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
