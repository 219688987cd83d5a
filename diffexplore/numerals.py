"""One style of numbers for people, in tables and in sentences: few digits, exponents as in ``3.1e-13``."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from decimal import MAX_EMAX, MIN_EMIN, ROUND_HALF_EVEN, ROUND_UP, Context, Decimal
from typing import Any

#: What stands where there is no number.
ABSENT = "—"

#: Of any exponent, and with more digits than a double has (767). Nothing raises: what is beyond it is 0 or infinite.
_WIDEST = Context(prec=800, Emin=MIN_EMIN, Emax=MAX_EMAX, traps=[])


def decimal_of(number: str | float) -> Decimal:
    """A number as a decimal: that of a text, such as an enclosure's, whatever its exponent; NaN for another text."""
    return _WIDEST.create_decimal(number)


def relative_distance(number: str, reference: str) -> float | None:
    """|number − reference| / |reference|, of two texts; None where the reference is 0."""
    of = decimal_of(reference)
    return float(_WIDEST.divide(_WIDEST.subtract(decimal_of(number), of), of).copy_abs()) if of else None


def short(number: float | Decimal | None, digits: int = 2, *, upward: bool = False) -> str:
    """A magnitude in ``digits`` significant digits: ``0.31``, ``14``, ``3.1e-13``.

    ``upward`` rounds away from zero: for bounds and powers, which must not be stated better than they are.
    """
    if number is None or not math.isfinite(number):
        return ABSENT
    if number == 0:
        return "0"
    context = _WIDEST.copy()
    context.prec, context.rounding = digits, ROUND_UP if upward else ROUND_HALF_EVEN
    rounded = context.create_decimal(number)
    if not -4 < rounded.adjusted() < 4:
        return scientific(rounded, digits)
    plain = f"{rounded:f}"
    return plain.rstrip("0").rstrip(".") if "." in plain else plain


def beside_bound(error: float | None, bound: float | None) -> tuple[str, str]:
    """An error in three digits, and its bound in two, rounded up; in more where an error above it would not look so."""
    texts = short(error, 3), short(bound, upward=True)
    if error is None or bound is None or not math.isfinite(error) or error <= bound:
        return texts
    for digits in range(2, 17):
        texts = short(error, max(3, digits)), short(bound, digits, upward=True)
        if decimal_of(texts[0]) > decimal_of(texts[1]):
            break
    return texts


def distinct(values: Sequence[Any], digits: Iterable[int], write: Callable[[Any, int], str] = short) -> list[str]:
    """The values in the first number of ``digits`` in which no two look the same; in the last, where two always do."""
    texts: list[str] = []
    for count in digits:
        texts = [write(value, count) for value in values]
        if len(set(texts)) == len(texts):
            break
    return texts


def scientific(number: Decimal, digits: int) -> str:
    """``3.1e-13``: always ``digits`` of them, and an exponent without padding."""
    return plain_exponent(f"{number:.{digits - 1}e}")


def plain_exponent(written: str) -> str:
    """``1e-05`` and ``1e+16``, as Python writes them, as ``1e-5`` and ``1e16``."""
    mantissa, e, exponent = written.partition("e")
    return f"{mantissa}e{int(exponent)}" if e else written
