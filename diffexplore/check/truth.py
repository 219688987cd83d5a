"""The truth: enclosures of exact partials at exactly the floats that the methods used.

Each partial of the summand is evaluated in double-double balls, for all samples at once; where those are too wide or
know nothing, in ball arithmetic (Arb), with more bits until the radius is far below the ulp, or until the partial is
proved negligible beside the bound; a cap ends the search.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from flint import arb

from diffexplore.arithmetic.balls import BALLS, precision
from diffexplore.check.enclosures import SUM_PRECISION, EnclosureColumn, Enclosures, Status, statuses_in
from diffexplore.check.fast_truth import Tightness, VectorProgram, spread
from diffexplore.check.records import Truth
from diffexplore.check.staged import StagedProgram
from diffexplore.symbolic.program import Program

__all__ = ["PRECISIONS", "SUM_PRECISION", "Enclosures", "Status", "TruthFinder", "decimal", "statuses_in"]

#: Precisions that are tried in turn, in bits. 128 resolve a double that lost 60 bits to cancellation.
PRECISIONS = (128, 256, 512, 1024, 2048, 4096)

#: The radius must be below the ulp by this factor.
_BELOW_ULP = 2.0**-10

#: From so many samples on, double-double vectors are faster than Arb.
_MANY = 128

_JUMPING = frozenset({"where", "heaviside", "sign"})
_BRANCHING = _JUMPING | {"max", "min", "abs"}

#: Operations that have one value, which depends continuously on their operands, wherever those are real.
_TOTAL = frozenset(
    "add sub mul neg abs max min exp expm1 sin cos atan sinh cosh tanh asinh erf erfc sigmoid "
    "softplus full_like".split()
)


#: The data of some samples, by their numbers.
_Rows = dict[int, tuple[float, ...]]


@dataclass(frozen=True)
class _Evaluator:
    """A program in Arb, sample by sample, and in double-double balls."""

    exact: StagedProgram
    vector: VectorProgram

    @classmethod
    def of(cls, program: Program, fixed: Mapping[str, float], data: Sequence[str]) -> _Evaluator:
        return cls(StagedProgram(program, BALLS, arb, fixed, data), VectorProgram(program, fixed, data))


class TruthFinder:
    """Encloses partials of one loss at one point.

    ``gradient`` has an output for each name in ``names``; ``loss`` is the summand's program, ``domain`` has a
    condition for each output. ``fixed`` holds the parameters, ``data`` names the columns, and ``summed`` the partials
    whose sums are asked for (None: all).
    """

    def __init__(
        self,
        names: Sequence[str],
        gradient: Program,
        loss: Program,
        domain: Program,
        fixed: Mapping[str, float],
        data: Sequence[str],
        summed: Collection[str] | None = None,
    ) -> None:
        self.names = tuple(names)
        self._summed = self.names if summed is None else summed
        self._gradient = _Evaluator.of(gradient, fixed, data)
        self._domain = _Evaluator.of(domain, fixed, data) if domain.outputs else None
        # A derivative says nothing of a jump of the loss, and may go on where the loss has left the reals.
        self._loss = _Evaluator.of(loss, fixed, data) if loss.operations - _TOTAL else None
        self._one_sample_speaks = not _breaks_by_sample(loss, data)
        self._spoken: dict[int, Status] | None = None
        self._data = tuple(data)

    def samples(
        self, columns: Mapping[str, np.ndarray], n: int, precision_bits: int, smallest_exponent: int,
        negligible: Mapping[str, np.ndarray],
    ) -> tuple[dict[str, Enclosures], dict[str, arb]]:  # fmt: skip
        """Enclosures at ``n`` samples, and the sum of each partial over them.

        The target dtype has ``precision_bits`` bits and the smallest normal exponent ``smallest_exponent``; a partial
        whose absolute value is certainly below ``negligible`` needs no relative accuracy.
        """
        found = {name: EnclosureColumn(n, negligible.get(name), summed=name in self._summed) for name in self.names}
        relative = 2.0 ** (1 - precision_bits) * _BELOW_ULP
        tightness = Tightness(relative, 2.0 ** max(smallest_exponent - precision_bits + 1, -1074) * _BELOW_ULP)
        pending = self._fast(columns, n, found, tightness) if n >= _MANY else np.arange(n)
        rows = self._rows(columns, pending)
        for bits in PRECISIONS:
            if not rows:
                break
            with precision(bits):
                rows = self._attempt(rows, found, tightness, last=bits == PRECISIONS[-1])
        if self._loss is not None:
            self._mark_breaks(self._loss, columns, n, found)
        if self._domain is not None:
            self._mark_domain(self._domain, columns, n, found)
        return (
            {name: column.enclosures() for name, column in found.items()},
            {name: column.total for name, column in found.items()},
        )

    def _fast(
        self, columns: Mapping[str, np.ndarray], n: int, found: Mapping[str, EnclosureColumn], tightness: Tightness
    ) -> np.ndarray:
        """Encloses what double-double balls can; returns the samples that they cannot."""
        done = np.ones(n, np.bool_)
        for here, outputs in self._gradient.vector.blocks(columns, n):
            balls = [spread(output, len(done[here])) for output in outputs]
            for column, ball in zip(found.values(), balls, strict=True):
                negligible = None if column.negligible is None else column.negligible[here]
                done[here] &= tightness.holds(ball, negligible)
            for column, ball in zip(found.values(), balls, strict=True):
                column.put_vector(here, ball, done[here])
        return np.flatnonzero(~done)

    def _attempt(self, rows: _Rows, found: Mapping[str, EnclosureColumn], tightness: Tightness, *, last: bool) -> _Rows:
        """Evaluates samples at the current precision; returns those that need more."""
        evaluator = self._gradient.exact
        evaluator.prepare()
        pick = _selector(self._data, evaluator.varying)
        columns = list(found.values())
        again = {}
        for i, row in rows.items():
            balls = evaluator(pick(row))
            tight = [column.put(i, ball, tightness) for column, ball in zip(columns, balls, strict=True)]
            if not (last or all(tight)):
                again[i] = row
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
        return Status.KINK if self._gradient.exact.operations & _BRANCHING else Status.UNRESOLVED

    def _mark_breaks(
        self, loss: _Evaluator, columns: Mapping[str, np.ndarray], n: int, found: Mapping[str, EnclosureColumn]
    ) -> None:
        """Where the loss has no real value, or branches of it do not meet."""
        if self._one_sample_speaks:
            if self._spoken is None:
                self._spoken = self._broken(loss, columns, np.arange(min(n, 1)))
            broken = self._spoken
        else:
            suspects = np.flatnonzero(~loss.vector.finite(columns, n)) if n >= _MANY else np.arange(n)
            broken = self._broken(loss, columns, suspects)
        for i, status in broken.items():
            for column in found.values():
                here = slice(None) if self._one_sample_speaks else slice(i, i + 1)
                column.status[here] = np.where(column.status[here] == Status.RESOLVED, status, column.status[here])

    def _broken(self, loss: _Evaluator, columns: Mapping[str, np.ndarray], suspects: np.ndarray) -> dict[int, Status]:
        rows = self._rows(columns, suspects)
        broken: dict[int, Status] = {}
        for bits in (PRECISIONS[1], PRECISIONS[-1]):
            broken = _breaks(loss.exact, rows, _selector(self._data, loss.exact.varying), bits)
            rows = {i: rows[i] for i in broken}
        return broken

    def _mark_domain(
        self, domain: _Evaluator, columns: Mapping[str, np.ndarray], n: int, found: Mapping[str, EnclosureColumn]
    ) -> None:
        outside, unsure = (
            domain.vector.conditions(columns, n) if n >= _MANY else (np.zeros(n, np.bool_), np.ones(n, np.bool_))
        )
        with precision(PRECISIONS[0]):
            domain.exact.prepare()
            pick = _selector(self._data, domain.exact.varying)
            for i, row in self._rows(columns, np.flatnonzero(unsure)).items():
                outside[i] = any(holds is False for holds in domain.exact(pick(row)))
        for column in found.values():
            column.status[outside] = Status.OUTSIDE

    def _rows(self, columns: Mapping[str, np.ndarray], samples: np.ndarray) -> _Rows:
        """The data of some samples, by their numbers."""
        if not self._data:
            return dict.fromkeys(samples.tolist(), ())
        values = zip(*[columns[name][samples].tolist() for name in self._data], strict=True)
        return dict(zip(samples.tolist(), values, strict=True))


def _breaks(loss: StagedProgram, rows: _Rows, pick: Any, bits: int) -> dict[int, Status]:
    """The samples at which the loss is not one real number, as far as so many bits can tell."""
    broken = {}
    with precision(bits):
        loss.prepare()
        for i, row in rows.items():
            (value,) = loss(pick(row))
            if not value.is_finite():
                broken[i] = Status.UNDEFINED
            elif float(value.rad()) > (abs(float(value.mid())) + 1) * 2.0**-100:
                broken[i] = Status.KINK
    return broken


def _breaks_by_sample(loss: Program, data: Sequence[str]) -> bool:
    """Whether a break of the loss may depend on the sample: not where only parameters are divided by, say."""
    depends = loss.depends_on(data)
    for step in loss.steps:
        critical = step.arguments[1:] if step.operation == "div" else step.arguments
        if step.operation in _JUMPING or (step.operation not in _TOTAL and any(depends[slot] for slot in critical)):
            return True
    return False


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
