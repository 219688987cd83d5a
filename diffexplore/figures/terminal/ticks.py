"""Where an axis in a terminal is marked, and with which numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

from diffexplore.figures.extent import Range
from diffexplore.figures.records import Axis
from diffexplore.numerals import plain_exponent

_MOST_TICKS = 5

#: Steps between ticks, times a power of ten.
_STEPS = ("1", "2", "2.5", "5")


def ticks(span: Range, axis: Axis) -> tuple[list[float], list[str]]:
    """Places and labels: whole decades of a logarithmic axis that has some, else a few between the ends."""
    places = _decades(*span) if axis.scale == "log" else []
    if len(places) < 2:
        places = _between(*span, axis)
    return places, _labels(places)


def _decades(low: float, high: float) -> list[float]:
    first, last = math.ceil(math.log10(low)), math.floor(math.log10(high))
    stride = max(1, math.ceil((last - first + 1) / _MOST_TICKS))
    return [float(f"1e{power}") for power in range(first, last + 1, stride)]


def _between(low: float, high: float, axis: Axis) -> list[float]:
    if low == high:
        return [low]
    parts = [place / (_MOST_TICKS - 1) for place in range(_MOST_TICKS)]
    if axis.scale == "log":
        return [low * (high / low) ** part for part in parts]
    return _round(low, high) or [low + (high - low) * part for part in parts]


def _round(low: float, high: float) -> list[float]:
    """Multiples of 1, 2, 2.5 or 5 times a power of ten, as many as fit; none where the doubles do not hold them."""
    span = high - low
    if not 1e-300 < span < 1e300:
        return []
    power = math.floor(math.log10(span / _MOST_TICKS))
    for step in (Fraction(digits) * Fraction(10) ** exponent for exponent in (power, power + 1) for digits in _STEPS):
        first, last = math.ceil(Fraction(low) / step), math.floor(Fraction(high) / step)
        if last - first < _MOST_TICKS:
            places = [float(step * place) for place in range(first, last + 1)]
            return places if len(set(places)) > 1 else []
    return []


def _labels(values: Sequence[float]) -> list[str]:
    """The values in as few digits as tell them apart."""
    written = [[plain_exponent(f"{value:.{digits}g}") for value in values] for digits in range(4, 17)]
    return next((labels for labels in written if len(set(labels)) == len(values)), written[-1])
