"""Quotients of numbers so small that the error term of a division is not known: balls around 0."""

from __future__ import annotations

import numpy as np

from diffexplore.arithmetic.double_balls import QUANTUM, UPWARD, DoubleBall, div

#: Numerators below it may lose parts of a division's error term to underflow.
_SMALL = 2.0**-800

#: Divisors above it leave the quotient of a small numerator small.
_LEAST_DIVISOR = 2.0**-100


def quotient(x: DoubleBall, y: DoubleBall) -> DoubleBall:
    """x / y of arrays of balls without tangents, as a ball around 0 where x is too small for :func:`div`."""
    found = div(x, y)
    if np.isfinite(found.radius).all():
        return found
    room = y.nearest_to_zero
    around = (np.abs(x.high) < _SMALL) & (room > _LEAST_DIVISOR) & np.isfinite(x.radius) & np.isfinite(y.radius)
    around &= ~np.isfinite(found.radius)
    with np.errstate(divide="ignore", invalid="ignore"):
        radius = (np.abs(x.high) + x.radius) / room * UPWARD + QUANTUM
    return DoubleBall(
        np.where(around, 0.0, found.high), np.where(around, 0.0, found.low), np.where(around, radius, found.radius)
    )
