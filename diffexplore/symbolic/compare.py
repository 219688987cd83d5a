"""Whether two expressions are equal: by algebra where that is cheap, else by their values at random points."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from fractions import Fraction

import sympy

POINTS = 3
DIGITS = 50
_DRAWS = 60
_MAX_TERMS = 200


def agreement(left: sympy.Expr, right: sympy.Expr) -> str | None:
    """How ``left`` and ``right`` were seen to be equal, in words; None where they were not.

    Agreement at random points is strong evidence, not a proof; the words say which it is.
    """
    if left == right or _difference_vanishes(left, right):
        return "symbolically"
    compared = 0
    for point in random_points(left.free_symbols | right.free_symbols):
        first, second = value_at(left, point), value_at(right, point)
        if first is None or second is None:
            continue
        if abs(first - second) > sympy.Float(10) ** (5 - DIGITS) * (1 + abs(first)):
            return None
        compared += 1
        if compared == POINTS:
            return f"at {POINTS} random points to {DIGITS - 5} digits"
    return None


def random_points(symbols: set[sympy.Basic], seed: int = 0) -> Iterator[dict[sympy.Basic, sympy.Rational]]:
    """Reproducible points of short fractions, positive ones first, where most formulas are defined."""
    generator = random.Random(seed)
    ordered = sorted(symbols, key=str)
    for draw in range(_DRAWS):
        low = 1 if draw < _DRAWS // 2 else -199
        yield {symbol: _rational(Fraction(generator.randint(low, 199), 97)) for symbol in ordered}


def value_at(expr: sympy.Expr, point: Mapping[sympy.Basic, sympy.Rational]) -> sympy.Float | None:
    """The value of ``expr`` to 50 digits, or None where it is not a real number there."""
    try:
        value = expr.xreplace(dict(point)).evalf(DIGITS)
    except (TypeError, ValueError, ArithmeticError, RecursionError):
        return None
    return value if value.is_real and value.is_finite and value.is_number else None


def _rational(number: Fraction) -> sympy.Rational:
    return sympy.Rational(number.numerator, number.denominator)


def _difference_vanishes(left: sympy.Expr, right: sympy.Expr) -> bool:
    """Whether the difference expands to 0; tried for short expressions only."""
    difference = left - right
    if difference.has(sympy.Piecewise) or sum(1 for _ in sympy.preorder_traversal(difference)) > _MAX_TERMS:
        return False
    numerator, _ = sympy.fraction(sympy.together(difference))
    return bool(sympy.expand(numerator) == 0)
