"""Double-double arithmetic on vectors: a number is the unevaluated sum of two doubles, high + low.

A pair is normalised: high is the double nearest to high + low. All functions work elementwise on float64 arrays of
NumPy, or tensors of torch (or scalars), that broadcast, round to nearest and never branch. The relative errors stated
here hold where nothing overflows or underflows; :mod:`diffexplore.arithmetic.double_balls` says where that is, and
carries them along.

Sources: T. J. Dekker, "A floating-point technique for extending the available precision", Numer. Math. 18, 1971;
D. E. Knuth, "The Art of Computer Programming", vol. 2, section 4.2.2; M. Joldes, J.-M. Muller, V. Popescu, "Tight and
rigorous error bounds for basic building blocks of double-word arithmetic", ACM TOMS 44(2), 2017 (algorithms 6, 7, 10
and 17); V. Lefèvre, N. Louvet, J.-M. Muller, J. Picot, L. Rideau, "Accurate calculation of Euclidean norms using
double-word arithmetic", ACM TOMS 49(1), 2023 (the square root).
"""

from __future__ import annotations

import numpy as np

from diffexplore.arithmetic import vectors
from diffexplore.arithmetic.vectors import Vector, into

#: A vector or a scalar, and a pair of them.
Number = Vector
Pair = tuple[Number, Number]

#: Unit roundoff u of a double, squared.
_U2 = 2.0**-106

#: Relative errors of the results: published are 3u² + 13u³, 7u², 15u² + 56u³ and 25/8 u².
ADD_ERROR = 4 * _U2
MUL_ERROR = 8 * _U2
DIV_ERROR = 16 * _U2
SQRT_ERROR = 4 * _U2

#: Dekker's constant, which splits a double into two halves of 26 bits.
_SPLITTER = 2.0**27 + 1


def is_double(low: Number) -> bool:
    """Whether a lower part is one 0 for all numbers: then these are doubles."""
    return isinstance(low, float) and low == 0


def two_sum(a: Number, b: Number) -> Pair:
    """a + b exactly, as its rounding and what that lost (Knuth)."""
    total = a + b
    if type(total) is not np.ndarray:  # of other libraries, too
        part = total - b
        return total, (a - part) + (b - (total - part))
    part = total - b
    rest = total - part
    rest = np.subtract(b, rest, out=rest)
    part = np.subtract(a, part, out=part)
    return total, np.add(part, rest, out=part)


def fast_two_sum(a: Number, b: Number) -> Pair:
    """a + b exactly, for |a| ≥ |b| or a = 0 (Dekker)."""
    total = a + b
    part = total - a
    return total, into(np.subtract, b, part, part)


def two_prod(a: Number, b: Number) -> Pair:
    """a · b exactly, as its rounding and what that lost (Dekker; neither library has a fused multiply-add)."""
    product = a * b
    a_high, a_low = _split(a)
    b_high, b_low = _split(b)
    lost = a_high * b_high
    lost = into(np.subtract, lost, product, lost)
    part = a_high * b_low
    lost = into(np.add, lost, part, lost)
    part = into(np.multiply, a_low, b_high, part)
    lost = into(np.add, lost, part, lost)
    part = into(np.multiply, a_low, b_low, part)
    return product, into(np.add, lost, part, lost)


def _split(a: Number) -> Pair:
    scaled = _SPLITTER * a
    rest = scaled - a
    high = into(np.subtract, scaled, rest, scaled)
    return high, into(np.subtract, a, high, rest)


def add(x: Pair, y: Pair) -> Pair:
    """x + y within 3u² + 13u³ of itself (AccurateDWPlusDW, whose steps that would add a 0 are left out)."""
    high, lost = two_sum(x[0], y[0])
    if is_double(x[1]) or is_double(y[1]):
        lower = y[1] if is_double(x[1]) else x[1]
        return (high, lost) if is_double(lower) else fast_two_sum(high, into(np.add, lost, lower, lost))
    lower, least = two_sum(x[1], y[1])
    high, rest = fast_two_sum(high, into(np.add, lost, lower, lost))
    return fast_two_sum(high, into(np.add, least, rest, rest))


def mul(x: Pair, y: Pair) -> Pair:
    """x · y within 7u² of itself (DWTimesDW1, whose products with a 0 are left out)."""
    high, lost = two_prod(x[0], y[0])
    if is_double(x[1]) or is_double(y[1]):
        if is_double(x[1]) and is_double(y[1]):
            return high, lost
        crossed = x[0] * y[1] if is_double(x[1]) else x[1] * y[0]
    else:
        crossed = x[0] * y[1]
        crossed = into(np.add, crossed, x[1] * y[0], crossed)
    return fast_two_sum(high, into(np.add, lost, crossed, lost))


def _scale(x: Pair, factor: Number) -> Pair:
    """x times a double (DWTimesFP1)."""
    high, lost = two_prod(x[0], factor)
    if is_double(x[1]):
        return high, lost
    high, rest = fast_two_sum(high, x[1] * factor)
    return fast_two_sum(high, into(np.add, rest, lost, rest))


def div(x: Pair, y: Pair) -> Pair:
    """x / y within 15u² + 56u³ of itself (DWDivDW2)."""
    quotient = vectors.divide(x[0], y[0])
    high, low = _scale(y, quotient)
    rest = into(np.subtract, x[0], high, high)
    rest = into(np.add, rest, into(np.subtract, x[1], low, low), rest)
    return fast_two_sum(quotient, into(np.divide, rest, y[0], rest))


def sqrt(x: Pair) -> Pair:
    """The square root of x > 0 within 25/8 u² of itself (SQRTDWtoDW)."""
    root = vectors.sqrt(x[0])
    square, lost = two_prod(root, root)
    rest = ((x[0] - square) - lost) + x[1]  # what is left of x[0] is a double: both differences are exact
    return fast_two_sum(root, vectors.divide(rest, 2 * root))
