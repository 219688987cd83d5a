"""Which number was written in the place of a constant, as people write numbers."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from decimal import Context, Decimal

import sympy

from diffexplore.formula.text import to_text

#: Decimals with more digits are not taken for what somebody wrote; nor are those that one in so many intervals holds.
_MOST_DIGITS, _BY_CHANCE = 12, 1e-3


@dataclass(frozen=True)
class Solution:
    """The constants that explain every number: an interval, by its middle and its half-width.

    ``additive`` and ``whole`` tell whether the constant is a term or a factor of all that is computed.
    """

    middle: float
    uncertainty: float
    additive: bool
    whole: bool


# --------------------------------------------------------------------------------------------------- saying which it is
def read_constant(constant: sympy.Expr, found: Solution) -> tuple[str, str | None]:
    """The right constant and the wrong one, as people write them: of √(2/π), a decimal for it or for its π."""
    whole = decimal_in(found.middle, found.uncertainty)
    power = constant.as_powers_dict().get(sympy.pi, 0) if constant != sympy.pi else 0
    if power:
        inner = float(sympy.pi) * (found.middle / float(constant)) ** (1 / float(power))
        within = abs(found.uncertainty / found.middle / float(power)) * inner
        written = decimal_in(inner, within)
        if written is not None and (whole is None or len(written) <= len(whole)):
            return to_text(sympy.pi), written
    return _text(constant), whole


def exact_value(constant: sympy.Expr, true: str, written: str | None) -> sympy.Rational | None:
    """The number that was written in the place of the whole constant; None where it is none, or stands in it."""
    return sympy.Rational(written) if written is not None and true == _text(constant) else None


def decimal_in(middle: float, uncertainty: float) -> str | None:
    """The shortest decimal in an interval, if it is no accident that there is one so short."""
    for digits in range(1, _MOST_DIGITS + 1):
        rounded = Context(prec=digits).create_decimal(Decimal(middle))
        if abs(float(rounded) - middle) <= uncertainty:
            spacing = 10.0 ** (rounded.adjusted() - digits + 1)
            return f"{rounded.normalize():f}" if 2 * uncertainty <= _BY_CHANCE * spacing else None
    return None


def as_float32(constant: sympy.Expr, found: Solution) -> bool:
    narrow: float = struct.unpack("f", struct.pack("f", float(constant)))[0]
    return abs(narrow - found.middle) <= found.uncertainty


def _text(constant: sympy.Expr) -> str:
    """A number with a finite decimal expansion as a decimal."""
    if constant.is_Rational and not sympy.factorint(constant.q).keys() - {2, 5}:
        decimal = Context(prec=40).divide(Decimal(int(constant.p)), Decimal(int(constant.q)))
        return f"{decimal:f}"
    return to_text(constant)
