"""A case of a question, and what is known of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import sympy
from sympy.logic.boolalg import Boolean

from diffexplore.decide.branches import Resolver
from diffexplore.decide.domain_conditions import DomainCondition, conditions, needs
from diffexplore.decide.records import Unvalued
from diffexplore.decide.regions import Region
from diffexplore.decide.requirements import Requirements
from diffexplore.decide.side_conditions import SideCondition


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
        return conditions(needs(sides) | self.left.every | self.right.every, self.left.certain, region)


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
