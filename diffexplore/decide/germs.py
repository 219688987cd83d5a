"""Points at which a rule is wrong although the function has a derivative there: two branches that meet smoothly.

A function of one variable that is continuous at a point, and whose derivative has the same limit from both sides, has
that limit as its derivative there (by the mean value theorem). The function, its derivative on either side and what is
claimed at the point itself are found exactly: with every condition as it is written, equality included. Where a
function has no value beside which it goes on, as sin(x)/x at 0, its expansion in certified series decides.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import sympy
from flint import arb, fmpq
from sympy.logic.boolalg import Boolean

from diffexplore.arithmetic import germs
from diffexplore.arithmetic.balls import precision
from diffexplore.arithmetic.germ_arithmetic import GermArithmetic
from diffexplore.arithmetic.two_sides import Meeting, meet
from diffexplore.decide.branches import Resolver, Undecided, has_branches
from diffexplore.decide.domain_conditions import DomainCondition, domain_conditions
from diffexplore.decide.records import Undefined, Unsupported
from diffexplore.decide.regions import Region
from diffexplore.decide.zeros import Zeros
from diffexplore.formula.budget import spend
from diffexplore.formula.compare import is_sharp, value_at
from diffexplore.formula.signs import number_sign
from diffexplore.formula.step_functions import StepFunction
from diffexplore.functions.facts import ANALYTIC
from diffexplore.functions.tables import facts_of
from diffexplore.program.program import lower

#: They are analytic wherever what they need holds strictly, as functions are of which that is known.
_STRUCTURAL = (sympy.Add, sympy.Mul, sympy.Pow)

_RUNGS = ((192, 2), (640, 6))  # bits and powers of the step that are tried in turn
_ORDERS = 4  # so many derivatives are looked at for the sign of what is 0 at the point


class Unresolved(Exception):
    """What happens at the point cannot be decided."""


@dataclass(frozen=True)
class LinePoint:
    """The value of the variable at which a function is looked at."""

    variable: sympy.Symbol
    at: sympy.Rational
    zeros: Zeros

    def value(self, expr: sympy.Expr) -> sympy.Expr:
        """The exact value; a smooth expression is one number there."""
        found = expr.xreplace({self.variable: self.at})
        if found.has(sympy.nan, sympy.zoo, sympy.oo, -sympy.oo):
            raise Unresolved
        return found

    def sign(self, expr: sympy.Expr) -> int:
        """The sign of the value."""
        number = self.value(expr)
        if number.is_zero or self.zeros(number):
            return 0
        try:
            found = number_sign(number).certain
        except Unsupported:
            raise Unresolved from None
        if found is None:
            raise Unresolved
        return found


class Beside(Resolver):
    """What expressions are where the variable goes to the point from above (1) or below (−1), or at it (0)."""

    def __init__(self, place: LinePoint, side: int) -> None:
        super().__init__(Region(), place.zeros)
        self._place, self._side = place, side
        self._signs: dict[sympy.Expr, int] = {}

    @property
    def there(self) -> bool:
        """Whether the place itself is looked at, where a step has a value as anything else."""
        return self._side == 0

    def sign(self, p: sympy.Expr) -> int:
        if p not in self._signs:
            _check(p, self)
            self._signs[p] = self._sign(p)
        return self._signs[p]

    def _sign(self, p: sympy.Expr) -> int:
        found, slope = self._place.sign(p), p
        for order in range(1, _ORDERS + 1):
            if found or not self._side or self._place.variable not in slope.free_symbols:
                return found
            slope = sympy.diff(slope, self._place.variable)
            found = self._place.sign(slope) * self._side**order
        if found:
            return found
        raise Unresolved

    def holds(self, need: DomainCondition) -> bool:
        """Whether an expression has a value that goes on to the point, as far as this need says."""
        beside, there = self.sign(need.expr), self._place.sign(need.expr)
        if need.kind == "nonnegative":
            return beside >= 0
        if need.kind == "nonzero":
            return there != 0
        return there > 0  # of poles, those above 0 have none


def derivative(function: sympy.Expr, place: LinePoint) -> arb | None:
    """A ball around the derivative at the place; None where there is none, or where it cannot be decided."""
    try:
        there = place.value(Beside(place, 0)(function))
        slopes = [_slope(function, there, place, side) for side in (1, -1)]
        exists = slopes[0] == slopes[1] or place.zeros(slopes[0] - slopes[1])
        return value_at(slopes[0], {}) if exists else None
    except _UNRESOLVED:
        return _from_both_sides(function, place)


def _from_both_sides(function: sympy.Expr, place: LinePoint) -> arb | None:
    """The derivative by expansions at the place and beside it: sin(x)/x goes on to 0, though it has no value there."""
    try:
        program = lower([function], [str(place.variable)])
        at = fmpq(int(place.at.p), int(place.at.q))
        inputs = [germs.constant(at), germs.moving(at, 1), germs.moving(at, -1)]
        for bits, depth in _RUNGS:
            with precision(bits):
                arithmetic = GermArithmetic(depth)
                spend(3 * len(program.steps))
                found = meet([program.run(arithmetic, {str(place.variable): one})[0] for one in inputs])
                if found is not None and (found.meeting is not Meeting.SMOOTH or is_sharp(found.ball)):
                    return found.ball if found.meeting is Meeting.SMOOTH else None
    except (TypeError, KeyError):  # what no operation computes, or none on germs
        pass
    return None


_UNRESOLVED = (Unresolved, Undecided, Undefined, Unsupported, TypeError, ValueError, NotImplementedError)


def _slope(function: sympy.Expr, there: sympy.Expr, place: LinePoint, side: int) -> sympy.Expr:
    """The limit of the derivative from one side of a function that goes on to what it is there."""
    beside = Beside(place, side)
    smooth = beside(function)
    _check(smooth, beside)
    limit = place.value(smooth)
    if limit != there and not place.zeros(limit - there):
        raise Unresolved
    slope = sympy.diff(smooth, place.variable)
    _check(slope, beside)
    return place.value(slope)


def _check(expr: sympy.Expr, beside: Beside) -> None:
    """That an expression is continuous beside the place, up to it; at it, that it has a value."""
    for node in sympy.preorder_traversal(expr):
        facts = facts_of(node)
        analytic = isinstance(node, _STRUCTURAL) if facts is None else facts.smooth is ANALYTIC
        if node.args and not (analytic or (beside.there and isinstance(node, StepFunction))):
            raise Unresolved
    if has_branches(expr) or not all(map(beside.holds, domain_conditions((expr,)))):
        raise Unresolved


def value_there(expr: sympy.Expr, place: LinePoint) -> sympy.Expr | None:
    """What an expression is at the place, with its conditions as they are written; None where it cannot be decided."""
    try:
        found = place.value(Beside(place, 0)(expr))
        _check(found, Beside(place, 0))
        return found
    except _UNRESOLVED:
        return None


def all_hold(conditions: Iterable[Boolean], place: LinePoint, *, otherwise: bool = False) -> bool:
    """Whether all conditions certainly hold at the place; ``otherwise``: whether none certainly holds."""
    resolver = Beside(place, 0)
    try:
        return all((resolver(condition) == sympy.true) != otherwise for condition in conditions)
    except _UNRESOLVED:
        return False
