"""The truth: enclosures of exact partials at exactly the floats that the methods used.

The formula as it is written defines a function, and the truth is the partial derivative of that function wherever it
exists. Where the loss is smooth next to the point, the formula of the derivative tells it: in double-double balls, for
all samples at once; where those are too wide or know nothing, in ball arithmetic (Arb), with more bits until the radius
is far below the ulp, or until the partial is proved negligible beside the bound; a cap ends the search. A condition on
which a partial does not depend is a case, decided by the data. Where the loss is not proved smooth, or the formula of
its derivative has no value, both sides of the loss itself decide (:mod:`diffexplore.checking.one_sided`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from flint import arb

from diffexplore.arithmetic import vectors
from diffexplore.arithmetic.balls import precision
from diffexplore.arithmetic.double_double import Number
from diffexplore.checking.enclosures import EnclosureColumn, Enclosures, Status
from diffexplore.checking.fast_truth import Tightness, spread
from diffexplore.checking.partials import PartialEvaluator, Partials, grouped, restricted
from diffexplore.checking.records import Truth
from diffexplore.program.program import Program

#: Precisions that are tried in turn, in bits. 128 resolve a double that lost 60 bits to cancellation.
PRECISIONS = (128, 256, 512, 1024, 2048, 4096)

#: The radius must be below the ulp by this factor.
_BELOW_ULP = 2.0**-10

#: From so many samples on, double-double vectors are faster than Arb.
_MANY = 128

#: The data of some samples, by their numbers.
_Rows = dict[int, tuple[float, ...]]

_NOTHING_KNOWN = arb.nan()


class TruthFinder:
    """Encloses partials of one loss at one point.

    ``gradient`` has an output for each name in ``names``, its partial by that input, divided by ``divided`` where it
    has the name; the output of a name that is no input is the value of the loss. ``loss`` is the summand's program,
    ``domain`` has a condition for each output. ``fixed`` holds the parameters, ``data`` names the columns, and
    ``summed`` the partials whose sums are needed (None: all).
    """

    def __init__(
        self, names: Sequence[str], gradient: Program, loss: Program, domain: Program, fixed: Mapping[str, float],
        data: Sequence[str], summed: Collection[str] | None = None, divided: Mapping[str, float] | None = None,
    ) -> None:  # fmt: skip
        self.names = tuple(names)
        self._summed = self.names if summed is None else summed
        self._groups = [
            Partials([names[i] for i in places], restricted(gradient, places), loss, fixed, data, divided or {})
            for places in grouped(names, (gradient, loss))
        ]
        self._domain = PartialEvaluator.by_sides(domain, fixed, data) if domain.outputs else None
        self._data = tuple(data)

    def samples(
        self, columns: Mapping[str, np.ndarray], n: int, precision_bits: int, smallest_exponent: int,
        negligible: Mapping[str, np.ndarray], placed: Mapping[str, Number] | None = None,
    ) -> tuple[dict[str, Enclosures], dict[str, arb]]:  # fmt: skip
        """Enclosures at ``n`` samples, and the sum of each partial over them.

        The target dtype has ``precision_bits`` bits and the smallest normal exponent ``smallest_exponent``; a partial
        whose absolute value is certainly below ``negligible`` needs no relative accuracy. ``placed`` are the columns as
        vectors on the device on which double-double balls run; by default these are ``columns``.
        """
        found = {name: EnclosureColumn(n, negligible.get(name), summed=name in self._summed) for name in self.names}
        relative = 2.0 ** (1 - precision_bits) * _BELOW_ULP
        tightness = Tightness(relative, 2.0 ** max(smallest_exponent - precision_bits + 1, -1074) * _BELOW_ULP)
        for group in self._groups:
            search = _Search(group, [found[name] for name in group.names], tightness, self._data)
            pending = search.fast(columns if placed is None else placed, columns, n) if n >= _MANY else np.arange(n)
            search.exact(self._rows(columns, pending))
        if self._domain is not None:
            self._mark_domain(self._domain, columns if placed is None else placed, columns, n, found)
        return (
            {name: column.enclosures() for name, column in found.items()},
            {name: column.total for name, column in found.items()},
        )

    def _mark_domain(
        self, domain: PartialEvaluator, placed: Mapping[str, Number], columns: Mapping[str, np.ndarray], n: int,
        found: Mapping[str, EnclosureColumn],
    ) -> None:  # fmt: skip
        outside, unsure = (
            domain.vector.conditions(placed, n) if n >= _MANY else (np.zeros(n, np.bool_), np.ones(n, np.bool_))
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


@dataclass(frozen=True)
class _Search:
    """The search for the partials of one group at one chunk of samples."""

    _group: Partials
    _columns: Sequence[EnclosureColumn]
    _tightness: Tightness
    _data: Sequence[str]

    # ---------------------------------------------------------------------------------------------------- vectors
    def fast(self, placed: Mapping[str, Number], columns: Mapping[str, np.ndarray], n: int) -> np.ndarray:
        """Encloses what double-double balls can; returns the samples that they cannot."""
        done = self._group.smooth(placed, columns, n, self._data)
        like = next(iter(placed.values()), 0.0)
        for here, outputs in self._group.gradient.vector.blocks(placed, n):
            balls = [spread(output, len(done[here]), like) for output in outputs]
            kept = vectors.beside(done[here], like)
            for column, ball in zip(self._columns, balls, strict=True):
                negligible = None if column.negligible is None else vectors.beside(column.negligible[here], like)
                kept = kept & self._tightness.holds(ball, negligible)
            for column, ball in zip(self._columns, balls, strict=True):
                column.put_vector(here, ball, kept)
            done[here] = vectors.host(kept)
        return np.flatnonzero(~done)

    # -------------------------------------------------------------------------------------------- sample by sample
    def exact(self, rows: _Rows) -> None:
        """Encloses the others in Arb: by the formulas of the partials, then from both sides, then with more bits."""
        left = {i: set(range(len(self._columns))) for i in rows}
        for bits in PRECISIONS:
            with precision(bits):
                self._attempt(rows, left)
            if bits == PRECISIONS[0]:  # of those of which the formulas know nothing yet
                self._from_both_sides(rows, left, lambda i, column: i not in column.pending)
            if bits == PRECISIONS[-1]:  # of those of which they know too little
                self._from_both_sides(rows, left, lambda i, column: i in column.pending)
            left = {i: places for i, places in left.items() if places}
            if not left:
                return
        for i, places in left.items():
            for place in places:
                column = self._columns[place]
                status = Status.OVERFLOW if i in column.overflowed else Status.UNRESOLVED
                self._finish(i, place, column.pending.get(i, _NOTHING_KNOWN), status)

    def _attempt(self, rows: _Rows, left: Mapping[int, set[int]]) -> None:
        """By the formulas, at the current precision."""
        gradient, loss = self._group.gradient.exact, self._group.loss
        gradient.prepare()
        pick = _selector(self._data, gradient.varying)
        if loss is not None:
            loss.exact.prepare()
            pick_loss = _selector(self._data, loss.exact.varying)
        for i, places in left.items():
            if loss is not None and not all(value.is_finite() for value in loss.exact(pick_loss(rows[i]))):
                continue
            balls = gradient(pick(rows[i]))
            places -= {place for place in tuple(places) if self._resolved(i, place, balls[place])}

    def _resolved(self, i: int, place: int, ball: arb) -> bool:
        """Whether a ball is tight enough for the truth; what it says otherwise is kept."""
        column = self._columns[place]
        if column.put(i, ball, self._tightness):
            self._finish(i, place, ball, Status.RESOLVED)
            return True
        if ball.is_finite():
            column.pending[i] = ball
        elif not ball.is_nan():
            column.overflowed.add(i)
        return False

    def _from_both_sides(
        self, rows: _Rows, left: Mapping[int, set[int]], chosen: Callable[[int, EnclosureColumn], bool]
    ) -> None:
        """By the loss itself, those partials that are ``chosen``."""
        for place, (column, sides) in enumerate(zip(self._columns, self._group.sides, strict=True)):
            unknown = [i for i, places in left.items() if place in places and chosen(i, column)]
            for i, known in sides.decide({i: rows[i] for i in unknown}, partial(self._is_tight, place)).items():
                ball = self._divided(place, known.ball)
                if known.status == Status.UNRESOLVED:
                    column.pending[i] = ball
                    continue
                self._finish(i, place, ball, known.status)
                left[i].discard(place)

    def _is_tight(self, place: int, i: int, ball: arb) -> bool:
        return self._columns[place].put(i, self._divided(place, ball), self._tightness)

    def _divided(self, place: int, ball: arb) -> arb:
        return ball / self._group.divisors[place]

    def _finish(self, i: int, place: int, ball: arb, status: Status) -> None:
        column = self._columns[place]
        column.put(i, ball, self._tightness)
        column.status[i] = status
        column.total += ball


def _selector(data: Sequence[str], requested: Sequence[str]) -> Any:
    if tuple(data) == tuple(requested):
        return lambda row: row
    places = [tuple(data).index(name) for name in requested]
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
