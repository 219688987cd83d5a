"""Exact numbers with few decimals near others."""

from __future__ import annotations

from fractions import Fraction

_THREE_DIGITS = 100


def shortest(number: Fraction, within: Fraction) -> Fraction:
    """A number with few decimals near ``number``."""
    above, below, power = number.numerator, number.denominator, 1
    while True:  # in whole numbers: each point takes one for each of its symbols
        rounded, rest = divmod(2 * above * power + below, 2 * below)
        rounded -= rest == 0 and rounded % 2  # to even, as Python rounds
        if abs(rounded * below - above * power) * within.denominator <= within.numerator * below * power:
            return Fraction(rounded, power)
        power *= 10


def leading(number: Fraction) -> Fraction:
    """The first three digits of a number."""
    digits = 0
    while number and abs(number) * 10**digits < _THREE_DIGITS:
        digits += 1
    return Fraction(round(number * 10**digits), 10**digits)
