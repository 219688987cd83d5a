"""Two kinds of zeros on the way back: of what is not used, and of what is 0 at this point.

A cotangent that is exactly 0 (of radius 0) says that a number is not used, and so that nothing of its slopes matters. A
slope that happens to be 0 does not say that: 0 · ∞ is anything. Such a zero has the radius ``HERE``.
"""

from __future__ import annotations

import numpy as np

from diffexplore.arithmetic.double_balls import DoubleBall
from diffexplore.arithmetic.double_double import Number
from diffexplore.arithmetic.vectors import both, surely, where

#: The radius of a zero that is one at this point, and perhaps not around it.
HERE = float(np.finfo(np.float64).tiny)

#: Such zeros shared out and collected have radii up to it. Every radius that is computed is larger: see QUANTUM.
_MOST = 2.0**9 * HERE

#: A radius that is none of such a zero.
BEYOND_HERE = 2.0 * _MOST


def zeros_here(x: DoubleBall) -> DoubleBall:
    """x as a slope, or as what a slope is made of: its exact zeros are zeros at this point."""
    return x if surely(x.high) else DoubleBall(x.high, x.low, where(x.exactly_zero, HERE, x.radius))


def is_zero_here(x: DoubleBall) -> Number:
    """Where x is a zero at this point, and not known to be one around it."""
    return both(x.high == 0, x.radius > 0, x.radius <= _MOST)


def vanishes(x: DoubleBall) -> Number:
    """Where x is 0, at this point at least: times what is bounded it is nothing, be that a jump."""
    return both(x.high == 0, x.radius <= _MOST)
