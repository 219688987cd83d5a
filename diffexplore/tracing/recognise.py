"""The exact numbers that floats of a program stand for.

A float is read as another number only where that number, rounded to the nearest double, is exactly the float, and
where so few numbers are tried that a float which means something else would hardly ever be one of them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction
from functools import cache

import sympy

#: A float of so few significant bits is taken for itself.
_OWN_BITS = 32
_MOST_DIGITS = 12
_LARGEST_DENOMINATOR = 1000
_LARGEST_FACTOR = 360

#: Numbers of which no two have a rational ratio; the rational multiples of each are tried.
_CONSTANTS: tuple[sympy.Expr, ...] = (
    sympy.sqrt(2), sympy.sqrt(3), sympy.sqrt(5),
    sympy.pi, 1 / sympy.pi, sympy.sqrt(sympy.pi), 1 / sympy.sqrt(sympy.pi),
    sympy.sqrt(2) * sympy.sqrt(sympy.pi), sympy.sqrt(2) / sympy.sqrt(sympy.pi), sympy.pi**2,
    sympy.log(2), 1 / sympy.log(2), sympy.log(10), 1 / sympy.log(10), sympy.log(3),
    sympy.log(2 * sympy.pi), sympy.log(sympy.pi), sympy.E, 1 / sympy.E,
)  # fmt: skip


@cache
def recognise(value: float) -> tuple[sympy.Expr, str | None]:
    """The number that a float stands for, and a note for the reader where that is not the float itself.

    A short binary fraction is itself. Otherwise: p/q with q up to 1000, a decimal of up to 12 digits, or a simple
    multiple of a known constant; where none of these rounds to the float, or two do, the float is the rational it is.
    """
    if math.isnan(value):
        return sympy.nan, None
    if math.isinf(value):
        return (sympy.oo if value > 0 else -sympy.oo), None
    exact = Fraction(value)
    itself = sympy.Rational(exact.numerator, exact.denominator)
    if _odd_part(exact.numerator).bit_length() <= _OWN_BITS:
        return itself, None
    rational = _ratio(exact, value) or _decimal(value)
    meant = sympy.Rational(rational.numerator, rational.denominator) if rational is not None else _multiple(exact)
    if meant is None:
        return itself, None
    return meant, f"{value!r} read as {_text(meant)}"


def _odd_part(number: int) -> int:
    number = abs(number)
    return number >> (number & -number).bit_length() - 1 if number else 0


def _ratio(exact: Fraction, value: float) -> Fraction | None:
    """p/q with a small q. The larger the float, the wider its doubles are apart, and the smaller q must be."""
    nearest = exact.limit_denominator(_LARGEST_DENOMINATOR)
    sparse = nearest.denominator**2 * math.ulp(value) < 2.0**-30
    return nearest if nearest and sparse and float(nearest) == value else None


def _decimal(value: float) -> Fraction | None:
    """The shortest decimal that rounds to the float, where it is short."""
    shortest = Decimal(repr(value))
    return Fraction(shortest) if len(shortest.as_tuple().digits) <= _MOST_DIGITS else None


def _multiple(exact: Fraction) -> sympy.Expr | None:
    """The only p/q times a known constant that rounds to the float."""
    found = []
    for constant, size in _sizes():
        factor = (exact / size).limit_denominator(_LARGEST_FACTOR)
        if 0 < abs(factor.numerator) <= _LARGEST_FACTOR and float(factor * size) == float(exact):
            found.append(sympy.Rational(factor.numerator, factor.denominator) * constant)
    return found[0] if len(found) == 1 else None


@cache
def _sizes() -> tuple[tuple[sympy.Expr, Fraction], ...]:
    """The constants with their values to 200 bits: far more than are needed to round a product correctly."""
    return tuple((constant, Fraction(str(sympy.N(constant, 60)))) for constant in _CONSTANTS)


def _text(number: sympy.Expr) -> str:
    return str(number).replace("pi", "π")


def derived(value: float, others: Iterable[float]) -> tuple[sympy.Expr, str] | None:
    """What a float is that torch computed from another float of the program: that less 1, 1 less that, its logarithm.

    The derivative of x**1.1 has the exponent 0.10000000000000009, which is 1.1 − 1 in floats: where 1.1 is read as
    11/10 it has to be 1/10.
    """
    for other in others:
        meant, note = recognise(other)
        if note is None:
            continue
        for computed, exact, text in (
            (other - 1, meant - 1, f"{other!r} − 1"), (1 - other, 1 - meant, f"1 − {other!r}"),
            (other - 2, meant - 2, f"{other!r} − 2"),
            (math.log(other) if other > 0 else math.nan, sympy.log(meant), f"log({other!r})"),
        ):  # fmt: skip
            if computed == value and value not in (0.0, 1.0):
                return exact, f"{value!r}, which is {text} in floats, read as {_text(exact)}"
    return None
