"""Rules with polygamma functions whose order is a symbol, which programs lack: proved as identities in free values.

Every value of one becomes a free symbol on both sides: what holds for all values of the symbols holds for those of the
functions. The reverse is not true, so a refutation needs certified values.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from fractions import Fraction
from itertools import islice
from typing import Any

import sympy
from flint import arb
from sympy.logic.boolalg import Boolean

from diffexplore.arithmetic.balls import BALLS, precision
from diffexplore.auditing.steps import spelled
from diffexplore.decide import Decision, decide_equal
from diffexplore.decide.records import Counterexample
from diffexplore.decide.values import as_record
from diffexplore.formula.compare import random_points, value_at
from diffexplore.program.program import lower

Point = Mapping[sympy.Basic, Fraction]

#: Function values, and the symbols that stand for them.
Free = Mapping[sympy.Basic, sympy.Symbol]

_FREE = "the values of {} taken as free symbols"
_BITS = 256
_POINTS = 12
_ORDERS = 5


def has_opaque(expr: sympy.Basic) -> bool:
    """Whether ``expr`` holds such a function."""
    return any(True for _ in _opaque(expr))


def _opaque(expr: sympy.Basic) -> Iterator[sympy.Basic]:
    return (part for part in expr.atoms(sympy.polygamma) if not part.args[0].is_Integer)


def decide_opaque(
    forward: sympy.Expr, claimed: sympy.Expr, symbol: sympy.Symbol | None, domain: tuple[Boolean, ...],
    conventions: Mapping[Boolean, str],
) -> Decision:  # fmt: skip
    """As :func:`~diffexplore.decide.decide_gradient`; without a symbol, as :func:`~diffexplore.decide.decide_equal`."""
    derivative = sympy.diff(forward, symbol) if symbol is not None else forward
    values = sorted({*_opaque(derivative), *_opaque(claimed)}, key=str)
    free = {value: sympy.Symbol(f"v{number}", real=True) for number, value in enumerate(values, start=1)}
    left, right = derivative.xreplace(free), claimed.xreplace(free)
    found = decide_equal(left, right, domain=domain, conventions=conventions)
    tried = (*found.tried, _FREE.format(", ".join(map(str, values))))
    if found.status == "proved":
        return Decision("proved", tuple(spelled(text, free) for text in found.conditions), None, tried)
    apart = _counterexample(left, right, free, domain, conventions)
    return Decision("unknown" if apart is None else "refuted", (), apart, tried)


def _counterexample(
    left: sympy.Expr, right: sympy.Expr, free: Free, domain: Collection[Boolean], conventions: Collection[Boolean]
) -> Counterexample | None:
    """A point of the domain, and off the conventions, at which the balls around both sides do not meet, or None.

    At a kink the balls hold what both branches give there, so that it is no counterexample.
    """
    symbols = set().union(*(side.free_symbols for side in (left, right, *free))) - set(free.values())
    orders = {symbol for value in free for symbol in value.args[0].free_symbols}
    for point in islice(_points(symbols, orders, domain, conventions), _POINTS):
        balls = _both(left, right, free, point)
        if balls is not None and not balls[0].overlaps(balls[1]):
            named = {str(symbol): value for symbol, value in point.items()}
            return Counterexample(named, (), as_record(balls[0]), as_record(balls[1]))
    return None


def _points(
    symbols: set[Any], orders: set[Any], domain: Collection[Boolean], conventions: Collection[Boolean]
) -> Iterator[Point]:
    for drawn in random_points(symbols):
        whole = {symbol: Fraction(int(value * 97) % _ORDERS) for symbol, value in drawn.items() if symbol in orders}
        point = {**drawn, **whole}
        exact = {symbol: sympy.Rational(value.numerator, value.denominator) for symbol, value in point.items()}
        inside = all(condition.subs(exact) is sympy.true for condition in domain)
        if inside and all(condition.subs(exact) is sympy.false for condition in conventions):
            yield point


def _both(left: sympy.Expr, right: sympy.Expr, free: Free, point: Point) -> tuple[arb, arb] | None:
    with precision(_BITS):
        inputs = {str(symbol): arb(value.numerator) / value.denominator for symbol, value in point.items()}
        for value, symbol in free.items():
            order, x = (value_at(argument, point) for argument in value.args)
            if order is None or x is None:
                return None
            inputs[symbol.name] = _polygamma(order, x)
        first, second = lower([left, right], list(inputs)).run(BALLS, inputs)
    return (first, second) if first.is_finite() and second.is_finite() else None


def _polygamma(order: arb, x: arb) -> arb:
    """(−1)^(n+1)·n!·ζ(n + 1, x) for whole n ≥ 1 (DLMF 5.15.1, 25.11.12), and digamma for 0."""
    n = int(float(order))
    if n == 0:
        return x.digamma()
    return (1 if n % 2 else -1) * arb.fac_ui(n) * (order + 1).zeta(x)
