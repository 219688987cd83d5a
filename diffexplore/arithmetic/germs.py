"""Germs: what a function does just beside a point, as a certified expansion in a small t > 0.

A germ is a finite sum of terms c · tᵉ · (log t)ʲ and a remainder. Coefficients are exact rationals or Arb balls that
contain the exact coefficient. The remainder is below every power of t under its ``order``: O(t^(order − ε)) for each
ε > 0; a germ without one (``order`` None) is the function itself. The exponents are rational, so that roots have germs,
and may be negative, so that poles have.

A value that is not a germ is :attr:`Absent.NOTHING`, where the function has no real value for small t, or
:attr:`Absent.UNKNOWN`, where that could not be decided.
Source: J. van der Hoeven, "Transseries and Real Differential Algebra", 2006, of which this is the simplest part.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from fractions import Fraction
from typing import NamedTuple, TypeAlias

from flint import arb, fmpq

#: Rationals with more bits than this become balls: their exactness is not worth its price.
_MOST_BITS = 20_000

Number: TypeAlias = fmpq | arb
Exponent: TypeAlias = int | Fraction
#: The exponents of t and of log t.
Power: TypeAlias = tuple[Exponent, int]

ZERO, ONE, HALF = fmpq(0), fmpq(1), fmpq(1, 2)


class Absent(Enum):
    """What stands where there is no germ."""

    NOTHING = "no real value"
    UNKNOWN = "not decided"


class UndecidedError(Exception):
    """More bits, or more terms, are needed to go on."""


class NoValueError(Exception):
    """The function has no real value for small t."""


class Germ(NamedTuple):
    """``terms`` by the size of their powers, the largest first; no coefficient is exactly 0."""

    terms: tuple[tuple[Power, Number], ...]
    order: Exponent | None = None

    @property
    def is_zero(self) -> bool:
        """Whether the function is proved to be 0 for all small t."""
        return not self.terms and self.order is None

    @property
    def lowest(self) -> Exponent:
        """No part of the germ has an exponent of t below this one (0 for the germ 0)."""
        if self.terms:
            return self.terms[0][0][0]
        return 0 if self.order is None else self.order

    @property
    def constant(self) -> Number | None:
        """The number that the germ is for every t; None for a germ that varies."""
        if self.order is not None or len(self.terms) > 1:
            return None
        if not self.terms:
            return ZERO
        power, coefficient = self.terms[0]
        return coefficient if power == (0, 0) else None

    def coefficient(self, exponent: Exponent, logs: int = 0) -> Number:
        """Of tᵉ · (log t)ʲ; 0 where there is no such term."""
        return next((number for power, number in self.terms if power == (exponent, logs)), ZERO)


def whole(order: Germ) -> int:
    """The number that an order is. Raises :class:`UndecidedError` for one that moves."""
    number = order.constant
    if not isinstance(number, fmpq):
        raise UndecidedError
    return int(number.p)


def is_zero(number: Number) -> bool:
    return bool(number == 0) if isinstance(number, fmpq) else bool(number.is_zero())


def sign(number: Number) -> int:
    """−1, 0 or 1. Raises :class:`UndecidedError` for a ball that holds 0 and other numbers."""
    if number > 0:
        return 1
    if number < 0:
        return -1
    if is_zero(number):
        return 0
    raise UndecidedError


def tidy(number: Number) -> Number:
    """An exact ball as a rational, and a rational of too many bits as a ball."""
    if isinstance(number, fmpq):
        return arb(number) if number.height_bits() > _MOST_BITS else number
    if not number.is_finite():
        raise UndecidedError
    if not number.is_exact():
        return number
    mantissa, exponent = number.man_exp()
    if abs(int(exponent)) > _MOST_BITS:
        return number
    shift = fmpq(1 << abs(int(exponent)))
    return fmpq(mantissa) * shift if exponent >= 0 else fmpq(mantissa) / shift


def constant(number: Number) -> Germ:
    """The germ that is ``number`` for every t."""
    number = tidy(number)
    return Germ(()) if is_zero(number) else Germ((((0, 0), number),))


def moving(start: fmpq, step: int) -> Germ:
    """start + step · t."""
    return _germ({(0, 0): start, (1, 0): fmpq(step)}, None)


def remainder(order: Exponent) -> Germ:
    """A function of which only the size is known: O(t^(order − ε))."""
    return Germ((), order)


def leading(x: Germ) -> tuple[Power, Number] | None:
    """The term that decides for small t; None for the germ 0. Raises :class:`UndecidedError`."""
    if x.is_zero:
        return None
    if not x.terms:
        raise UndecidedError
    power, coefficient = x.terms[0]
    sign(coefficient)
    return power, coefficient


def sign_of(x: Germ) -> int:
    """The sign for all small t > 0."""
    first = leading(x)
    if first is None:
        return 0
    (_, logs), coefficient = first
    return sign(coefficient) * (-1 if logs % 2 else 1)  # log t is negative


def limit_and_rest(x: Germ) -> tuple[Number, Germ]:
    """The limit for t → 0, and what is beside it. Raises :class:`UndecidedError` where there is none."""
    if diverges(x) or (x.lowest == 0 and any(power[0] == 0 and power[1] for power, _ in x.terms)):
        raise UndecidedError
    rest = tuple(term for term in x.terms if term[0] != (0, 0))
    return x.coefficient(0), Germ(rest, x.order)


def diverges(x: Germ) -> bool:
    """Whether the germ grows beyond all bounds. Raises :class:`UndecidedError` where its remainder may."""
    if x.terms and (x.terms[0][0][0] < 0 or (x.terms[0][0][0] == 0 and x.terms[0][0][1] > 0)):
        sign(x.terms[0][1])
        return True
    if x.order is not None and x.order <= 0:
        raise UndecidedError
    return False


# ------------------------------------------------------------------------------------------------------- arithmetic
def add(x: Germ, y: Germ) -> Germ:
    total = dict(x.terms)
    for power, number in y.terms:
        total[power] = total[power] + number if power in total else number
    return _germ(total, _smaller(x.order, y.order))


def neg(x: Germ) -> Germ:
    return Germ(tuple((power, -number) for power, number in x.terms), x.order)


def sub(x: Germ, y: Germ) -> Germ:
    return add(x, neg(y))


def scaled(x: Germ, number: Number, power: Power = (0, 0)) -> Germ:
    """x times one term."""
    terms = tuple(((_plain(e + power[0]), j + power[1]), tidy(c * number)) for (e, j), c in x.terms)
    return Germ(terms, None if x.order is None else _plain(x.order + power[0]))


def mul(x: Germ, y: Germ, depth: int) -> Germ:
    """The product; of its terms, those up to ``depth`` powers beyond the leading one."""
    if x.is_zero or y.is_zero:
        return Germ(())
    order: Exponent | None = None
    if x.order is not None:
        order = x.order + y.lowest
    if y.order is not None:
        order = _smaller(order, y.order + x.lowest)
    last = x.lowest + y.lowest + depth
    product: dict[Power, Number] = {}
    for (e, j), c in x.terms:
        for (f, k), d in y.terms:
            if e + f > last:
                order = _smaller(order, e + f)
                break
            power = (e + f, j + k)
            product[power] = product[power] + c * d if power in product else c * d
    return _germ(product, order)


def _germ(terms: Mapping[Power, Number], order: Exponent | None) -> Germ:
    kept = []
    for (e, j), number in terms.items():
        if not is_zero(number) and (order is None or e < order):
            kept.append(((_plain(e), j), tidy(number)))
    kept.sort(key=lambda term: (term[0][0], -term[0][1]))
    return Germ(tuple(kept), None if order is None else _plain(order))


def _smaller(x: Exponent | None, y: Exponent | None) -> Exponent | None:
    if x is None or y is None:
        return y if x is None else x
    return min(x, y)


def _plain(exponent: Exponent) -> Exponent:
    return exponent.numerator if isinstance(exponent, Fraction) and exponent.denominator == 1 else exponent
