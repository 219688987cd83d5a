"""Where a computed 0 is the exact one: then the operation lost nothing, not even a subnormal quantum."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from diffexplore.bounds.ball import Ball

Tensor = torch.Tensor

#: The roots that are numbers of every dtype, of functions of one argument. Their values there are 0 by mathematics: a
#: kernel that gives 0 at such an argument has no error there.
ROOTS: dict[str, tuple[float, ...]] = {
    **dict.fromkeys(
        "sqrt square sin tan asin atan sinh tanh asinh atanh expm1 log1p erf erfinv".split(), (0.0,)
    ),
    "log": (1.0,), "acos": (1.0,), "acosh": (1.0,), "lgamma": (1.0, 2.0),
}  # fmt: skip

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


def _is_zero(ball: Ball) -> Tensor:
    return (ball.mid == 0) & (ball.rad == 0)
