"""Numbers as C++ writes them: exact rationals, and the few mathematical constants that a double stands for."""

from __future__ import annotations

import math
from fractions import Fraction

import mpmath
import sympy

from diffexplore.auditing.departures import depart
from diffexplore.auditing.functions import NotRead
from diffexplore.formula.recognise import recognised

CONSTANTS: dict[str, sympy.Expr] = {
    "M_E": sympy.E, "M_LOG2E": 1 / sympy.log(2), "M_LOG10E": 1 / sympy.log(10), "M_LN2": sympy.log(2),
    "M_LN10": sympy.log(10), "M_PI": sympy.pi, "M_PI_2": sympy.pi / 2, "M_PI_4": sympy.pi / 4,
    "M_1_PI": 1 / sympy.pi, "M_2_PI": 2 / sympy.pi, "M_2_SQRTPI": 2 / sympy.sqrt(sympy.pi),
    "M_SQRT2": sympy.sqrt(2), "M_SQRT1_2": sympy.sqrt(2) / 2,
}  # fmt: skip
"""The constants of POSIX's ``math.h``: names of the doubles nearest to these numbers."""

_KNOWN: tuple[tuple[str, sympy.Expr], ...] = (
    ("log(2)", sympy.log(2)), ("log(10)", sympy.log(10)), ("π", sympy.pi), ("sqrt(2)", sympy.sqrt(2)),
    ("π/180", sympy.pi / 180), ("180/π", 180 / sympy.pi),
)  # fmt: skip
_FEW_DIGITS = 6
_MOST_DIGITS = 100
_MEANT = 1e-12
"""How near, relatively, a long literal is to the constant that was meant by it."""


def read_number(digits: str) -> tuple[sympy.Expr, str | None]:
    """What a literal stands for, and a remark where that is not the number as written.

    A short decimal is meant as written. A long one is the double that C++ makes of it; where that is recognised as
    another number, it departs from that number by its rounding.

    Raises:
        NotRead: where it is too large, too small or too long.
    """
    if len(digits) > _MOST_DIGITS or abs(int(digits.lower().partition("e")[2] or 0)) > _MOST_DIGITS:
        raise NotRead(f"a number such as {digits[:20]}")
    written = Fraction(digits)
    if len(digits.replace(".", "").strip("0")) <= _FEW_DIGITS:
        exact = sympy.Rational(written.numerator, written.denominator)
        return exact, None if Fraction(float(digits)) == written else f"{digits} read as {exact}, not as its double"
    double = float(digits)
    found = recognised(double)
    if found is not None:
        words = f"{digits} read as {found.text} (relative {found.relative:.1e})"
        return depart(digits, Fraction(double), found.number, words, rounding=found), words
    for name, constant in _KNOWN:
        nearest = nearest_double(constant)
        if abs(double - nearest) <= _MEANT * abs(nearest):
            words = f"{digits} is {_units(double, nearest)} from the double nearest to {name}"
            return depart(digits, Fraction(double), constant, words), words
    exact = Fraction(double)
    return sympy.Rational(exact.numerator, exact.denominator), f"{digits} read as the double that it is"


def _units(double: float, nearest: float) -> str:
    count = round(abs(double - nearest) / math.ulp(nearest))
    return f"{count} unit{'s' if count > 1 else ''} in the last place"


def nearest_double(constant: sympy.Expr) -> float:
    """The double nearest to a real constant."""
    with mpmath.workdps(60):
        return float(mpmath.mpf(str(sympy.N(constant, 60))))
