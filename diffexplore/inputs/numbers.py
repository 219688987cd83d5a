"""Numbers that are written as constants: ``1.3``, ``1e-3``, ``pi/2``, ``sqrt(2)``, ``-e``."""

from __future__ import annotations

import math
import re
from typing import Any

from diffexplore.arguments import shown
from diffexplore.errors import UsageError

_DECIMAL = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)

#: Digits to which a constant is evaluated before it is rounded to a double.
_DIGITS = 60


def constant(text: str, what: str) -> float:
    """The double nearest to a constant; the formula parser reads it, and it is never evaluated as Python.

    ``what`` is what a message calls the number. Raises :class:`UsageError` for what is no constant, and beyond the
    range of float64.
    """
    text = text.strip()
    value = float(text) if _DECIMAL.fullmatch(text) else _evaluated(text, what)
    if math.isinf(value):
        raise UsageError(f"{what}, {text[:40]}, is beyond the range of float64")
    return value


def _evaluated(text: str, what: str) -> float:
    from diffexplore.formula.parse import parsed
    from diffexplore.formula.syntax import names_of, read

    no_number = f"{what} is {shown(text)}, not a number such as 1.3, 1e-3 or pi/2"
    try:
        tree = read(text)
        names = names_of(tree)
        expression: Any = None if names else parsed(tree)
    except UsageError as error:
        raise UsageError(f"{no_number}: {error}") from None
    if names:
        raise UsageError(f"{no_number}: {names[0]!r} has no value here")
    number = expression.evalf(_DIGITS, maxn=4 * _DIGITS)
    if not number.is_real:
        raise UsageError(f"{what} is {shown(text)}, which is no real number")
    return float(number)


def split_at_commas(text: str) -> list[str]:
    """The parts between commas outside parentheses, so that ``a=atan2(1,2),b=1`` is two of them."""
    parts, depth, start = [], 0, 0
    for place, character in enumerate(text):
        depth += (character in "([") - (character in ")]")
        if character == "," and depth <= 0:
            parts.append(text[start:place])
            start = place + 1
    return [*parts, text[start:]]
