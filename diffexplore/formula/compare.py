"""Whether two expressions are equal: by algebra, else by their values at random points; comparisons in plain form."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from fractions import Fraction
from itertools import islice

import sympy
from flint import arb, fmpq
from sympy.core.relational import Relational
from sympy.logic.boolalg import Boolean

from diffexplore.arithmetic.balls import BALLS, precision
from diffexplore.formula.budget import remembered, spend
from diffexplore.formula.forms import can_be_multiplied_out
from diffexplore.formula.size import nodes
from diffexplore.program.program import Program, lower

POINTS = 3
DIGITS = 50
_BITS = 170  # 50 digits and some
PRECISIONS = (256, 1024, 4096)
_DRAWS = 60
_MAX_NODES = 200


class Fingerprint:
    """The values of an expression at two random points, found once, to hold other expressions against."""

    def __init__(self, expr: sympy.Expr) -> None:
        valued = ((point, value_at(expr, point)) for point in islice(random_points(expr.free_symbols), 8))
        self._values = list(islice(((point, value) for point, value in valued if value is not None), 2))

    def contradicts(self, other: sympy.Expr) -> bool:
        """Whether ``other`` certainly has another value at one of the points."""
        values = ((value, value_at(other, point)) for point, value in self._values)
        return any(second is not None and not first.overlaps(second) for first, second in values)


def agreement(left: sympy.Expr, right: sympy.Expr) -> str | None:
    """How ``left`` and ``right`` were seen to be equal, in words; None where they were not.

    Agreement at random points is strong evidence, not a proof; the words say which it is. Both sides are enclosed
    by ball arithmetic there, so that a difference is never rounding.
    """
    if left == right or _difference_vanishes(left, right):
        return "symbolically"
    compared = 0
    for _, first, second in islice(values_of_both(left, right), POINTS):
        if not first.overlaps(second):
            return None
        compared += 1
    return f"at {POINTS} random points to {DIGITS} digits" if compared == POINTS else None


def values_of_both(left: sympy.Expr, right: sympy.Expr) -> Iterator[tuple[dict[sympy.Basic, Fraction], arb, arb]]:
    """Random points at which both expressions have a value, with the two values."""
    for point in random_points(left.free_symbols | right.free_symbols):
        first, second = value_at(left, point), value_at(right, point)
        if first is not None and second is not None:
            yield point, first, second


def random_points(symbols: set[sympy.Basic]) -> Iterator[dict[sympy.Basic, Fraction]]:
    """Reproducible points of short fractions; positive ones first, where most formulas are defined."""
    generator = random.Random(0)
    ordered = sorted(symbols, key=str)
    for draw in range(_DRAWS):
        low = 1 if draw < _DRAWS // 2 else -199
        yield {symbol: Fraction(generator.randint(low, 199), 97) for symbol in ordered}


def value_at(expr: sympy.Expr, point: Mapping[sympy.Basic, Fraction]) -> arb | None:
    """A ball of 50 digits around the value of ``expr``, or None where it has no finite value or none is found.

    An absolute 50 digits suffice, for a value of 0 has no leading digit.
    """
    # of many symbols an expression has few, and a ball takes as long as an operation
    names = _names_in(expr)
    values = {name: point[symbol] for symbol, name in names if symbol in point}
    if len(values) < len(names):  # a point may have other symbols of the same names
        others = {str(symbol): value for symbol, value in point.items()}
        values = {name: others[name] for _, name in names if name in others}
    program = _lowered(expr, tuple(values))
    for bits in PRECISIONS:
        spend(1 + len(program.steps) * bits // PRECISIONS[0])
        with precision(bits):
            inputs = {name: arb(fmpq(value.numerator, value.denominator)) for name, value in values.items()}
            ball = program.run(BALLS, inputs)[0]
            if is_sharp(ball):
                return ball
    return None


def is_sharp(ball: arb) -> bool:
    """Whether a ball is known to 50 digits."""
    return bool(ball.is_finite() and (ball.rel_accuracy_bits() >= _BITS or ball.rad() < arb(2) ** -_BITS))


@remembered(1024)
def _names_in(expr: sympy.Expr) -> tuple[tuple[sympy.Basic, str], ...]:
    """The symbols of an expression with their names, in order."""
    return tuple((symbol, str(symbol)) for symbol in sorted(expr.free_symbols, key=str))


@remembered(1024)  # an expression is mostly looked at in many points
def _lowered(expr: sympy.Expr, names: tuple[str, ...]) -> Program:
    spend(nodes(expr))
    return lower([expr], list(names))


def _difference_vanishes(left: sympy.Expr, right: sympy.Expr) -> bool:
    """Whether the difference expands to 0; tried for short expressions only."""
    difference = left - right
    if difference.has(sympy.Piecewise) or nodes(difference) > _MAX_NODES or not can_be_multiplied_out(difference):
        return False
    numerator, _ = sympy.fraction(sympy.together(difference))
    return bool(sympy.expand(numerator) == 0)


def without_branches(condition: Boolean) -> Boolean:
    """``condition`` with no piecewise expression in it.

    Of where(x > 0, x, y) > 1 it makes (x > 0 and x > 1) or (not x > 0 and y > 1). SymPy would make an if-then-else of
    it, which is a condition that nothing else here knows.
    """
    if condition.has(sympy.Piecewise):
        condition = condition.replace(lambda node: isinstance(node, Relational), _spread)
    return condition.replace(lambda node: isinstance(node, sympy.ITE), lambda node: node.to_nnf(simplify=False))


def constants_decided(condition: Boolean) -> Boolean:
    """``condition`` with each comparison of constants decided by their enclosures, where these tell.

    What they leave open, such as 3/4 ≤ σ(log 3), is written with a number on its right side alone. SymPy cannot tell it
    either, divides by a coefficient that 3/4 does not have, and makes ever larger comparisons of it.
    """
    if not isinstance(condition, Boolean):
        return condition
    constant = {node: _decided(node) for node in condition.atoms(Relational) if not node.free_symbols}
    return condition.xreplace(constant) if constant else condition


def _decided(relation: Relational) -> Boolean:
    difference = relation.lhs - relation.rhs
    if difference.is_Rational or not isinstance(difference, sympy.Expr):
        return relation.func(difference, 0)
    ball = value_at(difference, {})
    if ball is not None and (ball > 0 or ball < 0 or ball == 0):
        return relation.func(sympy.Integer(int(ball > 0) - int(ball < 0)), 0)
    number, rest = difference.as_coeff_Add(rational=True)
    return relation.func(rest, -number, evaluate=False)


def _spread(relation: Boolean) -> Boolean:
    """A comparison as the cases of the branches on its sides, outermost first."""
    pieces = next((node for node in sympy.preorder_traversal(relation) if isinstance(node, sympy.Piecewise)), None)
    if pieces is None:
        return relation
    cases, earlier = [], sympy.true
    for branch, condition in pieces.args:
        taken = sympy.And(earlier, condition)
        cases.append(sympy.And(taken, _spread(relation.xreplace({pieces: branch}))))
        earlier = sympy.And(earlier, sympy.Not(condition))
    return sympy.Or(*cases)
