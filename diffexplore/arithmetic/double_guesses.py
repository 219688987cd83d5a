"""Doubles near logarithms and arc tangents, of basic operations alone: the same ones on every device.

They prove nothing: :mod:`diffexplore.arithmetic.double_functions` encloses how far a guess is off, which may be about
2⁻⁴⁰.
"""

from __future__ import annotations

import math

import numpy as np

from diffexplore.arithmetic.double_double import Number
from diffexplore.arithmetic.double_series import GRID, looked_up
from diffexplore.arithmetic.vectors import bits, divide, doubles, of_bits, rint, where

#: The bits of √½, and what comes of a shift by which only the exponent is left.
_ROOT_OF_HALF = int(np.float64(math.sqrt(0.5)).view(np.int64))
_FRACTION_BITS = 52

#: Terms of log((1 + s)/(1 − s)) = 2s (1 + s²/3 + …) for |s| ≤ 0.172: what is left out is below 2⁻⁵⁶ of it.
_TERMS = 11


def log(x: Number) -> Number:
    """Near log x for normal x > 0; anything for other numbers."""
    exponent = (bits(x) - _ROOT_OF_HALF) >> _FRACTION_BITS
    fraction = of_bits(bits(x) - (exponent << _FRACTION_BITS))  # from √½ to √2
    s = divide(fraction - 1.0, fraction + 1.0)
    square = s * s
    total = 0.0 * square + 2 / (2 * _TERMS - 1)
    for k in reversed(range(_TERMS - 1)):
        total = total * square + 2 / (2 * k + 1)
    return where(x > 0, doubles(exponent) * math.log(2) + s * total, math.nan)


def atan(x: Number) -> Number:
    """Near atan x: that of the nearest point of a grid, and the series of the rest, of which |rest| ≤ 1/128."""
    size = abs(x)
    inverted = size > 1
    inner = where(inverted, divide(1.0, size), size)
    place = rint(inner * GRID)
    point = place * (1 / GRID)
    rest = divide(inner - point, 1.0 + inner * point)
    square = rest * rest
    near = looked_up("atan", GRID, place).high + rest * (1.0 - square * (1 / 3 - square * (1 / 5 - square * (1 / 7))))
    return where(inverted, math.pi / 2 - near, near) * where(x < 0, -1.0, 1.0)
