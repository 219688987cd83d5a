"""The derivatives of sinc, also at 0 and near it, where their quotients cancel.

With f = sinc and fₙ its n-th derivative, x fₙ + n fₙ₋₁ = sin⁽ⁿ⁾(x): that is x f = sin x, differentiated n times.
Near 0, fₙ = Σ (−1)ᵏ x²ᵏ⁻ⁿ / ((2k + 1) (2k − n)!) over 2k ≥ n. And |fₙ| ≤ 1/(n + 1), for fₙ(x) = ∫₀¹ tⁿ sin⁽ⁿ⁺¹⁾(xt) dt.
Source: NIST DLMF 10.49.3, 10.51.2 and 10.54.2, of the spherical Bessel function j₀ = sinc.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import cache
from typing import Any

import flint
from flint import arb, fmpq

#: The series is cut off where it adds less than this part of its first term.
_NEGLIGIBLE = Fraction(1, 2**60)


def floating(
    operations: Mapping[str, Callable[..., Any]], order: int, x: Any, state: Callable[[float, float], None]
) -> Any:
    """fₙ(x) of floating point arrays, order ≥ 1, in the ``operations`` of a library; differentiable once by torch.

    ``state`` takes a constant and how far it is from what it stands for. The last coefficient of the series stands for
    itself and all that follows: of the alternating rest, which is below its first term r, and of its slope.
    """
    limit = _switch(order)
    near = operations["and"](operations["lt"](x, limit), operations["gt"](x, -limit))
    # Torch differentiates the branch not taken too: its input is chosen first.
    inside, outside = operations["where"](near, x, 0.0), operations["where"](near, limit, x)
    return operations["where"](
        near, _by_series(operations, order, inside, state), by_quotients(operations, order, outside)
    )


def _switch(order: int) -> float:
    """Up to here the series is taken; no whole number, at which a computed argument would be on either side."""
    return max(1, order) + 0.0859375


def _by_series(
    operations: Mapping[str, Callable[..., Any]], order: int, x: Any, state: Callable[[float, float], None]
) -> Any:
    add, mul = operations["add"], operations["mul"]
    numbers, rest = _coefficients(order)
    state(numbers[-1], rest)
    part = mul(x, 1 / _scale(order))  # below 1, so that no power of it overflows in a backward pass
    square = mul(part, part)
    total = add(mul(square, numbers[-1]), numbers[-2])
    for number in reversed(numbers[:-2]):
        total = add(mul(total, square), number)
    return mul(total, x) if order % 2 else total


def _scale(order: int) -> float:
    """A power of two above all arguments of the series."""
    return float(2 ** math.ceil(math.log2(_switch(order))))


@cache
def _coefficients(order: int) -> tuple[tuple[float, ...], float]:
    """Those of the powers of (x/scale)², and how far the last may be from what it stands for.

    The slope of a rest r = c x²ʲ⁺² is (2j + 2)/2j times as large as if c x² belonged to the last coefficient: below 2.
    """
    reach, square = Fraction(_switch(order)) ** 2, Fraction(_scale(order)) ** 2
    numbers = [_coefficient(order, 0)]
    while abs(_coefficient(order, len(numbers))) * reach ** len(numbers) > _NEGLIGIBLE * abs(numbers[0]):
        numbers.append(_coefficient(order, len(numbers)))
    rest = 2 * abs(_coefficient(order, len(numbers))) * reach * square ** (len(numbers) - 1)
    scaled = tuple(float(number * square**j) for j, number in enumerate(numbers))
    return scaled, float(rest) + math.ulp(scaled[-1])


def _coefficient(order: int, j: int) -> Fraction:
    k = (order + 1) // 2 + j
    return Fraction((-1) ** k, (2 * k + 1) * math.factorial(2 * k - order))


def by_quotients(operations: Mapping[str, Callable[..., Any]], order: int, x: Any) -> Any:
    """fₙ(x) by its recurrence, in whatever arithmetic; near 0 it cancels."""
    sub, div = operations["sub"], operations["div"]
    sine, cosine = operations["sin"](x), operations["cos"](x)
    value = div(sine, x)
    for n in range(1, order + 1):
        turned = cosine if n % 2 else sine
        scaled = value if n == 1 else operations["mul"](value, float(n))
        difference = sub(turned, scaled) if n % 4 < 2 else operations["neg"](operations["add"](turned, scaled))
        value = div(difference, x)
    return value


# ---------------------------------------------------------------------------------------------- balls and rationals
def coefficient_at_zero(order: int, k: int) -> tuple[int, int]:
    """Numerator and denominator of the k-th Taylor coefficient of fₙ at 0."""
    if (order + k) % 2:
        return 0, 1
    number = Fraction((-1) ** ((order + k) // 2), (order + k + 1) * math.factorial(k))
    return number.numerator, number.denominator


def enclosed(order: int, x: arb) -> arb:
    """fₙ(x) of a ball in the precision of the surrounding block; order 0 is sinc itself."""
    if not x.is_finite():
        return arb.nan()
    spread = arb(0, x.rad()) / (order + 2)  # the mean value theorem, by the bound of fₙ₊₁
    value = _at(order, arb(x.mid())) + spread
    if x.contains(0):
        return value
    direct = _quotients(order, x)
    return direct if direct.rad() < value.rad() else value


def _at(order: int, x: arb) -> arb:
    """At an exact number."""
    return _series(order, x) if abs(x) < order + 1 else _quotients(order, x)


def _quotients(order: int, x: arb) -> arb:
    sine, cosine = x.sin(), x.cos()
    value = sine / x
    for n in range(1, order + 1):
        turned = cosine if n % 2 else sine
        value = ((turned if n % 4 < 2 else -turned) - n * value) / x
    return value


def _series(order: int, x: arb) -> arb:
    """The sum up to a term that is nothing in this precision; the rest, alternating and falling, is below it."""
    square, power, total, j = x * x, x if order % 2 else arb(1), arb(0), 0
    size = abs(x) if order % 2 and abs(x) < 1 else arb(1)  # that of the first term
    least = size * arb(2) ** -(flint.ctx.prec + 16)
    while True:
        number = _coefficient(order, j)
        term = power * arb(fmpq(number.numerator, number.denominator))
        falling = 2 * j > order + 1  # the factor between terms is below x²/(2j)² from there
        if falling and abs(term) <= least:
            return total + arb(0, abs(term).upper())
        total, power, j = total + term, power * square, j + 1
