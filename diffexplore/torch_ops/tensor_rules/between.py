"""Elementwise choices between numbers, of which it may be open which one is chosen."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from diffexplore.arithmetic.double_balls import QUANTUM, DoubleBall, add
from diffexplore.arithmetic.dual_balls import DualBall, linear, neg, tangent_of, unknown_where, value_of
from diffexplore.arithmetic.tensor_balls import chosen, filled, summed_to, times
from diffexplore.torch_ops.tensor_rules.operands import (
    Applied,
    OpenChoices,
    OpenDifference,
    Operand,
    Pullback,
)


def chosen_between(
    value: DoubleBall,
    operands: Sequence[Operand],
    shares: Sequence[np.ndarray],
    halves: Sequence[np.ndarray],
    seen: Callable[[DoubleBall], DoubleBall] = lambda cotangent: cotangent,
) -> Applied:
    """The way back of a choice: ``shares`` are the operands' slopes, by element of the result.

    Where it is open what is chosen they are those in the middle, and ``halves`` what they are off by to either side,
    all operands together. ``seen`` says what is known of the cotangent.
    """
    varying = [place for place, operand in enumerate(operands) if operand.varies]
    if not varying:
        return Applied((value,), None)
    is_open = np.any([halves[place] != 0 for place in varying], axis=0)

    def by(through: Callable[[DoubleBall, int], DoubleBall]) -> Pullback:
        def pullback(cotangents: Sequence[DoubleBall | None]) -> list[DoubleBall | None]:
            assert cotangents[0] is not None
            cotangent = seen(cotangents[0])
            back: list[DoubleBall | None] = [None] * len(operands)
            for place in varying:
                back[place] = summed_to(through(cotangent, place), operands[place].shape)
            return back

        return pullback

    middle = by(lambda cotangent, place: _scaled(cotangent, shares[place]))
    if not is_open.any():
        return Applied((value,), middle, by_element=True)

    def differences(cotangents: Sequence[DoubleBall | None]) -> list[list[OpenDifference | None]]:
        assert cotangents[0] is not None
        cotangent = seen(cotangents[0])
        choice = np.where(is_open, 1 + np.arange(is_open.size).reshape(is_open.shape), 0)
        found: list[OpenDifference | None] = [None] * len(operands)
        for place in varying:
            ball = _scaled(cotangent, halves[place])
            if operands[place].shape == is_open.shape:
                found[place] = OpenDifference(ball, choice)
            else:
                found[place] = OpenDifference(summed_to(_absolute(ball), operands[place].shape), None)
        return [found]

    def in_hull(cotangent: DoubleBall, place: int) -> DoubleBall:
        slope = DoubleBall(shares[place], np.zeros(is_open.shape), np.abs(halves[place]))
        if isinstance(value, DualBall):  # which number is chosen may change with the point
            slope = DualBall.of(slope, unknown_where(slope.radius > 0, tangent_of(slope)))
        return times(cotangent, slope)

    return Applied((value,), by(in_hull), OpenChoices(middle, differences), by_element=True)


@linear
def _scaled(ball: DoubleBall, factor: np.ndarray) -> DoubleBall:
    """A ball times numbers that are 0, or powers of two with a sign: exact, but where a half underflows."""
    zero = factor == 0
    lost = np.where((np.abs(factor) == 1) | (ball.high == 0), 0.0, QUANTUM)
    fields = ball.high * factor, ball.low * factor, ball.radius * np.abs(factor) + lost
    return DoubleBall(*(np.where(zero, 0.0, field) for field in fields))


def _absolute(ball: DoubleBall) -> DoubleBall:
    """Each number positive, and each tangent, too: those of several choices must not cancel each other."""
    value, tangent = (chosen(part.high < 0, neg(part), part) for part in (value_of(ball), tangent_of(ball)))
    return DualBall.of(value, tangent) if isinstance(ball, DualBall) else value


#: Numbers by element, and what they multiply.
Weighted = Sequence[tuple[np.ndarray | float, DoubleBall]]


def with_tangent(value: DoubleBall, parts: Weighted, differences: Weighted, is_open: np.ndarray) -> DoubleBall:
    """The value with the tangent of the sum of ``parts``, which is off by that of ``differences`` where it is open."""
    if not any(isinstance(ball, DualBall) for _, ball in parts):
        return value
    shape = value.high.shape
    tangent, off = (
        _weighted([(w, tangent_of(ball)) for w, ball in several], shape) for several in (parts, differences)
    )
    reach = np.abs(off.high) + np.abs(off.low) + off.radius
    radius = tangent.radius + np.where(is_open, reach * (1 + 2.0**-50), 0.0)
    return DualBall.of(value_of(value), DoubleBall(tangent.high, tangent.low, radius))


def _weighted(parts: Weighted, shape: tuple[int, ...]) -> DoubleBall:
    terms = [_scaled(filled(ball, shape), np.broadcast_to(weight, shape)) for weight, ball in parts]
    return terms[0] if len(terms) == 1 else add(*terms)
