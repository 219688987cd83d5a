"""Derivatives of functions of one number by differences, each with a measured estimate of its error."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise

from diffexplore.tensors.stairs import stairs_around

#: Central differences of sixth order: f' ≈ Σ c (f(x + jh) − f(x − jh)) / h. Source: Fornberg, Math. Comp. 51 (1988).
_WEIGHTS = ((1, 3 / 4), (2, -3 / 20), (3, 1 / 60))

#: By so many times the error of one value they are off at most, times 1/h.
_OF_VALUES = 2 * sum(abs(weight) for _, weight in _WEIGHTS)

#: The derivative from above, of third order: f' ≈ Σ c f(x + jh) / h, j from 0; that from below has c f(x − jh).
_FROM_ONE_SIDE = (-11 / 6, 3.0, -3 / 2, 1 / 3)

#: In units of what rounding makes of it, a distance between both sides that is more than rounding.
_GAP = 64.0

#: The height of two stairs, relative to the number, where it is rounded to float32 out of sight.
_OF_FLOAT32 = 2.0**-22

#: Steps that are tried, relative to the size of the input: each about a quarter of the one before, and no power of two
#: times it, so that a rounding out of sight is another one at each.
_STEPS = (0.125, 0.029, 0.0083, 0.0018, 0.00051, 0.00011)

#: Steps far below, which tell whether the others go over kinks or steep places.
_FAR_BELOW = (7.1e-6, 4.7e-7)

#: Numbers below may be small for the units that they are in.
_SMALL = 2.0**-4

#: So far from a number, relative to its size, that a cache by value does not know the other one.
_BESIDE = 2.0**-48

#: How many times its own measured error an estimated truth may be off.
ESTIMATE_FACTOR = 100.0


@dataclass(frozen=True)
class Estimated:
    """A derivative along a direction, and how far it may be off, as measured.

    ``gap`` is how far the derivatives from both sides are apart. ``of_stairs`` says that it is that of many stairs, of
    which each has another slope. ``hidden`` is the slope that a function may have which does not move at all, where it
    is rounded to float32 out of sight.
    """

    value: float
    error: float
    gap: float = 0.0
    of_stairs: bool = False
    hidden: float = 0.0

    def beside(self, gradient: float) -> Estimated:
        """The truth for a gradient: one of 0 agrees with a function that does not move."""
        return self if gradient == 0 else replace(self, error=self.error + self.hidden)


@dataclass(frozen=True)
class Sample:
    """A value of a function, how far the rounding of its operations has it off at most, and the size of its terms."""

    value: float
    rounding: float
    size: float


def estimated(function: Callable[[float], Sample], size: float) -> Estimated:
    """The derivative of ``function`` at 0; ``size`` is that of the numbers which its argument moves.

    Steps are relative to that, and to 1 where it is below: a number may be small beside what the function does with
    it, or in units that make it small. Where the steps of 1 say nothing, those of ``size`` are taken if they do.
    """
    found = _of_size(function, max(1.0, size))
    if not 0 < size < _SMALL or found.of_stairs or ESTIMATE_FACTOR * found.error <= abs(found.value):
        return found
    near = _of_size(function, size)
    # Where nothing moves, all that is known is that something rounds it away.
    return near if near.value != 0 and ESTIMATE_FACTOR * near.error <= abs(near.value) else found


def _of_size(function: Callable[[float], Sample], size: float) -> Estimated:
    """The derivative by steps relative to ``size``.

    The step is the one whose estimate differs least from that of the step before, and from those of smaller steps,
    of which rounding explains some; the error is that difference and what the rounding of the function's values
    makes of it.

    Of a function that goes in stairs small steps see the slope of one stair. Where there are stairs all around, the
    derivative is that of large steps, with the height of a stair in the error.
    """
    # What was computed at the very inputs before, perhaps in a narrower dtype, may be in a cache.
    here = sum(function(side * size * _BESIDE).value for side in (1.0, -1.0)) / 2
    steps = [size * step for step in (*_STEPS, *_FAR_BELOW)]
    found = [_at_step(function, here, step) for step in steps]
    best = _best(found)
    if not _doubted(best, found):
        return best
    at_0 = function(0.0)
    stairs = stairs_around(lambda at: function(at).value, size, rounding=at_0.rounding)
    if stairs is None:
        return best
    large = [
        replace(one, error=one.error + _OF_VALUES * stairs.height / step, of_stairs=True)
        for one, step in zip(found[: len(_STEPS)], steps, strict=False)
    ]
    across = _best(large)
    # Stairs without a slope are those of a rounding that is meant, unless they are tiny: its derivative is 0.
    tiny = stairs.height <= _OF_FLOAT32 * at_0.size or ESTIMATE_FACTOR**2 * across.error <= abs(across.value)
    return best if stairs.flat and not tiny else across


def _at_step(function: Callable[[float], Sample], here: float, step: float) -> Estimated:
    """The difference at one step, with the error that rounding may make in it; ``here`` is the value at 0."""
    total, rounding, gap, moves, size = 0.0, 0.0, 2 * _FROM_ONE_SIDE[0] * here, False, 0.0
    for (times, weight), one_sided in zip(_WEIGHTS, _FROM_ONE_SIDE[1:], strict=True):
        above, below = function(times * step), function(-times * step)
        total += weight * (above.value - below.value)
        gap += one_sided * (above.value + below.value)
        rounding += abs(weight) * (above.rounding + below.rounding)
        moves = moves or not above.value == below.value == here
        size = max(size, above.size, below.size)
    hidden = 0.0 if moves else _OF_VALUES * _OF_FLOAT32 / 4 * size
    return Estimated(total / step, rounding / step, abs(gap) / step, hidden=hidden / step)


def _best(found: list[Estimated]) -> Estimated:
    """The estimate that agrees best with the one of the larger step before it; at a kink nothing is known.

    Where the function is smooth, the derivatives from both sides approach each other as the step shrinks.
    """
    near = found[: len(_STEPS)]
    if all(one.gap > _GAP * one.error for one in near) and near[-1].gap > near[0].gap / 8:
        return Estimated(math.nan, math.inf)
    measured = [
        replace(small, error=max(abs(small.value - large.value) + small.error, _contradicted(small, found[place:])))
        for place, (large, small) in enumerate(pairwise(found), 2)
    ]
    known = [one for one in measured if math.isfinite(one.error)]
    return min(known, key=lambda one: one.error) if known else Estimated(math.nan, math.inf)


def _contradicted(found: Estimated, smaller: list[Estimated]) -> float:
    """By how much estimates at smaller steps differ from one, beyond what rounding explains of them.

    Two steps that both go over a kink, or a steep place, may agree by chance.
    """
    apart = [abs(one.value - found.value) - _GAP * one.error for one in smaller if math.isfinite(one.value)]
    return max(apart, default=0.0)


def _doubted(best: Estimated, found: list[Estimated]) -> bool:
    """Whether nothing is known, or two larger steps agree with each other far better than with the best one.

    Where the function is smooth, the larger of two steps is much farther off.
    """
    if not best.error <= max(abs(best.value) / ESTIMATE_FACTOR, _GAP * found[0].error):
        return True
    if best.error > abs(best.value):
        return False  # nothing but rounding
    larger = [one.value for one in found[: [one.value for one in found].index(best.value)]]
    return any(abs(one - other) < abs(other - best.value) / 4 - best.error for one, other in pairwise(larger))
