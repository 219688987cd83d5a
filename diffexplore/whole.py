"""Whole numbers in any notation: 1000, 1e3, 1_000, from Python, from NumPy, or as text."""

from __future__ import annotations

import re
from decimal import Decimal
from fractions import Fraction
from numbers import Rational, Real
from typing import Any

_DECIMAL = re.compile(r"[+-]?\d+(_\d+)*(\.\d*)?([eE][+-]?\d{1,3})?", re.ASCII)


def whole(value: Any) -> int | None:
    """``value`` as an int where it is a whole number (of any type, or such a text), else None; a bool is none."""
    exact = _exact(value)
    return exact.numerator if exact is not None and exact.denominator == 1 else None


def _exact(value: Any) -> Fraction | None:
    if isinstance(value, str):
        text = value.strip()
        return Fraction(Decimal(text.replace("_", ""))) if _DECIMAL.fullmatch(text) else None
    if type(value).__name__ in ("bool", "bool_"):
        return None
    try:
        if isinstance(value, (Rational, Decimal)):
            return Fraction(value)
        return Fraction(float(value)) if isinstance(value, Real) else None
    except (ValueError, OverflowError):  # NaN and infinity are no numbers to count with
        return None
