"""Functions of germs: by their Taylor series at the limit, by their limits at infinity, or by other functions."""

from __future__ import annotations

from flint import arb, fmpq

from diffexplore.arithmetic import taylor
from diffexplore.arithmetic.germ_powers import BEYOND_ALL_POWERS, analytic, composed, div, exp, log, reciprocal, sqrt
from diffexplore.arithmetic.germs import (
    HALF,
    ONE,
    Germ,
    NoValueError,
    Number,
    add,
    constant,
    diverges,
    limit_and_rest,
    mul,
    neg,
    remainder,
    scaled,
    sign_of,
    sub,
    whole,
)

_atan_near, _sin_near, _cos_near = analytic("atan"), analytic("sin"), analytic("cos")
_erf_near, _erfc_near, rgamma = analytic("erf"), analytic("erfc"), analytic("rgamma")


# ------------------------------------------------------------------------------------------------ made of exponentials
def expm1(x: Germ, depth: int) -> Germ:
    return sub(exp(x, depth), constant(ONE))


def log1p(x: Germ, depth: int) -> Germ:
    return log(add(constant(ONE), x), depth)


def sigmoid(x: Germ, depth: int) -> Germ:
    side = growing(x)
    if side:
        return approaching(ONE if side > 0 else fmpq(0))
    return reciprocal(add(constant(ONE), exp(neg(x), depth)), depth)


def softplus(x: Germ, depth: int) -> Germ:
    side = growing(x)
    if side:
        return add(x if side > 0 else constant(fmpq(0)), remainder(BEYOND_ALL_POWERS))
    return log(add(constant(ONE), exp(x, depth)), depth)


def tanh(x: Germ, depth: int) -> Germ:
    return sub(scaled(sigmoid(scaled(x, fmpq(2)), depth), fmpq(2)), constant(ONE))


def sinh(x: Germ, depth: int) -> Germ:
    return scaled(sub(exp(x, depth), exp(neg(x), depth)), HALF)


def cosh(x: Germ, depth: int) -> Germ:
    return scaled(add(exp(x, depth), exp(neg(x), depth)), HALF)


def growing(x: Germ) -> int:
    """The sign of a germ that grows like a negative power of t; 0 for others."""
    return sign_of(x) if x.terms and x.terms[0][0][0] < 0 else 0


def approaching(limit: Number) -> Germ:
    return add(constant(limit), remainder(BEYOND_ALL_POWERS))


# ------------------------------------------------------------------------------------- trigonometric and inverses
def sin(x: Germ, depth: int) -> Germ:
    return remainder(0) if diverges(x) else _sin_near(x, depth)


def sinc(x: Germ, depth: int) -> Germ:
    return dsinc(Germ(()), x, depth)


def dsinc(order: Germ, x: Germ, depth: int) -> Germ:
    """The derivative of sinc of that order. It is bounded."""
    n = whole(order)
    if diverges(x):
        return div(sin(x, depth), x, depth) if n == 0 else remainder(0)
    at, rest = limit_and_rest(x)
    return composed(lambda count: taylor.of_sinc(n, at, count), rest, depth)


def cos(x: Germ, depth: int) -> Germ:
    return remainder(0) if diverges(x) else _cos_near(x, depth)


def tan(x: Germ, depth: int) -> Germ:
    return div(_sin_near(x, depth), _cos_near(x, depth), depth)


def atan(x: Germ, depth: int) -> Germ:
    if diverges(x):
        return sub(_quarter_turns(sign_of(x)), _atan_near(reciprocal(x, depth), depth))
    return _atan_near(x, depth)


def _quarter_turns(count: int) -> Germ:
    return constant(arb.pi() / 2 * count)


def asin(x: Germ, depth: int) -> Germ:
    """2 atan(x / (1 + √(1 − x²))): no real value beyond ±1."""
    root = sqrt(sub(constant(ONE), mul(x, x, depth)), depth)
    return scaled(atan(div(x, add(constant(ONE), root), depth), depth), fmpq(2))


def acos(x: Germ, depth: int) -> Germ:
    """2 atan(√(1 − x) / √(1 + x)), and π − acos(−x) on the left."""
    if sign_of(x) < 0:
        return sub(_quarter_turns(2), acos(neg(x), depth))
    above, below = sub(constant(ONE), x), add(constant(ONE), x)
    return scaled(atan(div(sqrt(above, depth), sqrt(below, depth), depth), depth), fmpq(2))


def atan2(y: Germ, x: Germ, depth: int) -> Germ:
    """The angle of (x, y) in (−π, π], by the coordinate that does not vanish against the other."""
    across, along = sign_of(y), sign_of(x)
    if not across and not along:
        raise NoValueError
    if along and (not across or y.lowest >= x.lowest):
        angle = atan(div(y, x, depth), depth)
        if along > 0:
            return angle
        return add(angle, _quarter_turns(-2 if across < 0 else 2))
    return sub(_quarter_turns(across), atan(div(x, y, depth), depth))


def asinh(x: Germ, depth: int) -> Germ:
    side = sign_of(x) or 1
    size = scaled(x, fmpq(side))
    root = sqrt(add(constant(ONE), mul(size, size, depth)), depth)
    return scaled(log(add(size, root), depth), fmpq(side))


def acosh(x: Germ, depth: int) -> Germ:
    root = sqrt(sub(mul(x, x, depth), constant(ONE)), depth)
    return log(add(x, root), depth)


def atanh(x: Germ, depth: int) -> Germ:
    return scaled(log(div(add(constant(ONE), x), sub(constant(ONE), x), depth), depth), HALF)


# ------------------------------------------------------------------------------------------------- error and gamma
def erf(x: Germ, depth: int) -> Germ:
    if diverges(x):
        return approaching(fmpq(sign_of(x)))
    return _erf_near(x, depth)


def erfc(x: Germ, depth: int) -> Germ:
    if diverges(x):
        return approaching(fmpq(0 if sign_of(x) > 0 else 2))
    return _erfc_near(x, depth)


def erfcx(x: Germ, depth: int) -> Germ:
    """exp(x²)·erfc(x), whose limits at infinity are left to others."""
    return mul(exp(mul(x, x, depth), depth), _erfc_near(x, depth), depth)


def log_ndtr(x: Germ, depth: int) -> Germ:
    """log(erfc(−x/√2)/2)."""
    return log(scaled(_erfc_near(scaled(x, -arb(HALF).sqrt()), depth), HALF), depth)


def erfinv(x: Germ, depth: int) -> Germ:
    for room in (sub(constant(ONE), x), add(constant(ONE), x)):
        if sign_of(room) <= 0:
            raise NoValueError
    return analytic("erfinv")(x, depth)


def gamma(x: Germ, depth: int) -> Germ:
    """1/Γ is entire; it is 0 at the poles 0, −1, −2, …"""
    return reciprocal(rgamma(x, depth), depth)


def lgamma(x: Germ, depth: int) -> Germ:
    """log|Γ|."""
    inverse = rgamma(x, depth)
    return neg(log(inverse if sign_of(inverse) >= 0 else neg(inverse), depth))


def polygamma(order: Germ, x: Germ, depth: int) -> Germ:
    n = whole(order)
    at, rest = limit_and_rest(x)
    if rest.is_zero and isinstance(at, fmpq) and at <= 0 and at.q == 1:
        raise NoValueError
    return composed(lambda count: taylor.of_polygamma(n, at, count), rest, depth)


def digamma(x: Germ, depth: int) -> Germ:
    return polygamma(Germ(()), x, depth)
