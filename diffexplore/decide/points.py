"""Points inside a region."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import pairwise

import sympy

from diffexplore.decide.decimals import leading, shortest
from diffexplore.decide.membership import (
    Point,
    fraction,
    inside,
    on_seam,
    onto_levels,
    rationals,
    real_roots,
    rounded,
)
from diffexplore.decide.regions import OpenInterval, Region
from diffexplore.decide.solving import FARTHEST, middle, solved_for_symbol
from diffexplore.formula.compare import value_at
from diffexplore.formula.remembered import remembered

Bound = tuple[sympy.Expr, OpenInterval]
"""A direction, and what it is between."""

_FACTOR = sympy.Symbol("factor@", real=True)
_SPREADS = (Fraction(2), Fraction(1, 2), Fraction(8), Fraction(40), Fraction(1, 1000))
_WITH_ITS_SIGN = 0.5  # how often a number below a positive bound is positive, as a norm must be
_EXACT = 5  # of so many points one is left nearly where it was found
_BESIDE_ZERO = Fraction(1, 10**20)  # 0 is too special
_SWEEPS = 40  # through all symbols, towards the centre of a small disc or ellipse


def points_in(
    region: Region,
    symbols: Sequence[sympy.Basic],
    fixed: Point | None = None,
    *,
    seed: int = 0,
    first: int = 0,
    count: int = 40,
) -> Iterator[Point]:
    """Reproducible values of ``symbols`` that lie certainly inside the region; thin parts of it are aimed at.

    ``fixed`` are the values of other symbols. Every other draw, the even ones, starts from positive values. Bounds
    that involve sums are not looked at. What a seam fixes is found last, exactly; where it is not rational there is no
    such point.
    """
    generator = random.Random(seed)
    onto = dict(region.fixed)
    symbols = [symbol for symbol in symbols if symbol not in onto]
    for draw in range(first, first + count):
        spread = _SPREADS[draw // 2 % len(_SPREADS)]
        low = spread / 50 if draw % 2 == 0 else -spread
        point = {symbol: _between(generator, low, spread) for symbol in symbols}
        aimed = _aimed(region, point, fixed or {}, generator, exact=draw % _EXACT == _EXACT - 1)
        level = None if aimed is None else onto_levels(region, aimed, fixed or {}, generator)
        found = None if level is None else on_seam(onto, level, fixed or {})
        if found is not None:
            yield found


def _between(generator: random.Random, low: Fraction, high: Fraction) -> Fraction:
    step = (high - low) / 1000
    return shortest(low + step * (2 * generator.randint(0, 499) + 1), step / 2)


def _aimed(region: Region, point: Point, fixed: Point, generator: random.Random, *, exact: bool) -> Point | None:
    """The point moved into the region, one symbol for each bound that is not kept; None where that fails.

    Not ``exact``, it has few decimals. In a small disc that is the centre, which may be right by chance.
    """
    moved: set[sympy.Basic] = set()
    for _ in range(2 * len(region.bounds) + 1):
        outside = next((bound for bound in region.bounds if not inside(*bound, {**fixed, **point})), None)
        if outside is None:
            return point
        candidates = [symbol for symbol in point if symbol in outside[0].free_symbols]
        generator.shuffle(candidates)
        candidates.sort(key=lambda symbol: symbol in moved)
        target = _target(outside[1], generator)
        for symbol in candidates:
            solved = _moved(outside, symbol, target, {**fixed, **point}, generator)
            if solved is not None:
                point |= _readable(outside, {symbol: solved}, {**fixed, **point}, exact=exact)
                moved.add(symbol)
                break
        else:  # no symbol alone reaches x² + y² < 1/100: they are moved together
            scaled = _scaled(outside[0], candidates, target, {**fixed, **point})
            together = scaled or _towards_extreme(outside[0], candidates, {**fixed, **point})
            if not together:
                return None
            point |= _readable(outside, together, {**fixed, **point}, exact=exact)
    return None


def _moved(
    bound: Bound, symbol: sympy.Basic, target: Fraction, point: Point, generator: random.Random
) -> Fraction | None:
    """A value of the symbol at which the direction is ``target``, or else keeps its bounds."""
    direction, interval = bound
    solved = solved_for_symbol(direction, symbol, target, point)
    if solved is not None and inside(direction, interval, {**point, symbol: solved}):
        return solved
    among = [
        value for value in _between_roots(bound, symbol, point, generator) if inside(*bound, {**point, symbol: value})
    ]
    return generator.choice(among) if among else solved


def _between_roots(bound: Bound, symbol: sympy.Basic, point: Point, generator: random.Random) -> list[Fraction]:
    """A value of the symbol in each interval on which a polynomial may keep its bounds, as (x − 1)²⁰ < 10⁻³⁰ in one."""
    direction, interval = bound
    along = direction.xreplace(rationals({name: number for name, number in point.items() if name != symbol}))
    ends = [end for end in (interval.low, interval.high) if end is not None]
    roots = sorted({root for end in ends for root in real_roots(along - end, symbol)})
    if not roots:
        return []
    places = [roots[0] - 1, *roots, roots[-1] + 1]
    return [low + (high - low) * Fraction(generator.randint(1, 96), 97) for low, high in pairwise(places)]


def _scaled(direction: sympy.Expr, symbols: Sequence[sympy.Basic], target: Fraction, point: Point) -> Point | None:
    """The symbols, all times one factor, where the direction is ``target``."""
    along = _along_a_ray(direction, tuple(symbols))
    found = solved_for_symbol(along, _FACTOR, target, {**point, _FACTOR: Fraction(1)}) if symbols else None
    return None if found is None else {symbol: point[symbol] * found for symbol in symbols}


@remembered(256)
def _along_a_ray(direction: sympy.Expr, symbols: tuple[sympy.Basic, ...]) -> sympy.Expr:
    """What a direction is where some symbols are multiplied by one factor."""
    return direction.xreplace({symbol: _FACTOR * symbol for symbol in symbols})


def _towards_extreme(direction: sympy.Expr, symbols: Sequence[sympy.Basic], point: Point) -> Point:
    """The symbols where the direction does not grow with them, as at the centre of a small disc.

    But for the last one, if that can be moved alone next: then there are many points.
    """
    inner = _innermost(direction)
    if len(symbols) < 2 or not inner.is_polynomial(*symbols):
        return {}
    slopes = {symbol: sympy.diff(inner, symbol) for symbol in symbols}
    moved: Point = {}
    for _ in range(_SWEEPS):
        before = dict(moved)
        for symbol, slope in slopes.items():
            flat = solved_for_symbol(slope, symbol, Fraction(0), {**point, **moved})
            moved |= {} if flat is None else {symbol: flat or _BESIDE_ZERO}
        if moved == before:
            break
    kept = symbols[:-1] if inner == direction else symbols
    return {symbol: value for symbol, value in moved.items() if symbol in kept}


def _innermost(expr: sympy.Expr) -> sympy.Expr:
    """What an expression is a function of, where that is one: it does not grow where that does not."""
    while True:
        moving = [argument for argument in expr.args if argument.free_symbols]
        if len(moving) != 1:
            return expr
        (expr,) = moving


def _readable(bound: Bound, found: Point, point: Point, *, exact: bool) -> Point:
    """What was found, with as few decimals as keep the bound; 0 is too special to round to.

    Where it is to be ``exact``, with three digits more of what that leaves out.
    """
    for digits in (2, 4, 8, 16, 32, 64, 128):
        short = rounded(found, digits)
        if all(short.values()) and inside(*bound, {**point, **short}):
            if exact:
                nearer = {symbol: number + leading(found[symbol] - number) for symbol, number in short.items()}
                return nearer if inside(*bound, {**point, **nearer}) else found
            return short
    return found


def _target(interval: OpenInterval, generator: random.Random) -> Fraction:
    """A number in the interval, near to an end or not."""
    low, high = (None if bound is None else _fraction(bound) for bound in (interval.low, interval.high))
    near = Fraction(generator.choice((1, 1, 1, 20, 500)), generator.choice((2, 3, 10**3, 10**10)))
    if low is not None and high is not None:
        return low + (high - low) * Fraction(generator.randint(1, 96), 97)
    if low is not None:
        return low + near
    if high is not None and high > 0 and generator.random() < _WITH_ITS_SIGN:
        return high * Fraction(generator.randint(1, 96), 97)
    return (high if high is not None else Fraction(0)) - near


def _fraction(number: sympy.Expr) -> Fraction:
    if number.is_Rational:
        return fraction(number)
    ball = value_at(number, {})
    return middle(ball) if ball is not None and abs(ball) < FARTHEST else Fraction(0)
