"""How errors of operands spread where no simple bound on the slopes is known: Arb encloses all values, one by one."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from flint import arb

from diffexplore.arithmetic.balls import precision
from diffexplore.bounds.ball import Ball

Tensor = torch.Tensor

_BITS = 96

#: What rounding a radius to a double may cost.
_UPWARD = 1 + 2.0**-40


def spread(function: Callable[..., arb], *balls: Ball) -> Tensor:
    """The rule of a ``function`` that encloses all values on Arb's balls; 0 where all operands are exact."""
    parts = [*(ball.mid for ball in balls), *(ball.rad for ball in balls)]
    columns = torch.broadcast_tensors(*(part.to(torch.float64) for part in parts))
    rows = zip(*(column.reshape(-1).tolist() for column in columns), strict=True)
    found = [_moved(function, row[: len(balls)], row[len(balls) :]) for row in rows]
    return torch.tensor(found, dtype=torch.float64, device=columns[0].device).reshape(columns[0].shape)


def _moved(function: Callable[..., arb], middles: tuple[float, ...], radii: tuple[float, ...]) -> float:
    """Above |f(X) − f(m)| for all X in the balls."""
    if not any(radii):
        return 0.0
    if not all(map(math.isfinite, (*middles, *radii))):
        return math.inf
    with precision(_BITS):
        moved = abs(function(*map(arb, middles, radii)) - function(*map(arb, middles)))
        return float(moved.upper()) * _UPWARD if moved.is_finite() else math.inf
