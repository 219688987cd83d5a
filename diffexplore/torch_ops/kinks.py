"""Where an operator is not smooth: answers to the question whether its derivative has kinks.

Each is a function of the balls of the operands, which says for each element whether they may hold a kink.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch

from diffexplore.bounds.ball import Ball

Tensor = torch.Tensor


def nowhere(balls: Sequence[Ball]) -> Tensor:
    """The operator is smooth wherever it is defined."""
    return torch.zeros((), dtype=torch.bool, device=balls[0].mid.device)


def at_zero(balls: Sequence[Ball]) -> Tensor:
    """Its first operand may be 0."""
    return ~(balls[0].mid.abs() > balls[0].rad)


def at_ties(balls: Sequence[Ball]) -> Tensor:
    """Its first two operands may be equal."""
    return ~((balls[0].mid - balls[1].mid).abs() > balls[0].rad + balls[1].rad)


def of_steps(step: Callable[[Tensor], Tensor]) -> Callable[[Sequence[Ball]], Tensor]:
    """A step function: a jump lies within the ball of its operand, or at an end of it."""

    def jumps(balls: Sequence[Ball]) -> Tensor:
        x = balls[0]
        low, high = (torch.nextafter(end, end.new_tensor(side)) for end, side in (
            (x.mid - x.rad, -math.inf), (x.mid + x.rad, math.inf)
        ))  # fmt: skip
        return (x.rad != 0) & ~(step(low) == step(high))

    return jumps


def anywhere(balls: Sequence[Ball]) -> Tensor:
    """Its first operand is not exact: steps and limits are not looked for one by one."""
    return ~(balls[0].rad <= 0)


def found_by_bound(balls: Sequence[Ball]) -> Tensor:
    """The rule of its bound looks for them: of choices, extremes, and kernels that are run step by step."""
    raise TypeError("the kinks of an elementwise rule are stated, as it does not look for them")


def unknown(balls: Sequence[Ball]) -> Tensor:
    """Nothing is known of an operator without a bound."""
    raise TypeError("the kinks of an operator with a bound are stated")
