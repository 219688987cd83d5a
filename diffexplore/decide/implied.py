"""Needs that follow from loose bounds: where x ≥ 1, x > −1 holds and x² > 1 leaves out x = 1 alone.

A region is open, so that it cannot know x ≥ 1. Bounds that are linear are the closure of where they hold strictly: what
is continuous and not negative there is not negative where they hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import sympy

from diffexplore.decide.branches import is_empty
from diffexplore.decide.regions import Region, line_of, small
from diffexplore.formula.batch_sums import BatchSum
from diffexplore.formula.signs import NEGATIVE, POSITIVE, number_sign
from diffexplore.functions.domains import Need

_NEAR = sympy.Rational(1, 1024)
"""What holds within this beyond a bound holds at the bound as well."""

_HIGHEST = 4  # degrees of what is factored

_Factors = tuple[sympy.Expr, list[tuple[sympy.Expr, int]]]


def bounds_to_exclude(need: Need, bounds: Sequence[sympy.Expr], region: Region) -> list[sympy.Expr] | None:
    """Of linear ``bounds`` that are not negative, those that must not be 0 for a need to hold on a region.

    None where it does not follow from the bounds.
    """
    moving = [p for p in map(region.restricted, bounds) if p.free_symbols and region.sign(p).certain is None]
    inside = _within(region, moving, ())
    expr, kind = need
    if not moving or kind == "no pole" or is_empty(inside) or not _holds(need, inside):
        return None
    if kind == "nonnegative" and expr.is_polynomial():
        return []
    closed: tuple[sympy.Expr, ...] = ()
    for p in moving:  # as many bounds at once as the need can do without
        if _holds(need, _within(region, moving, (*closed, p))):
            closed = (*closed, p)
    return [p for p in moving if p not in closed]


def linear_bounds(nonnegative: Iterable[sympy.Expr]) -> list[sympy.Expr]:
    """What is linear and not negative where other expressions are not: 1 − x and 1 + x, where 1 − x² ≥ 0."""
    return list(dict.fromkeys(p for expr in sorted(nonnegative, key=str) for p in _linear(expr)))


def _linear(expr: sympy.Expr) -> Iterator[sympy.Expr]:
    found = _factors(expr)
    if found is None:
        return
    content, factors = found
    if any(power != 1 or sympy.Poly(factor).total_degree() != 1 for factor, power in factors) or len(factors) > 2:
        return
    first, *others = (factor for factor, _ in factors)
    first = content * first
    if not others:
        yield first
        return
    lines = line_of(first), line_of(others[0])
    if lines[0].direction != lines[1].direction or lines[0].factor == lines[1].factor:
        return
    below, above = sorted(lines, key=lambda line: -line.factor)
    between = number_sign(above.threshold - below.threshold)
    if between == POSITIVE:  # at no point are both negative
        yield from (first, others[0])
    elif between == NEGATIVE:  # at no point is none
        yield from (-first, -others[0])


def _within(region: Region, bounds: Sequence[sympy.Expr], closed: Sequence[sympy.Expr]) -> Region:
    """The part of a region where bounds hold strictly, and somewhat more of those that are ``closed``."""
    for p in bounds:
        wide = p + _NEAR if p in closed else p
        if region.sign(wide).certain is None:
            region = region.split(wide)[0]
    return region


def _holds(need: Need, region: Region) -> bool:
    """Whether a need is certain on a region, as it is written or by its factors."""
    expr, kind = need
    if region.sign(expr).meet(kind):
        return True
    found = _factors(region.restricted(expr))
    if found is None:
        return False
    content, factors = found
    sign = 1 if number_sign(content) == POSITIVE else -1
    for factor, power in factors:
        known = region.sign(factor).certain
        if not known:
            return False
        sign *= known**power
    return kind == "nonzero" or sign > 0


def _factors(expr: sympy.Expr) -> _Factors | None:
    """The content and the factors of what has the sign of a rational function; None for all else, and for numbers.

    A quotient has the sign of the product of numerator and denominator. None as well where its degree is high: nothing
    stops what factors it.
    """
    if expr.has(BatchSum) or not expr.free_symbols or not expr.is_rational_function():
        return None
    if not all(number.is_Rational for number in expr.atoms(sympy.Number, sympy.NumberSymbol)):
        return None
    if any(abs(power.exp) > _HIGHEST for power in expr.atoms(sympy.Pow)) or not small(expr):
        return None
    top, bottom = sympy.fraction(sympy.together(expr))
    product = sympy.Poly(top * bottom)
    if product.total_degree() > _HIGHEST:
        return None
    content, factors = product.factor_list()
    return content, [(factor.as_expr(), int(power)) for factor, power in factors]
