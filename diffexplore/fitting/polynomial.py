"""What a polynomial loss says of its lowest value where no Hessian does: that there is none, or that it is flat there.

Along a ray a polynomial goes as its terms of the highest degree. Where each slope depends on its own parameter alone,
and changes its sign once, there is one stationary point, which is the minimum; a root of multiplicity m − 1 of a slope
makes the loss grow there as the m-th power of the distance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sympy
from flint import arb

from diffexplore.fitting.closed_form import MOST_OPERATIONS, ball_of, numerator_of, roots_of_factor, sign_of
from diffexplore.fitting.reduced import ReducedLoss
from diffexplore.fitting.written_value import ends

_REGULAR = 2


@dataclass(frozen=True)
class FlatMinimum:
    """The one minimum; a deviation of a parameter raises the loss as that deviation to the power of its order."""

    box: tuple[arb, ...]
    orders: tuple[int, ...]


def falls_along(loss: ReducedLoss, direction: Sequence[float]) -> bool:
    """Whether the loss certainly falls below every bound along ``direction``, from whatever point."""
    terms = _terms(loss)
    if terms is None or ends(loss.loss):
        return False
    degree = max(map(sum, terms.monoms()))
    along = [sympy.Rational(part) for part in direction]
    highest = [
        coefficient * sympy.prod(part**power for part, power in zip(along, powers, strict=True))
        for powers, coefficient in terms.terms() if sum(powers) == degree
    ]  # fmt: skip
    return degree > 0 and sign_of(loss, sympy.Add(*highest)) == -1


def falls_somewhere(loss: ReducedLoss) -> bool:
    """Whether it certainly does so along some parameter."""
    size = len(loss.parameters)
    axes = ([float(i == place) for i in range(size)] for place in range(size))
    return any(falls_along(loss, [sign * part for part in axis]) for axis in axes for sign in (1, -1))


def flat_minimum(loss: ReducedLoss) -> FlatMinimum | None:
    """The minimum at which some curvature is 0; None where it is not certain that there is one."""
    if _terms(loss) is None or ends(loss.loss):
        return None
    symbols = [loss.loss.symbols[name] for name in loss.parameters]
    found = [_only_root(loss, slope, symbols, place) for place, slope in enumerate(loss.formulas.gradient)]
    known = [one for one in found if one is not None]
    orders = tuple(order for _, order in known)
    if len(known) < len(found) or max(orders, default=0) <= _REGULAR:
        return None
    return FlatMinimum(tuple(ball for ball, _ in known), orders)


def _only_root(
    loss: ReducedLoss, slope: sympy.Expr, symbols: Sequence[sympy.Symbol], place: int
) -> tuple[arb, int] | None:
    """Where a slope in its own parameter alone turns from falling to rising, once; and the power of the loss there."""
    own, slope = symbols[place], sympy.expand(numerator_of(slope))
    if slope.free_symbols & {*symbols} != {own}:
        return None
    polynomial = sympy.Poly(slope, own)
    if polynomial.degree() % 2 == 0 or sign_of(loss, polynomial.LC()) != 1:
        return None
    found: list[tuple[sympy.Expr, int]] = []
    for factor, multiplicity in sympy.factor_list(slope)[1]:
        part = sympy.Poly(factor, own)
        roots = [] if part.degree() == 0 else roots_of_factor(loss, part)
        if roots is None or (part.degree() == 0 and not sign_of(loss, factor)):
            return None
        found += [(root, multiplicity) for root in roots]
    if len(found) != 1:
        return None
    ((root, multiplicity),) = found
    ball = ball_of(loss, root)
    return (ball, multiplicity + 1) if ball.is_finite() else None


def _terms(loss: ReducedLoss) -> sympy.Poly | None:
    """The reduced loss as a polynomial in its parameters, with coefficients in the sums over the data."""
    expression = loss.formulas.expression
    if loss.loss.data and loss.formulas.moments is None:
        return None
    symbols = [loss.loss.symbols[name] for name in loss.parameters]
    if sympy.count_ops(expression) > MOST_OPERATIONS or not expression.is_polynomial(*symbols):
        return None
    return sympy.Poly(expression, *symbols)
