"""The error function on double-double balls, by Taylor series around the points of a grid.

erf⁽ⁿ⁺¹⁾(x) = 2/√π · (−1)ⁿ Hₙ(x) exp(−x²), and |Hₙ(x)| exp(−x²/2) ≤ 1.0865 · 2^(n/2) √(n!) (Cramér's inequality; M.
Abramowitz and I. A. Stegun, "Handbook of Mathematical Functions", 22.14.17), so that coefficient k of every series is
at most 1.23 · 2^((k−1)/2) √((k−1)!) / k!: 0.052 for k = 7, less for all that follow, and 1.1·10⁻⁴ for k = 14.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

import numpy as np
from flint import arb, arb_series

from diffexplore.arithmetic.balls import precision
from diffexplore.arithmetic.double_balls import DoubleBall, add, enclosing, exact, mul, sub, widened
from diffexplore.arithmetic.double_branches import chosen
from diffexplore.arithmetic.double_double import Number
from diffexplore.arithmetic.vectors import LookupTable, minimum, of_torch, rint, where, whole

_BITS = 256

#: The grid has so many points in 1, and ends here: beyond, erf is ±1 within erfc(9) < 2⁻¹²⁰.
_GRID, _END = 64, 9
_BEYOND = 2.0**-120

#: Terms below the second of these are added in double-double, the others in double; what is left out is below 2⁻¹¹⁰.
_TERMS, _LONG_TERMS = 14, 7
_REMAINDER = 2.0**-110

#: The same, divided by the argument of the series: 1.1·10⁻⁴ · 2⁻⁹¹.
_RELATIVE_REMAINDER = 2.0**-103

#: A rest is at most half a step of the grid (nearly).
_LARGEST_REST = 2.0**-7 * (1 + 2.0**-20)


@cache
def _coefficients(place: int) -> np.ndarray:
    """Those of the series around place / 64: (3, terms), the parts of each and its radius."""
    with precision(_BITS):
        series = arb_series([arb(place) / _GRID, 1], prec=_TERMS).erf()
        return np.array([enclosing(series[k]) for k in range(_TERMS)]).T


def _tables_for(place: Number) -> tuple[list[list[LookupTable]], Number]:
    """The coefficients around the places of the grid, by part and term, and which of them each place has.

    On a device those of all places, since which ones occur would have to be waited for.
    """
    if of_torch(place):
        return _all_tables(), whole(place)
    used, index = np.unique(place, return_inverse=True)
    return _tables(used.tolist()), np.reshape(index, place.shape)


@cache
def _all_tables() -> list[list[LookupTable]]:
    return _tables(range(_END * _GRID + 1))


def _tables(places: Iterable[float]) -> list[list[LookupTable]]:
    rows = np.array([_coefficients(int(place)) for place in places]).reshape(-1, 3, _TERMS)
    return [[LookupTable(rows[:, part, k]) for k in range(_TERMS)] for part in range(3)]


def erf(x: DoubleBall) -> DoubleBall:
    """The series around the nearest point of the grid, right of 0: the function is odd."""
    side = where(x.high < 0, -1.0, 1.0)
    x = DoubleBall(x.high * side, x.low * side, x.radius)
    place = rint(where(x.high <= _END, x.high, float(_END)) * _GRID)
    s = sub(x, exact(place / _GRID))
    size = abs(s.high) + s.radius
    tables, index = _tables_for(place)
    tail = 0.0 * s.high
    for k in reversed(range(_LONG_TERMS, _TERMS)):
        tail = tail * s.high + tables[0][k][index]
    # Horner's rule rounds 14 times what is below 0.06; the slope of the tail is below 0.1.
    total = DoubleBall(tail, 0.0 * tail, 2.0**-50 + (abs(s.low) + s.radius) * 0.1)
    for k in reversed(range(_LONG_TERMS)):
        total = add(mul(total, s), DoubleBall(*(part[k][index] for part in tables)))
    total = widened(total, minimum(_REMAINDER, size * _RELATIVE_REMAINDER))
    total = total._replace(radius=where(size <= _LARGEST_REST, total.radius, np.inf))
    beyond = x.nearest_to_zero >= _END
    total = chosen(beyond, DoubleBall(1.0 + 0.0 * place, 0.0 * place, _BEYOND + 0.0 * place), total)
    return DoubleBall(total.high * side, total.low * side, total.radius)
