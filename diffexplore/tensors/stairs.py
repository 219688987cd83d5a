"""Functions of one number that go in stairs: by a search that ends early, or by numbers that are rounded on the way."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

#: Stairs are looked for in so many parts of an interval that reaches so far, relative to the size of the input.
_PARTS, _REACH = 8, 2.0**-5

#: In so many parts there have to be some: a kink, or a jump here and there, is no stair.
_MOST = 6

#: Over twice this step, relative to the size of the input, slopes are those of one stair.
_STEP = 2.0**-30

#: So often a part is halved. Over the last few halves a jump stays as high as it is, and a slope does not.
_HALVES, _LAST = 30, 6

#: In units of the rounding of a value, a difference that is more than rounding.
_CLEAR = 64.0


@dataclass(frozen=True)
class Stairs:
    """How high a stair is, and whether all are flat: the function is constant on each."""

    height: float
    flat: bool


@dataclass(frozen=True)
class _Part:
    """A part of the interval: its ends, and by how much the function rises over it beyond the slope in its middle."""

    low: float
    high: float
    slope: float
    rise: float


def stairs_around(function: Callable[[float], float], size: float, *, rounding: float) -> Stairs | None:
    """The stairs in which a function goes around 0, on both sides; None where there are none, or too few.

    In most parts of an interval it has to rise by more than the slope within the part says, and where it does so most
    there has to be a jump, which stays as high in ever smaller parts.
    """
    ends = [size * _REACH * (2 * place / _PARTS - 1) for place in range(_PARTS + 1)]
    parts = [_part(function, low, high, size * _STEP) for low, high in pairwise(ends)]
    of_slopes = rounding * 2 * _REACH / _PARTS / _STEP
    steep = [one for one in parts if abs(one.rise) > _CLEAR * (rounding + of_slopes)]
    if len(steep) < _MOST:
        return None
    height = _jump(function, max(steep, key=lambda one: abs(one.rise)))
    if height is None or height <= _CLEAR * rounding:
        return None
    return Stairs(2 * height, all(one.slope == 0 for one in parts))


def _part(function: Callable[[float], float], low: float, high: float, step: float) -> _Part:
    middle = low + (high - low) * 0.6180339887  # not where a stair of a halved interval ends
    slope = (function(middle + step) - function(middle - step)) / (2 * step)
    rise = function(high) - function(low) - slope * (high - low)
    return _Part(low, high, slope, rise if math.isfinite(rise) else 0.0)


def _jump(function: Callable[[float], float], part: _Part) -> float | None:
    """How high the function jumps somewhere within a part; None where it rises steadily."""

    def beyond(at: float) -> float:
        return function(at) - part.slope * at

    low, high = part.low, part.high
    at_low, at_high = beyond(low), beyond(high)
    heights = []
    for _ in range(_HALVES):
        middle = (low + high) / 2
        at_middle = beyond(middle)
        if abs(at_middle - at_low) > abs(at_high - at_middle):
            high, at_high = middle, at_middle
        else:
            low, at_low = middle, at_middle
        heights.append(abs(at_high - at_low))
    return heights[-1] if heights[-1] > heights[-1 - _LAST] / 2 else None
