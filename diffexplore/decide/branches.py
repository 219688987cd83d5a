"""Branches resolved on a region: conditions, |x|, sign, Heaviside, max and min give way to what they are there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from fractions import Fraction
from itertools import combinations
from typing import Any

import sympy
from sympy.core.relational import Relational
from sympy.logic.boolalg import Boolean

from diffexplore.decide.records import Unsupported
from diffexplore.decide.regions import Region, line_of, small
from diffexplore.formula.batch_sums import BatchSum
from diffexplore.formula.budget import spend
from diffexplore.formula.elimination import Inequality, contradict, row_of
from diffexplore.formula.functions_sympy import dsinc
from diffexplore.formula.signs import certainly, sign_of
from diffexplore.formula.size import nodes
from diffexplore.functions.facts import CORNER, Equal
from diffexplore.functions.tables import by_class

#: Functions with a corner that are expressions of others with one.
_CORNERED = {
    kind: function.facts.normal_form.expression
    for kind, function in by_class().items()
    if function.facts.smooth is CORNER and isinstance(function.facts.normal_form, Equal)
}


def is_empty(region: Region) -> bool:
    """Whether no point certainly keeps all the bounds."""
    if len(region.bounds) < 2:
        return False
    rows = [row for expr in region.nonnegative() if small(expr) and (row := row_of(expr)) is not None]
    quantities = {quantity for row in rows for quantity in row.coefficients}
    rows += [Inequality({quantity: Fraction(1)}, Fraction(0)) for quantity in quantities if _is_positive(quantity)]
    return contradict(rows)


def _is_positive(quantity: sympy.Expr) -> bool:
    """Whether it is positive but on a set without inner points, such as x² and exp(x): the regions are open."""
    return bool(quantity.is_Pow and quantity.exp.is_even) or certainly(quantity, "positive")


BRANCHING = (
    sympy.Piecewise, sympy.Abs, sympy.sign, sympy.Heaviside, sympy.Max, sympy.Min, sympy.sinc, dsinc,
    Relational, sympy.And, sympy.Or, sympy.Not, sympy.ITE, *_CORNERED,
)  # fmt: skip

MOST_REGIONS = 600
"""More regions than this are not looked at."""


class Undecided(Exception):
    """A sign is needed that the region leaves open."""

    def __init__(self, p: sympy.Expr) -> None:
        super().__init__(p)
        self.p = p


def has_branches(expr: sympy.Basic) -> bool:
    return bool(expr.has(*BRANCHING))


def chosen_by(expr: sympy.Basic) -> Iterator[sympy.Expr]:
    """What the branches of an expression are chosen by: one may give way to another where one of these is 0."""
    for node in sympy.preorder_traversal(expr):
        if isinstance(node, Relational):
            yield node.lhs - node.rhs
        elif isinstance(node, (sympy.Max, sympy.Min)):
            yield from (first - second for first, second in combinations(_ordered(node), 2))
        elif isinstance(node, (sympy.Abs, sympy.sign, sympy.Heaviside, sympy.sinc)):
            yield node.args[0]


class Resolver:
    """What expressions are on the open ``region``; notes the ``boundaries`` that it left out.

    A boundary is where an expression is 0: that of its line, with the expression as it was met. The summands of sums
    stay as they are: their branches are those of every sample.
    """

    def __init__(self, region: Region, is_zero: Callable[[sympy.Expr], bool]) -> None:
        self.region = region
        self.boundaries: dict[sympy.Expr, sympy.Expr] = {}
        self._is_zero = is_zero
        self._memo: dict[sympy.Basic, Any] = {}
        self._sizes: dict[sympy.Basic, int] = {}

    def __call__(self, expr: Any) -> Any:
        if expr not in self._memo:
            spend(1 if isinstance(expr, BRANCHING) else nodes(expr, self._sizes))  # which may be looked at for branches
            found = self._resolve(expr)
            if found != expr and not isinstance(found, BatchSum) and has_branches(found):
                found = self(found)  # SymPy made sqrt(x²) into |x|
            self._memo[expr] = found
        return self._memo[expr]

    def _resolve(self, expr: Any) -> Any:
        rule = next((rule for kind, rule in _RULES.items() if isinstance(expr, kind)), None)
        if rule is not None:
            return rule(self, expr)
        if isinstance(expr, BatchSum) or not expr.args or not has_branches(expr):
            return self.region.restricted(expr)  # here alone: branches not taken may have no value on a seam
        return expr.func(*[self(argument) for argument in expr.args])

    def sign(self, p: sympy.Expr) -> int:
        """The sign of p on the region: 1 or −1, and 0 only where p is 0 everywhere."""
        if p.is_zero:
            return 0
        signs = self.region.sign(p)
        if signs.certain is None:
            if self._is_zero(p):
                return 0
            raise Undecided(p)
        if sign_of(p).certain is None:
            line = line_of(p)
            if self.region.may_touch(line):
                self.boundaries.setdefault(line.direction - line.threshold, p)
        return signs.certain

    def is_true(self, condition: Any) -> bool:
        """Whether a condition holds on the region."""
        return bool(self(condition) == True)  # noqa: E712 (SymPy's true)

    # ---------------------------------------------------------------------------------------------------- rules
    def _largest(self, expr: sympy.Max | sympy.Min) -> sympy.Expr:
        requested = 1 if isinstance(expr, sympy.Max) else -1
        best, *others = [self(argument) for argument in _ordered(expr)]
        for other in others:
            best = other if self.sign(other - best) == requested else best
        return best

    def _sinc(self, expr: sympy.sinc) -> sympy.Expr:
        argument = self(expr.args[0])
        return sympy.sin(argument) / argument if self.sign(argument) else sympy.S.One

    def _dsinc(self, expr: dsinc) -> sympy.Expr:
        argument = self(expr.args[1])
        slope = dsinc(expr.args[0], argument)
        if not self.sign(argument):
            return dsinc.at_zero(expr.args[0])
        return slope.xreplace({node: node.apart() for node in slope.atoms(dsinc)})

    def _cornered(self, expr: sympy.Function) -> sympy.Expr:
        return self(_CORNERED[expr.func](*expr.args))

    def _heaviside(self, expr: sympy.Heaviside) -> sympy.Expr:
        sign = self.sign(self(expr.args[0]))
        return self(expr.args[1]) if sign == 0 else sympy.Integer(sign > 0)


_RULES: dict[type, Callable[[Resolver, Any], Any]] = {
    sympy.Piecewise: lambda self, expr: next((self(x) for x, holds in expr.args if self.is_true(holds)), sympy.nan),
    sympy.Abs: lambda self, expr: self.sign(self(expr.args[0])) * self(expr.args[0]),
    sympy.sign: lambda self, expr: sympy.Integer(self.sign(self(expr.args[0]))),
    sympy.Heaviside: Resolver._heaviside,
    sympy.Max: Resolver._largest,
    sympy.Min: Resolver._largest,
    sympy.sinc: Resolver._sinc,
    dsinc: Resolver._dsinc,
    sympy.And: lambda self, expr: sympy.sympify(all(map(self.is_true, _ordered(expr)))),
    sympy.Or: lambda self, expr: sympy.sympify(any(map(self.is_true, _ordered(expr)))),
    sympy.Not: lambda self, expr: sympy.sympify(not self.is_true(expr.args[0])),
    sympy.ITE: lambda self, expr: self(expr.args[1] if self.is_true(expr.args[0]) else expr.args[2]),
    Relational: lambda self, expr: sympy.sympify(bool(expr.func(self.sign(self(expr.lhs) - self(expr.rhs)), 0))),
    **dict.fromkeys(_CORNERED, Resolver._cornered),
}


def _ordered(expr: sympy.Basic) -> list[Any]:
    return sorted(expr.args, key=sympy.default_sort_key)


def regions(
    look: Callable[[Resolver], Any], is_zero: Callable[[sympy.Expr], bool], start: Region | None = None
) -> Iterator[tuple[Resolver, Any]]:
    """All regions on which ``look`` comes through without a sign left open, with what it found.

    ``look`` returns None for a region that is of no interest.
    """
    waiting, count = [start or Region()], 0
    while waiting:
        resolver = Resolver(waiting.pop(), is_zero)
        try:
            found = look(resolver)
        except Undecided as open_sign:
            upper, lower = resolver.region.split(open_sign.p)
            signs = resolver.region.sign(open_sign.p)
            halves = [half for half, sign in ((lower, -1), (upper, 1)) if sign in signs]
            waiting += [half for half in halves if not is_empty(half)]
            continue
        if found is None:
            continue
        count += 1
        if count > MOST_REGIONS:
            raise Unsupported(f"there are more than {MOST_REGIONS} cases")
        yield resolver, found


def need_on(resolver: Resolver, need: Boolean) -> Boolean:
    """A need with its branches resolved on a region; as it is where they are open there.

    Such as how many numbers are the largest one, by which the backward of a maximum divides.
    What is compared is resolved, not the comparison: whether it holds is for the side conditions to say.
    """
    if isinstance(need, (sympy.And, sympy.Or)):
        return need.func(*[need_on(resolver, part) for part in need.args])
    if not isinstance(need, Relational) or not any(map(has_branches, need.args)):
        return need
    with suppress(Undecided):
        found = need.func(*[resolver(side) for side in need.args])
        return need if found == sympy.false else found  # which a reader is told by what it compares
    return need
