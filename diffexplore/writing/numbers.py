"""How numbers are written for people: few digits, never better than they are, aligned where they are compared."""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal

from diffexplore.checking.records import Row, Truth
from diffexplore.floating_point import format_of
from diffexplore.numerals import ABSENT, decimal_of, plain_exponent, scientific, short
from diffexplore.writing.blocks import Span, Text, Tone, text


def digits_of(dtype: str) -> int:
    """Significant decimal digits that show a ``dtype`` number completely."""
    return format_of(dtype).digits


def counted(n: int, noun: str = "", plural: str = "") -> str:
    """``1 sample``, ``4,000 samples``."""
    if not noun:
        return f"{n:,}"
    return f"{n:,} {noun if n == 1 else plural or noun + 's'}"


def aligned(number: Decimal, truth: Decimal, digits: int) -> str:
    """``number`` down to the last of ``digits`` digits of ``truth``, so that equal digits stand under each other.

    Scientific where the truth is very large or small, or the number of another magnitude.
    """
    if number == 0:
        return "0"
    if not -5 < truth.adjusted() < 9 or abs(number.adjusted() - truth.adjusted()) > 3:
        return scientific(number, digits)
    return f"{number:.{max(0, digits - 1 - truth.adjusted())}f}"


def truth_digits(truth: Truth | None, digits: int) -> str:
    """The middle of the enclosure in ``digits`` significant digits; ``?`` for those that its radius leaves open."""
    if truth is None:
        return ABSENT
    middle, radius = decimal_of(truth.mid), decimal_of(truth.rad)
    shown = aligned(middle, middle, digits)
    if not middle or not radius:
        return shown
    mantissa, e, exponent = shown.partition("e")
    hidden = max(0, digits - (middle.adjusted() - radius.adjusted()))
    return _masked(mantissa, hidden) + e + exponent


def _masked(digits: str, hidden: int) -> str:
    """``digits`` with the last ``hidden`` of them replaced; point and sign stay."""
    characters = list(digits)
    places = [place for place, character in enumerate(characters) if character.isdigit()]
    for place in places[len(places) - min(hidden, len(places)) :]:
        characters[place] = "?"
    return "".join(characters)


def value_beside(value: float | None, truth: Truth | None, digits: int, tone: Tone = "quiet") -> Text:
    """``value`` in the format of ``truth``; the digits in which it departs from it are in ``tone``."""
    if value is None:
        return text(ABSENT)
    if truth is None or decimal_of(truth.mid) == 0:
        return text(short(value, 4))
    shown = aligned(decimal_of(value), decimal_of(truth.mid), digits)
    agreeing = _agreeing(shown, truth_digits(truth, digits))
    return (Span(shown[:agreeing]), Span(shown[agreeing:], tone))


def value_cell(row: Row, truth: Truth | None, digits: int) -> Text:
    """The value of a row beside ``truth``; what it is instead where it is not finite."""
    if row.is_nan and row.cause is not None:
        return text(row.cause.fields["value"], "bad")
    return value_beside(row.value, truth, digits, "bad" if row.verdict == "fail" else "quiet")


def _agreeing(shown: str, truth: str) -> int:
    """How many characters both begin with."""
    pairs = zip(shown, truth, strict=False)
    return next((place for place, (one, other) in enumerate(pairs) if one != other), min(len(shown), len(truth)))


def ulp_at(truth: Truth | None, dtype: str) -> float | None:
    """The unit in the last place of ``dtype`` at the truth; None where the truth is 0 or out of range."""
    if truth is None:
        return None
    middle = float(truth.mid)
    if middle == 0 or not math.isfinite(middle):
        return None
    return float(format_of(dtype).ulp(middle)) or None


def in_ulps(amount: float | None, ulp: float | None) -> float | None:
    """``amount``, in units of ``ulp``."""
    if amount is None or ulp is None:
        return None
    return amount / ulp


def sizes(row: Row, dtype: str) -> tuple[float | None, float | None, str]:
    """The error of a row, what is allowed, and the unit of both: `` ulp``, or none where the truth is 0."""
    ulp = ulp_at(row.truth, dtype) if row.error_ulp is not None else None
    if ulp is None:
        return row.error_abs, row.bound, ""
    return row.error_ulp, in_ulps(row.bound, ulp), " ulp"


def share(ratio: float) -> str:
    """A relative error as people say it: ``100 %``, ``0.09 %``, or ``3.1e-9`` where a percentage would mislead."""
    percent = 100 * ratio
    return f"{short(percent)} %" if 1e-3 <= percent < 1e5 else f"a relative {short(ratio)}"


def point_text(point: Mapping[str, float], *, compact: bool = False, digits: int | None = None) -> str:
    """``a = 2.5, b = 1``, or ``a=2.5 b=1`` where room is scarce; completely, unless ``digits`` are given."""
    between, equals = (" ", "=") if compact else (", ", " = ")
    return between.join(f"{name}{equals}{coordinate(value, digits)}" for name, value in point.items())


def coordinate(value: float, digits: int | None = None) -> str:
    """A parameter's value, completely or in ``digits`` digits, without a needless ``.0`` or a padded exponent."""
    return plain_exponent(repr(float(value)).removesuffix(".0") if digits is None else f"{value:.{digits}g}")
