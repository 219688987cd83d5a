"""Counting comparisons as they stream by, and keeping the rows that a report shows."""

from __future__ import annotations

import heapq
import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from flint import arb

from diffexplore.checking.judge import FAIL, INCONCLUSIVE, PASS, Judged, cause_of
from diffexplore.checking.records import Row, Truth
from diffexplore.checking.tallies import Tally
from diffexplore.checking.truth import decimal

#: Worst samples kept of each partial, method and point.
KEPT = 5

#: Errors below twice 2 to this power, in ulp, are counted together: the truth is known to about so much.
LOWEST_OCTAVE = -11


#: How a double holds its exponent: above so many bits, increased by so much.
_FRACTION_BITS, _BIAS = 52, 1023


def make_row(
    judged: Judged, i: int, parameter: str, method: str, point: Mapping[str, float],
    *, sample: int | None, probe: str | None = None, exact: arb | None = None,
) -> Row:  # fmt: skip
    """The row of comparison ``i``; ``exact`` is its truth where a tighter ball is at hand than ``judged`` holds."""
    return Row(
        parameter=parameter, method=method, point=point, sample=sample, probe=probe, value=finite(judged.value[i]),
        truth=_truth(judged, i, exact), error_abs=finite(judged.error[i]), error_rel=finite(judged.error_relative[i]),
        error_ulp=finite(judged.error_ulp[i]), bound=finite(judged.bound[i]),
        smallest_detectable=finite(judged.detectable[i]), smallest_detectable_abs=finite(judged.detectable_abs[i]),
        verdict=judged.verdict_of(i), cause=cause_of(judged, i),
    )  # fmt: skip


def finite(number: float) -> float | None:
    """A plain float, or None for NaN and infinity."""
    number = float(number)
    return number if math.isfinite(number) else None


def _truth(judged: Judged, i: int, exact: arb | None) -> Truth | None:
    if exact is not None:
        return decimal(exact)
    if not np.isfinite(judged.truth.high[i]):
        return None
    return decimal(judged.truth.ball(i))


