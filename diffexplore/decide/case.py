"""A case of a question, what is known of it, and what its sides need, read from them as they were given.

A program takes the logarithm in ``0·log(x)`` and in ``log(x) < 0``. The product has no value where the logarithm has
none, though SymPy multiplies by 0. A comparison with what has no value is false, so that the program goes on with
another branch than the algebra.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import sympy
from sympy.core.relational import Relational
from sympy.logic.boolalg import Boolean

from diffexplore.decide.branches import Resolver
from diffexplore.decide.domain_conditions import DomainCondition, conditions, domain_conditions, own_conditions
from diffexplore.decide.records import Unvalued
from diffexplore.decide.regions import Region
from diffexplore.decide.side_conditions import SideCondition
from diffexplore.formula.batch_sums import BatchSum
from diffexplore.functions.facts import NOT_FINITE
from diffexplore.functions.tables import domain_of, facts_of

#: They have a value where their arguments have none, or may have one: fmax and fmin take the other argument.
_SWALLOW = (Relational, sympy.And, sympy.Or, sympy.Not, sympy.sign, sympy.Heaviside, sympy.Max, sympy.Min)


@dataclass(frozen=True)
class Place:
    """How a part stands in its side: whether a NaN in it makes the side NaN, and an infinite value one not finite."""

    nan: bool = True
    infinite: bool = True


NOWHERE = Place(False, False)


@dataclass
class Requirements:
    """What a side needs on a region.

    ``every``: all of it. ``certain``: without it the side certainly has no value, in torch as well. ``places`` are
    those of its sums.
    """

    every: set[DomainCondition] = field(default_factory=set)
    certain: set[DomainCondition] = field(default_factory=set)
    places: dict[BatchSum, Place] = field(default_factory=dict)
    _seen: set[tuple[sympy.Basic, Place]] = field(default_factory=set)

    def read(self, expr: Any, resolver: Resolver, place: Place = Place()) -> Requirements:
        """Add what ``expr`` needs, with the branches that the resolver has chosen."""
        if not expr.args or (expr, place) in self._seen:
            return self
        self._seen.add((expr, place))
        if isinstance(expr, BatchSum):
            self._note(expr, place)
        elif isinstance(expr, (sympy.Piecewise, sympy.ITE)):
            self._branch(expr, resolver, place)
        elif isinstance(expr, (sympy.And, sympy.Or)):
            self._connective(expr, resolver)
        else:
            arguments = [resolver(argument) for argument in expr.args]
            self._own(expr, arguments, place)
            for argument in expr.args:
                self.read(argument, resolver, _inside(expr, argument, place))
        return self

    def inside_sums(self, resolver: Resolver) -> Requirements:
        """What the summands of its sums need, with the branches that the resolver has chosen."""
        found = Requirements()
        for one, place in self.places.items():
            found.read(one.summand, resolver, place)
        return found

    def _own(self, expr: Any, arguments: list[Any], place: Place) -> None:
        domain = domain_of(expr)
        further = domain is not None and domain.reaches_further
        for need in own_conditions(expr, arguments):
            self.every.add(need)
            if further or not place.nan:
                continue
            if expr.is_Pow and not arguments[1].is_number:
                continue  # a negative x has powers x**p for whole p
            if need.kind == "nonnegative" or place.infinite:
                self.certain.add(need)
            elif need.kind == "positive":  # log(0) is infinite
                self.certain.add(DomainCondition(need.expr, "nonnegative"))

    def _branch(self, expr: Any, resolver: Resolver, place: Place) -> None:
        choices = expr.args
        if isinstance(expr, sympy.ITE):
            choices = ((expr.args[1], expr.args[0]), (expr.args[2], sympy.true))
        for value, condition in choices:
            self.read(condition, resolver, NOWHERE)
            if resolver.is_true(condition):
                self.read(value, resolver, place)
                return

    def _connective(self, expr: Any, resolver: Resolver) -> None:
        """The first part that settles it, else all: what the others are does not matter."""
        settled = isinstance(expr, sympy.Or)
        ordered = sorted(expr.args, key=sympy.default_sort_key)
        deciding = next((part for part in ordered if resolver.is_true(part) == settled), None)
        for part in ordered if deciding is None else [deciding]:
            self.read(part, resolver, NOWHERE)

    def _note(self, one: BatchSum, place: Place) -> None:
        """Where a sum stands, and the sums in it: those in branches may be left out."""
        known = self.places.get(one, NOWHERE)
        self.places[one] = Place(known.nan or place.nan, known.infinite or place.infinite)
        waiting: list[tuple[Any, Place]] = [(one.summand, place)]
        while waiting:
            expr, at = waiting.pop()
            if isinstance(expr, BatchSum):
                self._note(expr, at)
            elif expr.has(BatchSum):
                at = NOWHERE if isinstance(expr, (sympy.Piecewise, sympy.ITE)) else at
                waiting += [(argument, _inside(expr, argument, at)) for argument in expr.args]


def _inside(expr: Any, argument: Any, place: Place) -> Place:
    if isinstance(expr, _SWALLOW):
        return NOWHERE
    if expr.is_Pow:
        exponent = expr.args[1]
        if not exponent.is_number:
            return NOWHERE  # NaN**0 is 1
        return Place(place.nan, place.infinite and bool(exponent.is_positive))
    facts = facts_of(expr)
    kept = isinstance(expr, (sympy.Add, sympy.Mul)) if facts is None else facts.at_infinity is NOT_FINITE
    return Place(place.nan, place.infinite and kept)


def requirements_of(expressions: Iterable[Any], resolver: Resolver) -> Requirements:
    """What expressions need together, outside their sums."""
    found = Requirements()
    for expr in expressions:
        found.read(expr, resolver)
    return found


@dataclass(frozen=True)
class Both:
    """What the two sides need on a region, read from them as they were given."""

    left: Requirements
    right: Requirements

    def inside(self, resolver: Resolver) -> Both:
        """What the summands need on a region of samples."""
        return Both(self.left.inside_sums(resolver), self.right.inside_sums(resolver))

    def open(self, region: Region) -> tuple[Boolean, ...]:
        """What of it is not certain there."""
        every = sorted(self.left.every | self.right.every, key=lambda need: (str(need.expr), need.kind))
        return tuple(need.condition for need in every if not need.holds(region))

    def stated(self, sides: Iterable[sympy.Expr], region: Region) -> list[DomainCondition]:
        """Conditions under which both sides, and expressions found from them, have a value where the left one has."""
        return conditions(domain_conditions(sides) | self.left.every | self.right.every, self.left.certain, region)


@dataclass(frozen=True, eq=False)
class Piece:
    """A region in which a sample may lie, and the summands there: as given, and of the two sides."""

    resolver: Resolver
    given: tuple[sympy.Expr, ...]
    left: tuple[sympy.Expr, ...]
    right: tuple[sympy.Expr, ...]
    requirements: Both

    @property
    def required(self) -> tuple[Boolean, ...]:
        return self.requirements.open(self.resolver.region)


@dataclass
class RegionCase:
    """A region on which both sides are smooth outside their sums, and what is known of them there."""

    resolver: Resolver
    given: sympy.Expr
    left: sympy.Expr
    right: sympy.Expr
    requirements: Both
    data: frozenset[sympy.Basic]  # the symbols that each sample has
    same: bool  # whether both sides are one expression, but for where its numbers stand
    pieces: list[Piece] = field(default_factory=list)
    partial: bool = False  # there are regions of samples without a value
    proved: bool = False
    excepted: bool = False  # by a convention, or because one side has no value here
    conditions: list[str] = field(default_factory=list)
    choices: dict[str, frozenset[str]] = field(default_factory=dict)  # conditions, each with what it follows from
    needs: list[SideCondition] = field(default_factory=list)
    unvalued: list[Unvalued] = field(default_factory=list)
    note: str = ""
    required: tuple[Boolean, ...] = ()  # where one does not hold, nothing is claimed

    @property
    def settled(self) -> bool:
        return self.proved or self.excepted

    @property
    def sides(self) -> tuple[sympy.Expr, sympy.Expr, sympy.Expr]:
        return self.given, self.left, self.right
