"""The exact numbers that floats of a program stand for.

One policy for proofs, audits and verification. A float is read as another number only where that number is within two
units in the last place of it, in the dtype in which the program holds it: float64 for a Python number or a tensor of
doubles, float32 for a tensor of floats. A correctly rounded constant is within half a unit; one that is computed,
as in ``1/math.sqrt(2)`` or ``0.5*math.sqrt(math.pi)``, within one or two. And so few numbers are tried that a float
which means something else is hardly ever one of them: the window of two ulps is far smaller than the gaps between the
numbers tried: fewer than one in a thousand random doubles is taken for another number.

The same float in the same dtype is always read as the same number, in a forward pass as in a backward pass.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import cache

import sympy

#: How far a float may be from the number that it stands for, in units in its last place.
ULPS = 2


@dataclass(frozen=True)
class _Format:
    """What is tried for the floats of one dtype, and for which of them.

    ``bits`` is the precision, ``own`` the number of significant bits of a float that is taken for itself, ``digits``
    that of a decimal, ``denominator`` and ``factor`` the largest terms of fractions and of multiples of constants,
    ``sparse`` a bound on q² ulps, by which fractions p/q are far apart.
    """

    bits: int
    own: int
    digits: int
    denominator: int
    factor: int
    sparse: float


_FORMATS = {"float64": _Format(53, 32, 12, 1000, 360, 2.0**-30), "float32": _Format(24, 14, 5, 100, 12, 2.0**-12)}

#: The longest decimals lie so close that only one that rounds to the float is taken for it: by so many digits.
_LONG_DECIMAL = 2

#: Numbers of which no two have a rational ratio; the rational multiples of each are tried.
_CONSTANTS: tuple[sympy.Expr, ...] = (
    sympy.sqrt(2), sympy.sqrt(3), sympy.sqrt(5),
    sympy.pi, 1 / sympy.pi, sympy.sqrt(sympy.pi), 1 / sympy.sqrt(sympy.pi),
    sympy.sqrt(2) * sympy.sqrt(sympy.pi), sympy.sqrt(2) / sympy.sqrt(sympy.pi), sympy.pi**2,
    sympy.sqrt(3) * sympy.pi, sympy.sqrt(3) / sympy.pi,
    sympy.log(2), 1 / sympy.log(2), sympy.log(10), 1 / sympy.log(10), sympy.log(3),
    sympy.log(2 * sympy.pi), sympy.log(sympy.pi), sympy.E, 1 / sympy.E,
)  # fmt: skip


@dataclass(frozen=True)
class Recognised:
    """A float of a program, and the exact number that it is read as.

    Attributes:
        value: the float.
        number: what it is read as.
        relative: |value − number| / |number|, rounded to two digits.
        dtype: in which the program holds it.
        others: further numbers within two ulps of it; ``number`` is the simplest.
        origin: how torch computed it from another float of the program; empty where it did not.
    """

    value: float
    number: sympy.Expr
    relative: float
    dtype: str = "float64"
    others: tuple[sympy.Expr, ...] = ()
    origin: str = ""

    @property
    def text(self) -> str:
        """The number, for people."""
        return _text(self.number)

    @property
    def note(self) -> str:
        """How the float was read, for the reader of a proof."""
        computed = f", which is {self.origin} in floats," if self.origin else ""
        held = "" if self.dtype == "float64" else f" in {self.dtype}"
        also = f" ({', '.join(map(_text, self.others))} is as near)" if self.others else ""
        return f"{self.value!r}{held}{computed} read as {self.text}{also}"


def recognise(value: float, dtype: str = "float64") -> tuple[sympy.Expr, str | None]:
    """The number that a float stands for, and a note for the reader where that is not the float itself."""
    found = recognised(value, dtype)
    return (itself(value), None) if found is None else (found.number, found.note)


def itself(value: float) -> sympy.Expr:
    """The number that a float is."""
    if math.isnan(value):
        return sympy.nan
    if math.isinf(value):
        return sympy.oo if value > 0 else -sympy.oo
    exact = Fraction(value)
    return sympy.Rational(exact.numerator, exact.denominator)


@cache
def recognised(value: float, dtype: str = "float64") -> Recognised | None:
    """The number that a float stands for; None where it stands for itself.

    A short binary fraction is itself. Otherwise: p/q with a small q, a short decimal, or a simple multiple of a known
    constant, if there is one within two ulps; of several the simplest.
    """
    format_ = _FORMATS.get(dtype)
    if format_ is None or not math.isfinite(value):
        return None
    exact = Fraction(value)
    if _odd_part(exact.numerator).bit_length() <= format_.own:
        return None
    ulp = _ulp(exact, format_)
    found = sorted(_near(exact, ulp, format_), key=lambda pair: pair[0])
    numbers = list(dict.fromkeys(number for _, number in found))
    if not numbers:
        return None
    return Recognised(value, numbers[0], _relative(exact, numbers[0]), dtype, tuple(numbers[1:]))


def _near(exact: Fraction, ulp: Fraction, format_: _Format) -> Iterator[tuple[float, sympy.Expr]]:
    """The numbers near a float, each with how much it takes to name it, in bits."""
    for ratio in (_ratio(exact, ulp, format_), _decimal(exact, ulp, format_)):
        if ratio is not None:
            yield ratio[0], sympy.Rational(ratio[1].numerator, ratio[1].denominator)
    for constant, size in _sizes():
        factor = (exact / size).limit_denominator(format_.factor)
        if 0 < abs(factor.numerator) <= format_.factor and abs(factor * size - exact) <= ULPS * ulp:
            yield _bits(factor) + math.log2(len(_CONSTANTS)), sympy.Rational(*factor.as_integer_ratio()) * constant


def _odd_part(number: int) -> int:
    number = abs(number)
    return number >> (number & -number).bit_length() - 1 if number else 0


def _ulp(exact: Fraction, format_: _Format) -> Fraction:
    """The unit in the last place of a number in a format, that of the smallest normal number below it."""
    if format_.bits == 53:
        return Fraction(math.ulp(float(exact)))
    return Fraction(2) ** (max(math.frexp(float(exact))[1], -125) - format_.bits)


def _ratio(exact: Fraction, ulp: Fraction, format_: _Format) -> tuple[float, Fraction] | None:
    """p/q with a small q. The larger the float, the wider floats are apart, and the smaller q must be."""
    nearest = exact.limit_denominator(format_.denominator)
    if not nearest or nearest.denominator**2 * ulp >= format_.sparse or abs(nearest - exact) > ULPS * ulp:
        return None
    return None if _held(nearest, format_) else (_bits(nearest), nearest)


def _decimal(exact: Fraction, ulp: Fraction, format_: _Format) -> tuple[float, Fraction] | None:
    """The shortest decimal near the float, where it is short."""
    for digits in range(1, format_.digits + 1):
        rounded = Fraction(Decimal(f"{float(exact):.{digits - 1}e}"))
        within = Fraction(1, 2) if digits > format_.digits - _LONG_DECIMAL else ULPS
        if abs(rounded - exact) <= within * ulp:
            return None if _held(rounded, format_) else (digits * math.log2(10), rounded)
    return None


def _held(number: Fraction, format_: _Format) -> bool:
    """Whether a float is exactly this number: then another float beside it does not stand for it."""
    return (
        number.denominator & (number.denominator - 1) == 0 and _odd_part(number.numerator).bit_length() <= format_.bits
    )


def _bits(factor: Fraction) -> float:
    return math.log2(abs(factor.numerator)) + math.log2(factor.denominator)


@cache
def _sizes() -> tuple[tuple[sympy.Expr, Fraction], ...]:
    """The constants with their values to 200 bits: far more than are needed to compare with a double."""
    return tuple((constant, Fraction(str(sympy.N(constant, 60)))) for constant in _CONSTANTS)


def _relative(exact: Fraction, number: sympy.Expr) -> float:
    true = Fraction(number.p, number.q) if number.is_Rational else Fraction(str(sympy.N(number, 60)))
    return float(f"{float(abs(exact - true) / abs(true)):.1e}")


def _text(number: sympy.Expr) -> str:
    return str(number).replace("pi", "π").replace("-oo", "−∞")


def derived(value: float, others: Iterable[float]) -> Recognised | None:
    """What a float is that torch computed from another float of the program: that less 1, 1 less that, its logarithm.

    The derivative of x**1.1 has the exponent 0.10000000000000009, which is 1.1 − 1 in floats: where 1.1 is read as
    11/10 it has to be 1/10.
    """
    for other in others:
        source = recognised(other)
        if source is None:
            continue
        meant = source.number
        for computed, exact, text in (
            (other - 1, meant - 1, f"{other!r} − 1"), (1 - other, 1 - meant, f"1 − {other!r}"),
            (other - 2, meant - 2, f"{other!r} − 2"),
            (math.log(other) if other > 0 else math.nan, sympy.log(meant), f"log({other!r})"),
        ):  # fmt: skip
            if computed == value and value not in (0.0, 1.0):
                return Recognised(value, exact, _relative(Fraction(value), exact), origin=text)
    return None
