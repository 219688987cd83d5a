"""Balls around 0 that hold others, and what they leave open of the derivatives of these."""

from __future__ import annotations

import numpy as np

from diffexplore.arithmetic.double_balls import UPWARD, DoubleBall
from diffexplore.arithmetic.dual_balls import DualBall, tangent_of, unknown_where, value_of
from diffexplore.arithmetic.kinds_of_zeros import BEYOND_HERE


def around_zero(ball: DoubleBall, smooth: np.ndarray | None = None) -> DoubleBall:
    """A ball around 0 that holds ``ball`` and its negative. At a corner nothing is known of second derivatives."""
    value = _symmetric(value_of(ball))
    if not isinstance(ball, DualBall):
        return value
    tangent = _symmetric(tangent_of(ball))
    known = value.exactly_zero if smooth is None else smooth | value.exactly_zero
    return DualBall.of(value, unknown_where(~known, tangent))


def _symmetric(ball: DoubleBall) -> DoubleBall:
    reach = (np.abs(ball.high) + np.abs(ball.low) + ball.radius) * UPWARD
    zero = np.zeros(np.shape(ball.high))
    return DoubleBall(zero, zero, np.where(ball.exactly_zero, 0.0, np.maximum(reach, BEYOND_HERE)))
