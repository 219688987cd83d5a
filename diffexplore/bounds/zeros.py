"""Where an operation rounds nothing: a computed 0 that is the exact one, and sums of whole numbers.

Elsewhere it loses at least a subnormal quantum. With that, a 0 is not certain to be one, nor n − 1 to be whole.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from diffexplore.bounds.ball import Ball
from diffexplore.functions import OPERATIONS

Tensor = torch.Tensor

#: The roots that are numbers of every dtype, of functions of one argument. Their values there are 0 by mathematics: a
#: kernel that gives 0 at such an argument has no error there.
ROOTS: dict[str, tuple[float, ...]] = {
    **{one.aten_name: one.zeros for one in OPERATIONS.values() if one.zeros},
    "square": (0.0,),
}

_Zeros = Callable[[Tensor, Tensor], Tensor]

#: Operations of two operands: whether their result is 0, by which of the operands are exactly 0.
_OF_TWO: dict[str, _Zeros] = {
    "mul": lambda x, y: x | y, "div": lambda x, y: x, "add": lambda x, y: x & y, "sub": lambda x, y: x & y,
    "rsub": lambda x, y: x & y, "tanh_backward": lambda g, y: g, "sigmoid_backward": lambda g, y: g,
}  # fmt: skip


def exact_zeros(name: str, balls: Sequence[Ball]) -> Tensor | None:
    """Where the exact result of an operation is 0 for all operands in the balls; None where that is not known.

    A result that is not computed as 0 may have an error there.
    """
    if name in ROOTS:
        (x,) = balls[:1]
        at_root = torch.zeros_like(x.mid, dtype=torch.bool)
        for root in ROOTS[name]:
            at_root |= x.mid == root
        return at_root & (x.rad == 0)
    if name == "pow":
        return _is_zero(balls[0]) & (balls[1].mid > balls[1].rad)
    if name == "atan2":
        return _is_zero(balls[0]) & (balls[1].mid > balls[1].rad)
    return _OF_TWO[name](*map(_is_zero, balls[:2])) if name in _OF_TWO else None


def are_exact(balls: Sequence[Ball]) -> bool:
    """Whether all of the operands are the numbers that they are computed as."""
    return all(ball.exact or not bool(ball.rad.any()) for ball in balls)


def whole_sums(name: str, balls: Sequence[Ball], value: Tensor) -> Tensor:
    """Where a sum or difference of exact operands is one of whole numbers, and computed as what it is."""
    x, y = (ball.mid for ball in balls[:2])
    total = {"add": x + y, "sub": x - y, "rsub": y - x}[name]
    are_whole = (x == x.round()) & (y == y.round()) & (x.abs() < _WHOLE) & (y.abs() < _WHOLE)
    return are_whole & (value == total)


#: Sums of whole numbers below this are exact in float64.
_WHOLE = 2.0**52


def _is_zero(ball: Ball) -> Tensor:
    return (ball.mid == 0) & (ball.rad == 0)