@dataclass
class Ledger:
    """The comparisons of one partial by one method at one point, of one kind (reduced, samples or probes)."""

    parameter: str
    method: str
    point: Mapping[str, float]
    kind: str
    counts: Counter[int] = field(default_factory=Counter)
    causes: Counter[str] = field(default_factory=Counter)
    max_error_ulp: float | None = None
    max_detectable: float | None = None
    min_detectable: float | None = None
    octaves: Counter[int] = field(default_factory=Counter)
    _worst: list[tuple[tuple[float, float, float], int, Row]] = field(default_factory=list)
    _seen: int = 0

    def add(self, judged: Judged, first: int = 0) -> None:
        """Counts comparisons of the samples from ``first`` on, and keeps the worst."""
        for verdict, count in enumerate(np.bincount(judged.verdict, minlength=INCONCLUSIVE + 1)):
            self.counts[verdict] += int(count)
        self._count_causes(judged)
        self._count_octaves(judged.error_ulp)
        self.max_error_ulp = _extreme(max, self.max_error_ulp, judged.error_ulp)
        self.max_detectable = _extreme(max, self.max_detectable, judged.detectable)
        passed = judged.verdict == PASS
        powers = judged.detectable if passed.all() else judged.detectable[passed]
        self.min_detectable = _extreme(min, self.min_detectable, powers)
        if self.kind == "samples":
            self._keep_worst(judged, first)

    def _count_causes(self, judged: Judged) -> None:
        bad = np.flatnonzero(judged.verdict != PASS)
        if len(bad) == 0:
            return
        # A cause is a matter of few facts: one representative of each combination names it.
        flags = [np.zeros(len(judged.verdict)) if flag is None else flag for flag in (judged.stepped, judged.narrow)]
        numbers = (judged.verdict, judged.truth.status, np.isfinite(judged.value), np.isfinite(judged.bound))
        facts = np.stack([column[bad] for column in (*numbers, judged.beyond, *flags)])
        _, firsts, counts = np.unique(facts, axis=1, return_index=True, return_counts=True)
        for place, count in zip(firsts, counts, strict=True):
            cause = cause_of(judged, int(bad[place]))
            assert cause is not None, "every comparison that did not pass has a cause"
            self.causes[cause.key] += int(count)

    def _count_octaves(self, ulps: np.ndarray) -> None:
        """Counts errors by their binary exponents."""
        finite_ones = np.isfinite(ulps)
        known = ulps if finite_ones.all() else ulps[finite_ones]
        # The exponents of positive normal doubles, as they stand in their bits.
        exponents = np.maximum(known, 2.0**LOWEST_OCTAVE).view(np.int64) >> _FRACTION_BITS
        for exponent, count in enumerate(np.bincount(exponents - (_BIAS + LOWEST_OCTAVE)), LOWEST_OCTAVE):
            if count:
                self.octaves[exponent] += int(count)

    def _keep_worst(self, judged: Judged, first: int) -> None:
        """Fails before what is undecided before passes; the largest errors first, in ulp, then (truth 0) absolute."""
        places = self._worth_sorting(judged)
        verdict = judged.verdict[places]
        rank = np.where(verdict == FAIL, 2.0, np.where(verdict == INCONCLUSIVE, 1.0, 0.0))
        ulps, error = np.nan_to_num(judged.error_ulp[places]), np.nan_to_num(judged.error[places], nan=-1.0)
        ulps[(verdict == FAIL) & ~np.isfinite(judged.value[places])] = math.inf  # nothing is worse than no number
        pool = _largest(rank, ulps)
        for i in pool[np.lexsort((-pool, error[pool], ulps[pool], rank[pool]))[-KEPT:]]:
            severity = (float(rank[i]), float(ulps[i]), float(error[i]))
            if len(self._worst) == KEPT and severity <= self._worst[0][0]:
                continue
            place = int(places[i])
            row = make_row(judged, place, self.parameter, self.method, self.point, sample=first + place)
            self._keep(severity, row)

    def _keep(self, severity: tuple[float, float, float], row: Row) -> None:
        self._seen += 1
        entry = (severity, -self._seen, row)
        (heapq.heappush if len(self._worst) < KEPT else heapq.heapreplace)(self._worst, entry)

    def join(self, later: Ledger) -> None:
        """Adds what was counted, and kept, of later samples."""
        for count, other in ((self.counts, later.counts), (self.octaves, later.octaves)):
            count.update(other)
        self.causes.update(later.causes)
        self.max_error_ulp = _farthest(max, self.max_error_ulp, later.max_error_ulp)
        self.max_detectable = _farthest(max, self.max_detectable, later.max_detectable)
        self.min_detectable = _farthest(min, self.min_detectable, later.min_detectable)
        for severity, _, row in sorted(later._worst, key=lambda entry: -entry[1]):
            if len(self._worst) < KEPT or severity > self._worst[0][0]:
                self._keep(severity, row)

    def _worth_sorting(self, judged: Judged) -> np.ndarray:
        """The places of comparisons that may be worse than all that is kept."""
        if len(self._worst) < KEPT:
            return np.arange(len(judged.verdict))
        rank, ulps, _ = self._worst[0][0]
        return np.flatnonzero((judged.verdict != PASS) | (judged.error_ulp >= ulps) | (rank == 0) & (ulps == 0))

    def worst(self) -> list[Row]:
        """The kept rows, the worst first."""
        return [row for _, _, row in sorted(self._worst, key=lambda entry: entry[:2], reverse=True)]

    def tally(self) -> Tally:
        return Tally(
            self.parameter, self.method, self.point, self.kind,
            self.counts[PASS], self.counts[FAIL], self.counts[INCONCLUSIVE],
            self.max_error_ulp, self.max_detectable, dict(sorted(self.octaves.items())),
        )  # fmt: skip


def _largest(rank: np.ndarray, ulps: np.ndarray) -> np.ndarray:
    """Places that hold the KEPT largest by rank, then by ulps, and few others: sorting them all would take longest."""
    pool = np.arange(0)
    for value in (2.0, 1.0, 0.0):
        places = np.flatnonzero(rank == value)
        requested = KEPT - len(pool)
        if requested == 0:
            break
        if len(places) > requested:
            least = np.partition(ulps[places], -requested)[-requested]
            return np.concatenate([pool, places[ulps[places] >= least]])
        pool = np.concatenate([pool, places])
    return pool


def _extreme(choose: Callable[[float, float], float], known: float | None, values: np.ndarray) -> float | None:
    found = _reduced(choose, values)
    if not math.isfinite(found):  # seldom: most comparisons have all of their numbers
        found = _reduced(choose, values[np.isfinite(values)])
    return _farthest(choose, known, None if math.isnan(found) else found)


def _farthest(choose: Callable[[float, float], float], known: float | None, found: float | None) -> float | None:
    return known if found is None else found if known is None else choose(known, found)


def _reduced(choose: Callable[[float, float], float], values: np.ndarray) -> float:
    if len(values) == 0:
        return math.nan
    return float(values.max() if choose is max else values.min())
