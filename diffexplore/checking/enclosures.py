"""Vectors of enclosures, with what is known of each.

A vector of enclosures is held as three float64 arrays: the midpoint is ``high + low``, and ``radius`` covers what those
two do not hold.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from flint import arb

from diffexplore.arithmetic.balls import precision
from diffexplore.arithmetic.double_balls import DoubleBall
from diffexplore.arithmetic.double_double import Number
from diffexplore.arithmetic.vectors import on_the_host
from diffexplore.checking.fast_truth import BLOCK, Tightness, only, totals

#: Bits in which the samples' partials are added up.
SUM_PRECISION = 256


class Status(IntEnum):
    """What is known of one truth."""

    RESOLVED = 0
    KINK = 1  # one-sided slopes differ, or the loss jumps; the enclosure is the hull of both slopes
    UNDEFINED = 2  # the loss has no real value here or on one side, or its slope is infinite
    OUTSIDE = 3  # outside the stated domain of the loss
    UNRESOLVED = 4  # the radius stayed too large at the highest precision, or whether it exists could not be decided
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
        with precision(SUM_PRECISION):
            mid = arb(float(self.high[i])) + arb(float(self.low[i]))
            return mid + arb(0, float(self.radius[i]))


def statuses_in(truth: Enclosures) -> set[Status]:
    """Which statuses occur; mostly all truths are resolved, whose status is 0."""
    if len(truth.status) and not truth.status.any():
        return {Status.RESOLVED}
    counts = np.bincount(truth.status, minlength=len(Status))
    return {status for status in Status if counts[status]}


def _listed(ball: DoubleBall) -> Iterator[tuple[float, float, float]]:
    return zip(*(field.tolist() for field in ball), strict=True)


class EnclosureColumn:
    """The enclosures of one partial while they are found, and the sum of those that are final."""

    def __init__(self, n: int, negligible: np.ndarray | None, *, summed: bool = True) -> None:
        self.summed = summed
        self.high = np.zeros(n)
        self.low = np.zeros(n)
        self.radius = np.zeros(n)
        self.status = np.zeros(n, np.int8)
        self.total = arb(0)
        self.negligible = negligible
        #: Finite balls of samples that are still too wide, from the last attempt.
        self.pending: dict[int, arb] = {}
        #: Samples with a number beyond the exponents of Arb: not NaN, but no bound is known of it.
        self.overflowed: set[int] = set()

    def put(self, i: int, ball: arb, tightness: Tightness) -> bool:
        """Keeps an Arb ball; says whether it is tight enough."""
        mid = ball.mid()
        high = float(mid)
        rest = mid - high
        low, radius = float(rest), float(ball.rad())
        self.high[i], self.low[i] = high, low
        if radius == 0 and ball.is_exact() and rest - low == 0:  # a radius may underflow to 0 as a double
            self.radius[i] = 0.0
        else:
            # What two doubles do not hold of the midpoint is below half an ulp of the lower one.
            self.radius[i] = radius * (1 + 2.0**-50) + abs(low) * 2.0**-52 + 2.0**-1073
        size = abs(high)
        if radius <= size * tightness.relative or radius <= tightness.absolute:
            return True
        return self.negligible is not None and size + radius <= self.negligible[i]

    def put_vector(self, here: slice, ball: DoubleBall, kept: Number) -> None:
        """Keeps those double-double balls of a vector that are ``kept``, and adds them up."""
        kept_balls = only(ball, kept)
        self.high[here], self.low[here], self.radius[here] = on_the_host(kept_balls)
        if not self.summed:
            return
        with precision(SUM_PRECISION):
            for k, (high, low, radius) in enumerate(_listed(totals(kept_balls))):
                if math.isfinite(radius):
                    self.total += arb(high) + arb(low) + arb(0, radius)
                else:  # the sum is beyond the range of double-double balls, not of Arb's
                    start = here.start + k * BLOCK
                    self._add_each(slice(start, min(start + BLOCK, here.stop)))

    def _add_each(self, here: slice) -> None:
        kept = DoubleBall(self.high[here], self.low[here], self.radius[here])
        self.total += sum((arb(high) + arb(low) + arb(0, radius) for high, low, radius in _listed(kept)), arb(0))

    def enclosures(self) -> Enclosures:
        broken = ~np.isfinite(self.high) | ~np.isfinite(self.radius)
        self.status[broken & (self.status == Status.RESOLVED)] = Status.OVERFLOW
        return Enclosures(self.high, self.low, self.radius, self.status)
