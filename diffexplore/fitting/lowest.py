"""Whether the lowest of all stationary minima is the lowest value of the loss: what says that it is not.

A loss may jump below it, or fall below it without a stationary point: beside a pole, towards an end of its domain, far
away. Where nothing of the kind is found, what is left is that all stationary points are known.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, product

import sympy
from flint import arb

from diffexplore.arithmetic.balls import precision
from diffexplore.fitting.closed_form import ball_of
from diffexplore.fitting.polynomial import falls_somewhere
from diffexplore.fitting.reduced import BITS, ReducedLoss
from diffexplore.formula.singularities import singularities
from diffexplore.functions.facts import Smoothness
from diffexplore.functions.tables import facts_of

#: Distances at which the loss is looked at.
_DISTANCES = tuple(2.0**k for k in range(-40, 21, 4))

#: Those beyond: what falls by a term with a small factor is seen to be lower only there.
_FAR = tuple(2.0**k for k in (32, 48, 64, 128, 256, 1000))

#: From a pole that is known exactly; its like where sums over the data, rounded, stand in it.
_NEXT_TO_POLE, _NEXT_TO_ROUNDED_POLE = 2.0**-100, 2.0**-40

#: Of more parameters not all combinations of signs are directions.
_MOST_COMBINED = 5

#: Poles of a higher degree are not looked for.
_MOST_DEGREE = 8


def branches(loss: ReducedLoss) -> bool:
    """Whether the loss has corners or jumps in its parameters."""
    symbols = {loss.loss.symbols[name] for name in loss.parameters}
    return any(
        node.free_symbols & symbols and _breaks(node) for node in sympy.preorder_traversal(loss.formulas.expression)
    )


def _breaks(node: sympy.Basic) -> bool:
    if isinstance(node, (sympy.Piecewise, sympy.Max, sympy.Min)):
        return True
    facts = facts_of(node)
    return facts is not None and facts.smooth is not Smoothness.ANALYTIC


def falls_below(loss: ReducedLoss, box: Sequence[arb], value: arb) -> bool:
    """Whether the loss may be below ``value``, that of its lowest minimum, in ``box``: it jumps, or was seen lower."""
    if branches(loss) or falls_somewhere(loss):
        return True
    with precision(BITS):
        centre = [ball.mid() for ball in box]
        poles = list(_poles(loss))
        lower = any(loss.value(at) < value for at in _around(centre, poles))
        return lower or any(_falls_towards(loss, centre, *pole) for pole in poles)


def _falls_towards(loss: ReducedLoss, centre: Sequence[arb], place: int, pole: arb, distance: float) -> bool:
    """Whether the loss falls towards a pole, close to it: a logarithm with a small factor does so without an end."""
    for side in (1, -1):
        at = [*centre[:place], pole + side * distance, *centre[place + 1 :]]
        if side * loss.gradient(at)[place] > 0:
            return True
    return False


def _around(centre: Sequence[arb], poles: Iterable[tuple[int, arb, float]]) -> Iterator[list[arb]]:
    """Points along rays from the minimum, and next to the poles of each parameter."""
    for direction in _directions(len(centre)):
        for distance in (*_DISTANCES, *_FAR):
            yield [x + part * distance for x, part in zip(centre, direction, strict=True)]
    for place, pole, _ in poles:
        for distance in (sign * distance for distance in _DISTANCES for sign in (1, -1)):
            yield [*centre[:place], pole + distance, *centre[place + 1 :]]


def _directions(size: int) -> Iterator[tuple[int, ...]]:
    for place in range(size):
        yield from (tuple(sign * (i == place) for i in range(size)) for sign in (1, -1))
    if 1 < size <= _MOST_COMBINED:
        yield from product((1, -1), repeat=size)


def _poles(loss: ReducedLoss) -> Iterator[tuple[int, arb, float]]:
    """The parameters at which something in the loss stops to have a value, each by its place; and what is close by."""
    symbols = [loss.loss.symbols[name] for name in loss.parameters]
    singular = singularities(loss.formulas.expression)
    for vanishing in chain.from_iterable(found.args if found.is_Function else (found,) for found in singular):
        inside = vanishing.free_symbols & {*symbols}
        if len(inside) != 1 or not vanishing.is_polynomial(*inside):
            continue
        (symbol,) = inside
        sums = vanishing.free_symbols - {symbol}
        distance = _NEXT_TO_ROUNDED_POLE if sums else _NEXT_TO_POLE
        polynomial = sympy.Poly(vanishing.xreplace({one: _number(loss, one) for one in sums}), symbol)
        if 0 < polynomial.degree() <= _MOST_DEGREE:
            for root in sympy.real_roots(polynomial):
                yield symbols.index(symbol), ball_of(loss, root).mid(), distance


def _number(loss: ReducedLoss, sum_: sympy.Basic) -> sympy.Rational:
    """A sum over the data, to double precision: poles are only looked near to."""
    return sympy.Rational(float(loss.sums[sum_.name].mid()))
