"""Derivatives of analytic functions in any of their arguments, on balls, by Cauchy's integral formula.

∂ⁿf(m) = n!/(N rⁿ) Σₖ f(m + r ωᵏ) ω⁻ⁿᵏ + ε with ω = exp(2πi/N): the trapezoidal rule on a circle of radius r. Where
|f| ≤ M on the disc of radius R > r, Cauchy's estimate bounds the Taylor coefficients by M/Rⁿ, so that
|ε| ≤ n! M/Rⁿ · q/(1 − q) with q = (r/R)ᴺ; and it bounds the second-order term of Taylor's theorem,
by which the value moves from the middle m of a ball. In several arguments the same holds one after the other.
Sources: F. Bornemann, "Accuracy and stability of computing high-order derivatives of analytic functions by Cauchy
integrals", 2011; L. N. Trefethen and J. A. C. Weideman, "The exponentially convergent trapezoidal rule", 2014, §2.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import flint
from flint import acb, arb

from diffexplore.arithmetic.precision import precision

#: An analytic function that is real of real numbers, of balls of either kind.
Function = Callable[..., Any]

#: The widest discs on which a function is bounded: on wider ones Arb's enclosures say little.
_WIDEST = 2.0**-5

#: A disc is narrowed by this factor, so often, until the bound on it is no more than so many times the value.
_NARROWER, _NARROWED, _STRAY = 2.0**-3, 8, 2.0**12

#: Points of a circle beyond the order of the derivative.
_MORE_POINTS = 4

_GUARD_BITS = 32


def derivative(function: Function, orders: Sequence[int], at: Sequence[arb], reaches: Sequence[arb]) -> arb:
    """An enclosure of a derivative for all numbers in the balls ``at``.

    Args:
        function: called with a ball for each argument; real ones, or complex ones around real numbers.
        orders: how often it is differentiated in each argument.
        at: the arguments.
        reaches: it is analytic where each argument is less than its reach away from the middle of its ball.

    Returns a ball that is not finite where a radius is more than half of the discs on which a bound is found.
    """
    middles, radii = [arb(ball.mid()) for ball in at], [arb(ball.rad()) for ball in at]
    discs = _bounded(function, orders, middles, radii, reaches)
    if discs is None:
        return arb.nan()
    value, moved = _kept(function, tuple(orders), middles, discs), arb(0)
    wide = [place for place, radius in enumerate(radii) if radius > 0]
    for first in wide:
        once = _more(orders, first)
        moved += radii[first] * abs(_kept(function, once, middles, discs))
        for second in wide:
            moved += radii[first] * radii[second] * _largest(discs, radii, _more(once, second)) / 2
    return value + arb(0, moved.upper())


@dataclass(frozen=True)
class Analytic:
    """A function with how far from each of some numbers, called its ``reaches``, it is analytic."""

    function: Function
    reaches: Callable[..., Sequence[arb]]

    def derivative(self, orders: Sequence[int], at: Sequence[arb]) -> arb:
        """As :func:`derivative` of the function."""
        return derivative(self.function, orders, at, self.reaches(*(arb(ball.mid()) for ball in at)))


def _more(orders: Sequence[int], place: int) -> tuple[int, ...]:
    return tuple(order + (i == place) for i, order in enumerate(orders))


@dataclass(frozen=True)
class _Discs:
    """Radii of discs around the middles, 0 for an argument that stays there; a ``bound`` of the function on them.

    ``stray`` is the logarithm to base 2 of how much larger that may be than the function in the middle.
    """

    radii: list[arb]
    bound: arb
    stray: int


def _bounded(
    function: Function, orders: Sequence[int], middles: list[arb], radii: list[arb], reaches: Sequence[arb]
) -> _Discs | None:
    """The widest discs on which little more than the value bounds the function, or else the narrowest that fit."""
    found, size = None, abs(function(*middles))
    moves = [order > 0 or radius > 0 for order, radius in zip(orders, radii, strict=True)]
    widest = [arb.min(reach / 2, arb(_WIDEST)).lower() for reach in reaches]
    for narrowed in range(_NARROWED):
        discs = [disc * _NARROWER**narrowed if one else arb(0) for disc, one in zip(widest, moves, strict=True)]
        if any(not 2 * radius <= disc for radius, disc in zip(radii, discs, strict=True)):
            break
        bound = arb(function(*map(_around, middles, discs)).abs_upper())
        if bound.is_finite():
            found = _Discs(discs, bound, _log2(bound / size) if size > 0 else _GUARD_BITS)
            if bound <= _STRAY * size:
                break
    return found


def _around(middle: arb, disc: arb) -> acb:
    return acb(middle + arb(0, disc), arb(0, disc)) if disc > 0 else acb(middle)


#: What was found in the middle of balls: whoever tries several widths of a ball comes back to it.
_KNOWN: dict[tuple[Any, ...], arb] = {}
_MOST_KNOWN = 2**14


def _kept(function: Function, orders: tuple[int, ...], middles: list[arb], discs: _Discs) -> arb:
    key = (function, orders, flint.ctx.prec, *(number.man_exp() for number in (*middles, *discs.radii)))
    if key not in _KNOWN:
        if len(_KNOWN) >= _MOST_KNOWN:
            _KNOWN.clear()
        _KNOWN[key] = _at_middle(function, orders, middles, discs)
    return _KNOWN[key]


def _at_middle(function: Function, orders: Sequence[int], middles: list[arb], discs: _Discs) -> arb:
    """By the trapezoidal rule on circles so small that few points do, with the digits that their differences lose."""
    bits = flint.ctx.prec + max(0, discs.stray) + _GUARD_BITS
    counts = [order + _MORE_POINTS if order else 1 for order in orders]
    smaller = [-(-bits // count) for count in counts]
    lost = sum(n * (s - _log2(disc)) for n, s, disc in zip(orders, smaller, discs.radii, strict=True) if n)
    with precision(bits + lost):
        circles = [disc / arb(2) ** s for s, disc in zip(smaller, discs.radii, strict=True)]
        total = arb(0)
        for places, weight in _places(counts):
            points = [_on_circle(*one) for one in zip(middles, orders, circles, places, counts, strict=True)]
            turns = (arb(2 * n * k) / count for n, k, count in zip(orders, places, counts, strict=True))
            total += weight * (function(*points) * acb(-sum(turns, arb(0))).exp_pi_i()).real
        rest, scale, estimate = arb(1), arb(1), discs.bound
        for n, count, s, circle, disc in zip(orders, counts, smaller, circles, discs.radii, strict=True):
            if n:
                scale *= arb.fac_ui(n) / (count * circle**n)
                estimate *= arb.fac_ui(n) / disc**n
                rest /= 1 - arb(2) ** (-s * count)
        return total * scale + arb(0, (estimate * (rest - 1)).upper())


def _places(counts: Sequence[int]) -> Iterator[tuple[tuple[int, ...], int]]:
    """Points on all circles, of each and its conjugate one, with how many they are."""
    for places in itertools.product(*map(range, counts)):
        conjugate = tuple(-k % count for k, count in zip(places, counts, strict=True))
        if places <= conjugate:
            yield places, 1 if places == conjugate else 2


def _on_circle(middle: arb, order: int, circle: arb, place: int, count: int) -> acb:
    return acb(middle) + circle * acb(arb(2 * place) / count).exp_pi_i() if order else acb(middle)


def _largest(discs: _Discs, radii: Sequence[arb], orders: Sequence[int]) -> arb:
    """A bound of a derivative for all numbers in the balls."""
    bound = discs.bound
    for radius, disc, order in zip(radii, discs.radii, orders, strict=True):
        if order:
            bound *= arb.fac_ui(order) / (disc - radius) ** order
    return bound


def _log2(x: arb) -> int:
    """A whole number above the logarithm to base 2 of a positive number."""
    mantissa, exponent = x.upper().man_exp()
    return int(mantissa).bit_length() + int(exponent)
