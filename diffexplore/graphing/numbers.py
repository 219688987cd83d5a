"""Exact where it can be, certified where not: numbers of graphs, and how they are written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

from flint import arb, fmpq

from diffexplore.arithmetic.balls import BALLS, OPERATIONS
from diffexplore.decide.values import as_record
from diffexplore.graphing.records import Number
from diffexplore.numerals import plain_exponent, short
from diffexplore.program.program import Constant

#: An exact rational, or a ball that is proved to contain the value.
Value = fmpq | arb

DIGITS = 6
_LONGEST_FRACTION = 2000  # bits: sums of many quotients would take ever longer
_LARGEST_EXPONENT = 20000  # of two
_NEAR_ZERO = 1e-100
_PLAIN = range(-4, 7)  # decimal exponents that are written without e


def _divided(x: fmpq, y: fmpq) -> Value:
    return x / y if y != 0 else arb.nan()


def _sign(x: fmpq) -> Value:
    """As for balls, anything from −1 to 1 at the jump."""
    return fmpq(1 if x > 0 else -1) if x != 0 else OPERATIONS["sign"](arb(0))


def _heaviside(x: fmpq) -> Value:
    return fmpq(1 if x > 0 else 0) if x != 0 else OPERATIONS["heaviside"](arb(0))


def _less(x: fmpq, y: fmpq) -> bool | None:
    """As for balls, undecided on the boundary, where both branches count."""
    return None if x == y else bool(x < y)


#: By name, for there are no others: the operations that make rationals of rationals. All else is done in balls.
_EXACT: dict[str, Callable[..., Any]] = {
    "add": lambda x, y: x + y, "sub": lambda x, y: x - y, "mul": lambda x, y: x * y, "div": _divided,
    "neg": lambda x: -x, "abs": abs, "max": max, "min": min, "sign": _sign, "heaviside": _heaviside,
    "full_like": lambda x, constant: constant,
    "lt": _less, "le": _less, "gt": lambda x, y: _less(y, x), "ge": lambda x, y: _less(y, x),
    "eq": lambda x, y: None if x == y else False, "ne": lambda x, y: None if x == y else True,
}  # fmt: skip


def as_ball(value: Value) -> arb:
    """The value as a ball in the precision of the moment."""
    return arb(value) if isinstance(value, fmpq) else value


def _either(name: str, of_balls: Callable[..., Any]) -> Callable[..., Any]:
    exact = _EXACT.get(name)

    def run(*values: Any) -> Any:
        if exact is not None and all(isinstance(value, fmpq) for value in values):
            result = exact(*values)
            fits = not isinstance(result, fmpq) or result.height_bits() <= _LONGEST_FRACTION
            return result if fits else arb(result)
        return of_balls(*(as_ball(value) for value in values))

    return run


def _where(condition: bool | None, taken: Value, otherwise: Value) -> Value:
    if condition is None and isinstance(taken, fmpq) and isinstance(otherwise, fmpq) and taken == otherwise:
        return taken
    if condition is None:
        return OPERATIONS["where"](condition, as_ball(taken), as_ball(otherwise))
    return taken if condition else otherwise


class CertifiedArithmetic:
    """Rational operations on rationals are exact; all else is done in balls."""

    operations: Mapping[str, Any] = {
        **{name: _either(name, run) for name, run in OPERATIONS.items()},
        "where": _where,
        **{name: OPERATIONS[name] for name in ("and", "or", "not")},
    }

    def constant(self, constant: Constant) -> Value:
        exact = constant.exact
        return fmpq(int(exact.p), int(exact.q)) if exact.is_Rational else BALLS.constant(constant)


def number_of(value: Value) -> Number | None:
    """The value with as many digits as all numbers inside the enclosure share; None where that are not enough."""
    if isinstance(value, fmpq):
        exact = Fraction(int(value.p), int(value.q))
        return Number(_exactly(exact) or _rounded(exact, DIGITS), as_record(arb(value)))
    if not value.is_finite():
        return None
    ends = _fraction(value.lower()), _fraction(value.upper())
    if ends[0] is None or ends[1] is None:
        return None
    for digits in (DIGITS, DIGITS + 2):  # a value halfway between two neighbours of 6 digits has more
        low, high = _rounded(ends[0], digits), _rounded(ends[1], digits)
        if low == high:
            return Number(low, as_record(value))
    return None


def negligible(value: Value) -> Number | None:
    """A value that is 0, or too near to 0 for its sign to be known: its size is all that is shown."""
    if isinstance(value, fmpq) or not value.contains(0) or not value.rad() < _NEAR_ZERO:
        return None
    return Number(f"±{short(float(value.abs_upper()), 1, upward=True)}", as_record(value))


def _fraction(end: arb) -> Fraction | None:
    mantissa, exponent = end.man_exp()
    if abs(int(exponent)) > _LARGEST_EXPONENT:
        return None
    return Fraction(int(mantissa)) * Fraction(2) ** int(exponent)


def _exactly(number: Fraction) -> str | None:
    """The number itself, where a few digits are all of it."""
    shown = _rounded(number, DIGITS)
    if Fraction(shown) != number:
        return None
    mantissa, e, exponent = shown.partition("e")
    return (mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa) + e + exponent


def _rounded(number: Fraction, digits: int) -> str:
    """``number`` in so many significant digits, rounded to nearest."""
    if number == 0:
        return "0"
    places = digits - 1 - _exponent(number)
    whole = round(number * Fraction(10) ** places)
    if len(str(abs(whole))) > digits:  # 9.9999996 became 10.0000
        places -= 1
        whole = round(number * Fraction(10) ** places)
    sign, text = "-" if whole < 0 else "", str(abs(whole))
    exponent = digits - 1 - places
    if exponent in _PLAIN:
        return sign + _with_point(text, places)
    return plain_exponent(f"{sign}{text[0]}.{text[1:]}e{exponent}")


def _with_point(text: str, places: int) -> str:
    """The digits with ``places`` of them behind the point."""
    if places <= 0:
        return text + "0" * -places
    text = text.zfill(places + 1)
    return f"{text[:-places]}.{text[-places:]}"


def _exponent(number: Fraction) -> int:
    """The decimal exponent of the leading digit."""
    guess = len(str(abs(number.numerator))) - len(str(number.denominator))
    return guess if abs(number) >= Fraction(10) ** guess else guess - 1
