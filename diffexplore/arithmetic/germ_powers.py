"""Series of germs: analytic functions at their limits, powers, the exponential and the logarithm."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction

from flint import arb, fmpq

from diffexplore.arithmetic import taylor
from diffexplore.arithmetic.germs import (
    HALF,
    ONE,
    Exponent,
    Germ,
    NoValueError,
    Number,
    UndecidedError,
    add,
    constant,
    leading,
    limit_and_rest,
    mul,
    remainder,
    scaled,
    sign_of,
)

#: The most terms of a Taylor series: where the argument leaves its limit as slowly as t^(1/40), the rest is remainder.
_MOST_TERMS = 40

#: The order of what vanishes, or approaches its limit, faster than every power of t.
BEYOND_ALL_POWERS = 10**6

#: Orders that are not rational are rounded down to this part of 1.
_FINENESS = 2**20

#: Powers of rationals with more bits than this are taken of balls.
_MOST_POWER_BITS = 4_000


def composed(listed: Callable[[int], Sequence[Number | Germ]], rest: Germ, depth: int) -> Germ:
    """Σ cₖ restᵏ, with as many coefficients as reach ``depth`` powers of t: ``listed`` gives so many."""
    count = count_of_terms(rest, depth)
    total, *others = (one if isinstance(one, Germ) else constant(one) for one in reversed(listed(count)))
    for coefficient in others:
        total = add(mul(total, rest, depth), coefficient)
    return total if rest.is_zero else add(total, remainder(count * rest.lowest))


def count_of_terms(rest: Germ, depth: int) -> int:
    """How many terms of a series in ``rest``, which vanishes, reach ``depth`` powers of t; one for the germ 0."""
    if rest.is_zero:
        return 1
    if rest.lowest <= 0:
        raise UndecidedError
    return min(int(depth / rest.lowest) + 2, _MOST_TERMS)


def analytic(function: str) -> Callable[[Germ, int], Germ]:
    """A function that has a Taylor series at the limit of its argument."""

    def apply(x: Germ, depth: int) -> Germ:
        at, rest = limit_and_rest(x)
        return composed(lambda count: taylor.coefficients(function, at, count), rest, depth)

    return apply


exp_near, log_near = analytic("exp"), analytic("log")


# ---------------------------------------------------------------------------------------------------------- powers
def power_by_number(x: Germ, exponent: fmpq, depth: int) -> Germ:
    """x^q for a rational q: c^q · t^(e q) · (1 + u)^q, where c · tᵉ leads. Real for x < 0 only where q is whole."""
    if exponent == 0:
        return constant(ONE)
    first = leading(x)
    if first is None:
        if exponent < 0:
            raise NoValueError
        return Germ(())
    whole = exponent.q == 1
    if sign_of(x) < 0 and not whole:
        raise NoValueError
    (e, j), c = first
    power = e * Fraction(int(exponent.p), int(exponent.q))
    alone = len(x.terms) == 1 and x.order is None
    if j and not (alone and whole):
        return remainder(power)
    unit = _number_to_power(c, exponent)
    if alone:
        return scaled(constant(unit), ONE, (power, j * int(exponent.p) if whole else 0))
    rest = _beside_leading(x)
    series = composed(lambda count: taylor.power_coefficients(exponent, count), rest, depth)
    return scaled(series, unit, (power, 0))


def _beside_leading(x: Germ) -> Germ:
    """u, where x = c · tᵉ · (1 + u)."""
    (e, _), c = x.terms[0]
    return scaled(Germ(x.terms[1:], x.order), ONE / c, (-e, 0))


def _number_to_power(base: Number, exponent: fmpq) -> Number:
    if exponent.q == 1:
        n = int(exponent.p)
        if isinstance(base, fmpq) and base.height_bits() * abs(n) <= _MOST_POWER_BITS:
            return base**n
        return arb(base) ** arb(n)
    if exponent.q == 2 and isinstance(base, fmpq) and base > 0:
        roots = math.isqrt(int(base.p)), math.isqrt(int(base.q))
        if (roots[0] ** 2, roots[1] ** 2) == (int(base.p), int(base.q)):
            return _number_to_power(fmpq(*roots), fmpq(exponent.p))
    return arb(base) ** arb(exponent)


def reciprocal(x: Germ, depth: int) -> Germ:
    return power_by_number(x, fmpq(-1), depth)


def div(x: Germ, y: Germ, depth: int) -> Germ:
    return mul(x, reciprocal(y, depth), depth)


def sqrt(x: Germ, depth: int) -> Germ:
    return power_by_number(x, HALF, depth)


def pow_(x: Germ, y: Germ, depth: int) -> Germ:
    """x^y: of a base that is 0, of a negative base for whole exponents alone, else exp(y log x)."""
    exponent = y.constant
    if isinstance(exponent, fmpq):
        return power_by_number(x, exponent, depth)
    if x.is_zero:
        side = sign_of(y)
        if side < 0:
            raise NoValueError
        return constant(ONE) if side == 0 else Germ(())
    if sign_of(x) < 0:
        raise NoValueError
    return exp(mul(y, log(x, depth), depth), depth)


# ------------------------------------------------------------------------------------------ exponential, logarithm
def exp(x: Germ, depth: int) -> Germ:
    """exp(q log t + …) = t^q · exp(…), of which only the size is known for a q that is not rational.

    A pole to −∞ makes it vanish beyond all powers.
    """
    if x.terms and x.terms[0][0][0] < 0:
        if sign_of(x) < 0:
            return remainder(BEYOND_ALL_POWERS)
        raise UndecidedError
    logs = x.coefficient(0, 1)
    if x.terms and x.terms[0][0] == (0, 1):
        rest = Germ(x.terms[1:], x.order)
        if isinstance(logs, arb):
            limit_and_rest(rest)  # it is bounded
            return remainder(Fraction(math.floor(float(logs.lower()) * _FINENESS) - 1, _FINENESS))
        return scaled(exp_near(rest, depth), ONE, (Fraction(int(logs.p), int(logs.q)), 0))
    return exp_near(x, depth)


def log(x: Germ, depth: int) -> Germ:
    """log(c · tᵉ · (1 + u)) = log c + e log t + log(1 + u)."""
    first = leading(x)
    if first is None or sign_of(x) < 0:
        raise NoValueError
    (e, j), c = first
    if j:
        raise UndecidedError
    if e == 0:
        return log_near(x, depth)
    rest = log_near(add(constant(ONE), _beside_leading(x)), depth)
    growing = Germ((((0, 1), _rational(e)),))
    return add(add(constant(ONE if c == 1 else arb(c).log()), growing) if c != 1 else growing, rest)


def _rational(exponent: Exponent) -> fmpq:
    exponent = Fraction(exponent)
    return fmpq(exponent.numerator, exponent.denominator)
