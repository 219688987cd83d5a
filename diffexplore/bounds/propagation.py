"""How errors of operands spread through one operation, with the second-order terms kept.

Each rule takes balls (a float64 midpoint and a radius) and the computed result, and bounds
|f(X) - f(x)| for every X in the balls around the midpoints x. It is infinite where a ball holds a singularity.
Rounding errors of the operation itself are not included: see :mod:`diffexplore.bounds.claims`.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from diffexplore.bounds.ball import LEAST, MARGIN, Ball, Rule, infinite_unless, mul, slopes_within_one, square
from diffexplore.bounds.claims import QUANTUM

#: Covers the rounding of a distance to a singularity that is no closer than that, or than 2⁻³⁰ of 1.
_NEARLY = 1 + 2.0**-20

#: Powers of e and of 2 with a lower exponent may be subnormal numbers, or 0.
_ALMOST_NOTHING = 700.0


def sqrt(x: Ball, out: Tensor) -> Tensor:
    # |√X − √x| = |X − x| / (√X + √x); an exact 0 stays exact.
    return torch.where(x.rad == 0, 0.0, infinite_unless(x.rad <= x.mid, x.rad / x.mid.sqrt()))


def rsqrt(x: Ball, out: Tensor) -> Tensor:
    clear = x.rad < x.mid * MARGIN
    low = x.mid - x.rad  # of a huge one no power −1.5 is left
    return infinite_unless(clear, x.rad / low * low.rsqrt() / 2)


def exp(x: Ball, out: Tensor) -> Tensor:
    return _grown(x, torch.exp, 1.0)


def exp2(x: Ball, out: Tensor) -> Tensor:
    return _grown(x, torch.exp2, math.log(2), 1 + 2.0**-40)


def _grown(x: Ball, power: Callable[[Tensor], Tensor], slope: float, upward: float = 1.0) -> Tensor:
    """What a power grows by at most from the middle of the ball.

    ``slope`` is the logarithm of its base, and ``upward`` covers the rounding of that.
    """
    grown, far_below = power(x.mid) * (x.rad * slope).expm1() * upward, _is_far_below(x)
    if bool(grown.isfinite().all()) and not bool(far_below.any()):
        return grown
    return torch.where(grown.isnan() | far_below, _from_above(x, power, slope), grown)


def _is_far_below(x: Ball) -> Tensor:
    """Where a power may be nothing, and not that of −∞, which is 0 whatever the radius."""
    return (x.mid < -_ALMOST_NOTHING) & (x.mid > -math.inf)


def _from_above(x: Ball, power: Callable[[Tensor], Tensor], slope: float) -> Tensor:
    """What a power grows by at most, from the upper end of the ball: that of its middle may be 0, or subnormal."""
    end = power(_top(x.mid + x.rad, x.mid, x.rad)) * _NEARLY
    return torch.where(x.rad == 0, 0.0, end * -torch.expm1(-slope * x.rad) * _NEARLY + QUANTUM[torch.float64])


def _top(end: Tensor, *terms: Tensor) -> Tensor:
    """No less than the end of a ball, which is computed as a sum of some terms."""
    for term in terms:
        end = end + term.abs() * 2.0**-50
    return end


def logaddexp(x: Ball, y: Ball, out: Tensor) -> Tensor:
    """The slope by x is 1/(1 + exp(y − x)): no more than 1, and than exp(x − y)."""
    parts = [
        (_top(one.mid - other.mid + x.rad + y.rad, x.mid, y.mid, x.rad, y.rad).clamp(max=0) + one.rad.log()).exp()
        for one, other in ((x, y), (y, x))
    ]
    spread = (parts[0] + parts[1]) * _NEARLY + QUANTUM[torch.float64]
    return torch.minimum(
        torch.where(spread.isnan(), math.inf, spread), slopes_within_one(x, y, out).expand(spread.shape)
    )


def log(x: Ball, out: Tensor) -> Tensor:
    return infinite_unless(x.rad < x.mid * MARGIN, -torch.log1p(-x.rad / x.mid) * (1 + 2.0**-30))


def log1p(x: Ball, out: Tensor) -> Tensor:
    return log(Ball(1 + x.mid, x.rad), out)


def sin(x: Ball, out: Tensor) -> Tensor:
    return x.rad * (x.mid.cos().abs() + x.rad).clamp(max=1)


def cos(x: Ball, out: Tensor) -> Tensor:
    return x.rad * (x.mid.sin().abs() + x.rad).clamp(max=1)


def tan(x: Ball, out: Tensor) -> Tensor:
    slope = x.mid.cos().abs()
    return infinite_unless(x.rad < slope * MARGIN, x.rad / (slope - x.rad).square() * _NEARLY)


def asin(x: Ball, out: Tensor) -> Tensor:
    room = 1 - x.farthest_from_zero
    return torch.where(
        x.rad == 0, 0.0, infinite_unless(room > 2.0**-30, x.rad / (room * (1 + x.farthest_from_zero)).sqrt() * _NEARLY)
    )


def atan(x: Ball, out: Tensor) -> Tensor:
    return x.rad / (1 + x.nearest_to_zero.square())


def sinh(x: Ball, out: Tensor) -> Tensor:
    return x.rad * x.farthest_from_zero.cosh()


def cosh(x: Ball, out: Tensor) -> Tensor:
    return x.rad * x.farthest_from_zero.sinh()


def tanh(x: Ball, out: Tensor) -> Tensor:
    return x.rad / x.nearest_to_zero.cosh().square()


def asinh(x: Ball, out: Tensor) -> Tensor:
    near = x.nearest_to_zero
    return x.rad / torch.hypot(near, torch.ones_like(near))


def acosh(x: Ball, out: Tensor) -> Tensor:
    low = x.mid - x.rad
    return torch.where(
        x.rad == 0, 0.0, infinite_unless(low > 1 + 2.0**-30, x.rad / (low - 1).sqrt() / (low + 1).sqrt() * _NEARLY)
    )


def atanh(x: Ball, out: Tensor) -> Tensor:
    room = 1 - x.farthest_from_zero
    return infinite_unless(room > 2.0**-30, x.rad / (room * (1 + x.farthest_from_zero)) * _NEARLY)


def erf(x: Ball, out: Tensor) -> Tensor:
    return x.rad * (2 / math.sqrt(math.pi)) * (-x.nearest_to_zero.square()).exp()


def erfc(x: Ball, out: Tensor) -> Tensor:
    # The slope is largest at the lower end for x > 0, where the result itself may be tiny.
    return erf(x, out)


def erfinv(x: Ball, out: Tensor) -> Tensor:
    far = x.farthest_from_zero
    slope = (math.sqrt(math.pi) / 2) * torch.special.erfinv(far).square().exp()
    return infinite_unless(far < 1 - 2.0**-30, x.rad * slope * (1 + 2.0**-20))


def sigmoid(x: Ball, out: Tensor) -> Tensor:
    near = x.nearest_to_zero
    return x.rad * torch.sigmoid(near) * torch.sigmoid(-near) * (1 + 2.0**-40)


def atan2(y: Ball, x: Ball, out: Tensor) -> Tensor:
    spread = torch.hypot(x.rad, y.rad)
    distance = torch.hypot(x.mid, y.mid)
    across_the_cut = (y.mid.abs() <= y.rad) & (x.mid < x.rad) & (spread > 0)
    # The sine of the turn is |x·ΔY − y·ΔX| over both lengths: a short side keeps its relative accuracy.
    # Each factor is a ratio, of which none underflows where the products of the lengths would.
    left = distance - spread
    sine = x.mid.abs() / distance * (y.rad / left) + y.mid.abs() / distance * (x.rad / left)
    turn = (math.pi / 2) * sine
    # Torch's angle of a point on the cut follows the sign of its zero, which no real number has.
    lost = (distance == 0) | ((y.mid == 0) & torch.signbit(y.mid) & (x.mid < 0))
    clear = (spread < distance * MARGIN) & ~across_the_cut
    return infinite_unless(~lost, torch.where(spread == 0, 0.0, infinite_unless(clear, turn)))


def pow(x: Ball, y: Ball, out: Tensor) -> Tensor:
    if y.mid.numel() == 1 and float(y.rad) == 0 and float(y.mid) in (1.0, 2.0):  # by far the most frequent
        return x.rad if float(y.mid) == 1 else square(x, out)
    one = (y.rad == 0) & (y.mid == 0)  # of every base
    whole = (y.rad == 0) & (y.mid == y.mid.round())
    stretch = -torch.log1p(-x.rad / x.mid.abs())
    clear = (x.rad < x.mid.abs() * MARGIN) & ((x.mid > 0) | whole)
    growth = torch.expm1(y.farthest_from_zero * stretch + y.rad * x.mid.abs().log().abs())
    relative = (x.mid.abs().pow(y.mid) + LEAST) * growth * _NEARLY
    grows = (y.rad == 0) & (y.mid >= 1) & (whole | (x.mid >= x.rad))
    absolute = x.rad * y.mid * x.farthest_from_zero.pow(y.mid - 1) * (1 + 2.0**-40)
    # Of an exact 0 every power with a positive exponent is 0, whatever the rounding of the exponent.
    exact = one | ((x.rad == 0) & ((y.rad == 0) | ((x.mid == 0) & (y.mid > y.rad))))
    return torch.where(exact, 0.0, torch.where(clear, relative, infinite_unless(grows, absolute)))


def tanh_backward(gradient: Ball, tanh: Ball, out: Tensor) -> Tensor:
    """gradient · (1 − tanh²); the kernel's rounding of 1 − tanh² is relative to 1, so it is kept here."""
    square = Ball(1 - tanh.mid.square(), tanh.rad * (2 * tanh.mid.abs() + tanh.rad))
    return mul(gradient, square, out)


def sigmoid_backward(gradient: Ball, sigmoid: Ball, out: Tensor) -> Tensor:
    slope = Ball((1 - sigmoid.mid) * sigmoid.mid, sigmoid.rad * ((1 - 2 * sigmoid.mid).abs() + sigmoid.rad))
    return mul(gradient, slope, out)


def _step(whole: Callable[[Tensor], Tensor]) -> Rule:
    def step(x: Ball, out: Tensor) -> Tensor:
        # The ends in doubles, rounded outwards: a radius far below the ulp of a whole number still reaches below it.
        low, high = (
            torch.nextafter(end, torch.full_like(end, side))
            for end, side in ((x.mid - x.rad, -math.inf), (x.mid + x.rad, math.inf))
        )
        return torch.where(x.rad == 0, 0.0, whole(high) - whole(low))

    return step


floor, ceil, trunc, round = map(_step, (torch.floor, torch.ceil, torch.trunc, torch.round))
