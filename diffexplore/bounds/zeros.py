"""Where an operation rounds nothing: a computed 0 that is the exact one, and sums and products that are floats.

Elsewhere it loses at least a subnormal quantum. With that, a 0 is not certain to be one, nor n − 1 to be whole.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from diffexplore.bounds.ball import Ball
from diffexplore.bounds.elements import none_hold
from diffexplore.functions import OPERATIONS
from diffexplore.functions.kernels import KERNELS

#: Where the exact result of an operation is 0 for all operands in the balls.
Zeros = Callable[[Sequence[Ball]], Tensor]

#: The roots that are numbers of every dtype, of functions of one argument. Their values there are 0 by mathematics: a
#: kernel that gives 0 at such an argument has no error there.
ROOTS: dict[str, tuple[float, ...]] = {
    **{one.aten_name: one.zeros for one in OPERATIONS.values() if one.zeros},
    **{one.name: one.zeros for one in KERNELS if one.zeros},
}


def at(*roots: float) -> Zeros:
    """A function of one argument is 0 at its roots, where the argument is exactly one."""

    def zeros(balls: Sequence[Ball]) -> Tensor:
        x = balls[0]
        at_root = torch.zeros_like(x.mid, dtype=torch.bool)
        for root in roots:
            at_root |= x.mid == root
        return at_root & (x.rad == 0)

    return zeros


def where_first(balls: Sequence[Ball]) -> Tensor:
    """A quotient, and the like, is 0 where its first operand is exactly 0."""
    return _is_zero(balls[0])


def where_either(balls: Sequence[Ball]) -> Tensor:
    """A product is 0 where an operand is exactly 0."""
    return _is_zero(balls[0]) | _is_zero(balls[1])


def where_both(balls: Sequence[Ball]) -> Tensor:
    """A sum is, for all operands in the balls, where both are exactly 0."""
    return _is_zero(balls[0]) & _is_zero(balls[1])


def where_first_and_second_positive(balls: Sequence[Ball]) -> Tensor:
    """A power of 0 with a positive exponent is 0, and so is the angle of a point on the positive axis."""
    return _is_zero(balls[0]) & (balls[1].mid > balls[1].rad)


def are_exact(balls: Sequence[Ball]) -> bool:
    """Whether all of the operands are the numbers that they are computed as."""
    return all(ball.exact or none_hold(ball.rad) for ball in balls)


def exact_sums(total: Callable[[Tensor, Tensor], Tensor], balls: Sequence[Ball], value: Tensor) -> Tensor:
    """Where a sum or difference of exact operands is a double, and computed as what it is.

    The smaller operand is what is left of the sum without the larger one, exactly where nothing was rounded: T. J.
    Dekker, "A floating-point technique for extending the available precision", 1971. No operands are compared.
    """
    nothing = torch.zeros((), dtype=torch.float64, device=value.device)
    x, y = total(balls[0].mid, nothing), total(nothing, balls[1].mid)  # with their signs
    return (value - x == y) & (value - y == x)


def by_powers_of_two(balls: Sequence[Ball], value: Tensor) -> Tensor | None:
    """Where a product of exact operands, one of them one power of two throughout, is what it is; None for others."""
    for one, other in (balls[:2], balls[1::-1]):
        factor = float(one.mid.reshape(-1)[0]) if one.mid.numel() else math.nan
        if math.frexp(abs(factor))[0] == HALF and bool((one.mid == factor).all()):
            product = one.mid * other.mid
            return (value == product) & (product.abs() >= FAR_FROM_SUBNORMAL) & product.isfinite()
    return None


#: The fraction of a power of two.
HALF = 0.5

#: Products of this size are not rounded to subnormal doubles.
FAR_FROM_SUBNORMAL = 2.0**-1000


def _is_zero(ball: Ball) -> Tensor:
    return (ball.mid == 0) & (ball.rad == 0)
