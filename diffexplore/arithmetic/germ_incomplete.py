"""Incomplete gamma and beta functions and Hurwitz's zeta function of germs: inside their domains, and at the edges.

Their derivatives in an order have germs inside the domain, and are 0 on the edges where the function is constant.
"""

from __future__ import annotations

import math

from flint import arb, fmpq

from diffexplore.arithmetic import incomplete
from diffexplore.arithmetic.cauchy import Analytic
from diffexplore.arithmetic.germ_functions import approaching, gamma, growing, rgamma
from diffexplore.arithmetic.germ_powers import composed, count_of_terms, div, exp, pow_
from diffexplore.arithmetic.germs import (
    ONE,
    Germ,
    NoValueError,
    UndecidedError,
    add,
    constant,
    is_zero,
    limit_and_rest,
    mul,
    neg,
    remainder,
    scaled,
    sign_of,
    sub,
    tidy,
    whole,
)

#: A Taylor series has no more coefficients: each is an integral.
_MOST_COEFFICIENTS = 100

_ZERO, _ONE = Germ(()), constant(ONE)


def gammainc(a: Germ, x: Germ, depth: int) -> Germ:
    return dgammainc(_ZERO, a, x, depth)


def gammaincc(a: Germ, x: Germ, depth: int) -> Germ:
    return sub(_ONE, gammainc(a, x, depth))


def dgammainc(order: Germ, a: Germ, x: Germ, depth: int) -> Germ:
    """1 − P vanishes beyond all powers where x grows like one."""
    _needed(sign_of(a) > 0 and sign_of(x) >= 0)
    n, _ = whole(order), limit_and_rest(a)
    if x.is_zero:
        return _ZERO
    if growing(x):
        return approaching(fmpq(not n))
    if is_zero(limit_and_rest(x)[0]):
        return _at_edge(n, _gamma_at_0(a, x, depth))
    return _inside(incomplete.LOWER_GAMMA, (n, 0), (a, x), depth)


def _gamma_at_0(a: Germ, x: Germ, depth: int) -> Germ:
    """P = xᵃ e⁻ˣ/Γ(a + 1) · Σ xᵏ/((a + 1)⋯(a + k)) (NIST DLMF 8.7.1)."""
    count = count_of_terms(x, depth)
    term, total = rgamma(add(a, _ONE), depth), remainder(count * x.lowest)
    for k in range(count):
        total = add(total, term)
        term = div(mul(term, x, depth), _shifted(a, k + 1), depth)
    return mul(mul(pow_(x, a, depth), exp(neg(x), depth), depth), total, depth)


def betainc(a: Germ, b: Germ, x: Germ, depth: int) -> Germ:
    return dbetainc(_ZERO, _ZERO, a, b, x, depth)


def dbetainc(order_a: Germ, order_b: Germ, a: Germ, b: Germ, x: Germ, depth: int) -> Germ:
    """Iₓ(a, b) = 1 − I₁₋ₓ(b, a) near 1 (NIST DLMF 8.17.4)."""
    rest = sub(_ONE, x)
    _needed(sign_of(a) > 0 and sign_of(b) > 0 and sign_of(x) >= 0 and sign_of(rest) >= 0)
    m, n = whole(order_a), whole(order_b)
    if x.is_zero:
        return _ZERO
    if is_zero(limit_and_rest(x)[0]):
        return _at_edge(m + n, _beta_at_0(a, b, x, depth))
    if is_zero(limit_and_rest(rest)[0]):
        return sub(_ZERO if m + n else _ONE, dbetainc(order_b, order_a, b, a, rest, depth))
    return _inside(incomplete.LOWER_BETA, (m, n, 0), (a, b, x), depth)


def _beta_at_0(a: Germ, b: Germ, x: Germ, depth: int) -> Germ:
    """xᵃ/B(a, b) · Σ (1 − b)ₖ xᵏ/(k! (a + k)) (NIST DLMF 8.17.7)."""
    count = count_of_terms(x, depth)
    term, total = _ONE, remainder(count * x.lowest)
    for k in range(count):
        total = add(total, div(term, _shifted(a, k), depth))
        term = scaled(mul(mul(term, x, depth), sub(constant(fmpq(k + 1)), b), depth), fmpq(1, k + 1))
    scale = mul(mul(rgamma(a, depth), rgamma(b, depth), depth), gamma(add(a, b), depth), depth)
    return mul(mul(pow_(x, a, depth), scale, depth), total, depth)


def zeta(s: Germ, q: Germ, depth: int) -> Germ:
    return dzeta(_ZERO, s, q, depth)


def dzeta(order: Germ, s: Germ, q: Germ, depth: int) -> Germ:
    """ζ(s, q) = q⁻ˢ + ζ(s, q + 1) near 0 (NIST DLMF 25.11.3)."""
    _needed(sign_of(sub(s, _ONE)) > 0 and sign_of(q) > 0)
    n = whole(order)
    if is_zero(limit_and_rest(q)[0]):
        return _at_edge(n, add(pow_(q, neg(s), depth), zeta(s, add(q, _ONE), depth)))
    return _inside(incomplete.ZETA, (n, 0), (s, q), depth)


# ---------------------------------------------------------------------------------------------------------- in common
def _inside(function: Analytic, orders: tuple[int, ...], arguments: tuple[Germ, ...], depth: int) -> Germ:
    """A derivative of a function that is analytic at the limits of its arguments, by its Taylor series."""
    limits, rests = zip(*map(limit_and_rest, arguments), strict=True)
    at = [arb(limit) for limit in limits]
    if math.prod(count_of_terms(rest, depth) for rest in rests) > _MOST_COEFFICIENTS:
        raise UndecidedError

    def series(steps: tuple[int, ...]) -> Germ:
        """In the arguments behind those in which ``steps`` counts the further derivatives."""
        if len(steps) < len(rests):
            return composed(lambda count: [series((*steps, k)) for k in range(count)], rests[len(steps)], depth)
        number = function.derivative([order + step for order, step in zip(orders, steps, strict=True)], at)
        return constant(tidy(number / math.prod(map(math.factorial, steps))))

    return series(())


def _needed(holds: bool) -> None:
    if not holds:
        raise NoValueError


def _at_edge(orders: int, value: Germ) -> Germ:
    if orders:
        raise UndecidedError
    return value


def _shifted(x: Germ, by: int) -> Germ:
    return add(x, constant(fmpq(by)))
