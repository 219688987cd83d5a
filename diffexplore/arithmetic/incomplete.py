"""The regularised incomplete gamma and beta functions, Hurwitz's zeta function, and their derivatives, on balls.

The functions themselves take balls of real or complex numbers, their derivatives those of real numbers.
"""

from __future__ import annotations

from typing import Any

import flint
from flint import arb

from diffexplore.arithmetic.cauchy import Analytic
from diffexplore.arithmetic.precision import is_sharp

#: Left of this times a the series of P is summed, whose terms are positive; right of it P is 1 − Q, which is not small.
_SUMMED = 0.9


def lower_gamma(a: Any, x: Any) -> Any:
    """P(a, x) = γ(a, x)/Γ(a), a > 0 and x ≥ 0 (NIST DLMF 8.2.4)."""
    if not (a.real > 0 and x.real >= 0):
        return x * arb.nan()
    if x.is_zero():
        return arb(0)
    return _summed(a, x) if abs(x) < _SUMMED * a.real else 1 - x.gamma_upper(a, 1)


def _summed(a: Any, x: Any) -> Any:
    """xᵃ e⁻ˣ/Γ(a + 1) · Σ xᵏ/((a + 1)⋯(a + k)), whose terms fall ever faster (NIST DLMF 8.7.1)."""
    negligible, term, total, k = arb(2) ** -(flint.ctx.prec + 8), 1 + 0 * x, 1 + 0 * x, 0
    while not abs(term) < negligible:
        k += 1
        term = term * x / (a + k)
        total += term
        if not abs(term).is_finite():
            return term
    share = abs(x) / (a.real + k + 1)
    return (a * x.log() - x).exp() * (a + 1).rgamma() * _widened(total, abs(term) * share / (1 - share))


def _widened(value: Any, by: Any) -> Any:
    rest = arb(0, arb(by).upper())
    return value + rest if isinstance(value, arb) else value + type(value)(rest, rest)


def upper_gamma(a: Any, x: Any) -> Any:
    """Q(a, x) = 1 − P(a, x)."""
    if not (a.real > 0 and x.real >= 0):
        return x * arb.nan()
    return arb(1) if x.is_zero() else x.gamma_upper(a, 1)


def lower_beta(a: Any, b: Any, x: Any) -> Any:
    """Iₓ(a, b), a > 0, b > 0 and 0 ≤ x ≤ 1 (NIST DLMF 8.17.2)."""
    if not (a.real > 0 and b.real > 0 and 0 <= x.real <= 1):
        return x * arb.nan()
    if x.is_zero() or (1 - x).is_zero():
        return arb(0) if x.is_zero() else arb(1)
    direct = x.beta_lower(a, b, 1)
    if x.real < 0.5 or is_sharp(direct):
        return direct
    # Arb's own way for an x near 1 fails on balls around a whole number b.
    other = 1 - (1 - x).beta_lower(b, a, 1)
    return direct if direct.is_finite() and direct.rel_accuracy_bits() >= other.rel_accuracy_bits() else other


def zeta(s: Any, q: Any) -> Any:
    """ζ(s, q) = Σ (q + n)⁻ˢ, s > 1 and q > 0 (NIST DLMF 25.11.1)."""
    return s.zeta(q) if s.real > 1 and q.real > 0 else s * arb.nan()


#: P and Q are entire in a, and analytic where Re x > 0.
LOWER_GAMMA, UPPER_GAMMA = (Analytic(function, lambda a, x: (a, x)) for function in (lower_gamma, upper_gamma))

#: I is analytic where Re a > 0, Re b > 0 and x is on neither cut, left of 0 and right of 1.
LOWER_BETA = Analytic(lower_beta, lambda a, b, x: (a, b, arb.min(x, 1 - x)))

#: ζ is analytic but for the pole at s = 1, where Re q > 0.
ZETA = Analytic(zeta, lambda s, q: (s - 1, q))


def _whole(order: arb) -> int:
    return int(float(order))


def of_lower_gamma(order: arb, a: arb, x: arb) -> arb:
    """∂ⁿP/∂aⁿ, n ≥ 1."""
    if not (a > 0 and x >= 0) or x.is_zero():
        return arb(0) if x.is_zero() and a > 0 else arb.nan()
    orders = _whole(order), 0
    if x < a:
        return LOWER_GAMMA.derivative(orders, (a, x))
    return -UPPER_GAMMA.derivative(orders, (a, x))  # which is not near 1


def of_zeta(order: arb, s: arb, q: arb) -> arb:
    """∂ⁿζ/∂sⁿ."""
    if not (s > 1 and q > 0):
        return arb.nan()
    return ZETA.derivative((_whole(order), 0), (s, q))


def of_lower_beta(order_a: arb, order_b: arb, a: arb, b: arb, x: arb) -> arb:
    """∂ᵐ⁺ⁿIₓ/∂aᵐ∂bⁿ."""
    if not (a > 0 and b > 0 and 0 <= x <= 1):
        return arb.nan()
    if x.is_zero() or (1 - x).is_zero():
        return arb(0)
    return LOWER_BETA.derivative((_whole(order_a), _whole(order_b), 0), (a, b, x))
