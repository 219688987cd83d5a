"""Taylor coefficients of analytic functions at a number, rigorously: exact rationals where Arb or flint has them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import cache
from typing import Literal

from flint import arb, arb_series, fmpq, fmpq_series

from diffexplore.arithmetic import sinc
from diffexplore.arithmetic.balls import polygamma
from diffexplore.arithmetic.germs import Number, UndecidedError, is_zero, tidy

#: Where the coefficients are rational: at 0, and for log at 1.
_RATIONAL: Mapping[str, tuple[int, Callable[[fmpq_series], fmpq_series]]] = {
    "exp": (0, fmpq_series.exp), "sin": (0, fmpq_series.sin), "cos": (0, fmpq_series.cos),
    "atan": (0, fmpq_series.atan), "log": (1, fmpq_series.log),
}  # fmt: skip


def _erfinv(x: arb_series) -> arb_series:
    start = x.coeffs()[0].erfinv()
    if not start.is_finite():
        raise UndecidedError
    count = max(x.prec, 2)
    # erf(start + s) − erf(start), whose first coefficient is 0.
    rise: list[int | arb] = [0, *arb_series([start, 1], prec=count).erf().coeffs()[1:]]
    return arb_series(rise, prec=count).reversion() + start


_SERIES: Mapping[str, Callable[[arb_series], arb_series]] = {
    "exp": arb_series.exp, "sin": arb_series.sin, "cos": arb_series.cos, "atan": arb_series.atan,
    "log": arb_series.log, "erf": arb_series.erf, "erfc": arb_series.erfc, "erfinv": _erfinv,
    "rgamma": arb_series.rgamma,
}  # fmt: skip


def coefficients(function: str, at: Number, count: int) -> list[Number]:
    """f(at), f'(at), f''(at)/2, …: ``count`` of them. Raises :class:`UndecidedError` where one is not finite."""
    if function in _RATIONAL and _RATIONAL[function][0] == at and isinstance(at, fmpq):
        return list(_rational(function, count))
    if function in _SERIES:
        series = _SERIES[function](arb_series([arb(at), 1], prec=count))
        return _padded([tidy(number) for number in series.coeffs()], count)
    raise UndecidedError


def of_polygamma(order: int, at: Number, count: int) -> list[Number]:
    """The same of ψ⁽ᵒʳᵈᵉʳ⁾, whose derivatives are polygamma functions."""
    return [tidy(polygamma(order + k, arb(at)) / arb.fac_ui(k)) for k in range(count)]


def of_sinc(order: int, at: Number, count: int) -> list[Number]:
    """The same of the derivative of sinc of that order, and of sinc itself for order 0."""
    if is_zero(at):
        return [fmpq(*sinc.coefficient_at_zero(order, k)) for k in range(count)]
    return [tidy(sinc.enclosed(order + k, arb(at)) / arb.fac_ui(k)) for k in range(count)]


BesselKind = Literal["i", "j", "k", "y"]


def of_bessel(kind: BesselKind, order: int, at: Number, count: int) -> list[Number]:
    """The same of a Bessel function: its series at 0 (NIST DLMF 10.2.2, 10.25.2), elsewhere by those of other orders.

    The k-th derivative is 2⁻ᵏ Σⱼ ± C(k, j) 𝒵 of the order n − k + 2j (NIST DLMF 10.6.7 and 10.29.5).
    """
    if is_zero(at):
        return [_of_bessel_at_zero(order, k, -1 if kind == "j" else 1) for k in range(count)]
    values = [getattr(arb(at), f"bessel_{kind}")(arb(m)) for m in range(order + count)]
    flips = kind in ("j", "y")  # with the order, and with each step

    def derivative(k: int) -> arb:
        total = arb(0)
        for j in range(k + 1):
            m = order - k + 2 * j
            odd = (flips and j + (m < 0) * m) % 2 if kind != "k" else k % 2
            total += (-1) ** odd * math.comb(k, j) * values[abs(m)]
        return total / arb(2) ** k

    return [tidy(derivative(k) / arb.fac_ui(k)) for k in range(count)]


def _of_bessel_at_zero(order: int, k: int, sign: int) -> fmpq:
    """The coefficient of xᵏ in Iₙ, or (where ``sign`` is −1) in Jₙ."""
    steps, odd = divmod(k - order, 2)
    if k < order or odd:
        return fmpq(0)
    return fmpq(sign**steps, 2**k * math.factorial(steps) * math.factorial(steps + order))


@cache
def _rational(function: str, count: int) -> tuple[Number, ...]:
    at, series = _RATIONAL[function]
    return tuple(_padded(list(series(fmpq_series([at, 1], prec=count)).coeffs()), count))


def _padded(numbers: list[Number], count: int) -> list[Number]:
    """Coefficients of 0 at the end are not listed by flint."""
    return [*numbers, *[fmpq(0)] * (count - len(numbers))]


def power_coefficients(exponent: fmpq, count: int) -> list[Number]:
    """Of (1 + s)^exponent: the binomial coefficients, exactly."""
    found: list[Number] = [fmpq(1)]
    for k in range(1, count):
        found.append(tidy(found[-1] * (exponent - k + 1) / k))
        if is_zero(found[-1]):
            break
    return _padded(found, count)
