"""The two sides of a question, in one set of real symbols and exact numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import sympy
from sympy.logic.boolalg import Boolean

from diffexplore.decide.branches import BRANCHING, Resolver, Undecided, has_branches, need_on
from diffexplore.decide.domain_conditions import left_open
from diffexplore.decide.records import Counterexample, Shown, Unsupported
from diffexplore.decide.regions import Region
from diffexplore.decide.seams import equations, seam_regions
from diffexplore.decide.sums import bound_symbols, sums_in
from diffexplore.formula.batch_sums import SAMPLES, partial_through_sums
from diffexplore.formula.derive import differentiate
from diffexplore.formula.step_functions import StepFunction
from diffexplore.formula.text import to_text


@dataclass(frozen=True)
class EqualityQuestion:
    """Whether ``left``, or its derivative by ``symbol`` where one is given, is ``right``.

    ``needs``: where ``right`` has a value; ``defined``: where ``left`` has one as it is written. ``shown``: whether a
    counterexample shows where it is run; None where nothing is run.
    """

    left: sympy.Expr
    right: sympy.Expr
    symbol: sympy.Symbol | None
    domain: tuple[Boolean, ...]
    conventions: Mapping[Boolean, str]
    needs: tuple[Boolean, ...] = ()
    data: frozenset[sympy.Basic] = frozenset()
    inputs: frozenset[sympy.Basic] = frozenset()
    defined: tuple[Boolean, ...] = ()
    shown: Shown | None = None

    def shows(self, found: Counterexample) -> bool:
        """Whether a counterexample shows."""
        return self.shown is None or self.shown(found)

    @cached_property
    def varied(self) -> frozenset[sympy.Basic]:
        """All symbols that may be differentiated by, here or in another question: all but data and further inputs."""
        sides = [side.free_symbols for side in (self.left, self.right)]
        return (
            frozenset().union(*sides) - self.of_each_sample - self.data - self.inputs - {SAMPLES} | self.differentiated
        )

    @cached_property
    def of_each_sample(self) -> frozenset[sympy.Basic]:
        """The data, where the question is about samples: what sums bind, and what is stated to be data."""
        bound = bound_symbols(self.left, self.right)
        batch = bound or SAMPLES in self.left.free_symbols | self.right.free_symbols
        return frozenset(bound | self.data) if batch else frozenset()

    @cached_property
    def bound_only(self) -> set[sympy.Basic]:
        """The data that stand in sums only."""
        sides = [part for part in (self.left, self.right, self.symbol) if part is not None]
        free = set().union(*(side.free_symbols for side in sides))
        return bound_symbols(*sides) - free

    @property
    def differentiated(self) -> frozenset[sympy.Basic]:
        """The symbol that is differentiated by: conditions without it are cases, not kinks."""
        return frozenset(() if self.symbol is None else (self.symbol,))

    def on_equations(self, start: Region, ignored: Set[sympy.Basic] = frozenset()) -> Region:
        """The part of a region where the equations of the domain hold; the whole where they cannot be solved."""
        for p in equations(self.domain):
            if p.free_symbols & ignored:
                continue
            parts = seam_regions(start, p, self.differentiated, self.of_each_sample)
            start = parts[0] if parts is not None and len(parts) == 1 else start
        return start

    def inside(self, resolver: Resolver, ignored: Set[sympy.Basic] = frozenset()) -> bool:
        """Whether a region is in the domain, but for conditions on symbols that are ``ignored``.

        The conditions of the conventions have one answer on it, too.
        """
        relevant = [condition for condition in self.domain if not condition.free_symbols & ignored]
        if not all(map(resolver.is_true, relevant)):
            return False
        for condition in self.conventions:
            if not condition.free_symbols & ignored:
                resolver(condition)
        resolver.boundaries.clear()  # those of the domain and the conventions are none of the two sides
        return True

    def may_be_defined(self, resolver: Resolver) -> bool:
        """Whether what was written may have a value on a region, where its expression has one."""
        return all(left_open(need_on(resolver, one), resolver.region, ()) is not None for one in self.defined)

    def departures(self, resolver: Resolver) -> list[str]:
        """The conventions that hold on a region, as side conditions: "for x ≤ 20: …"."""
        return [
            departure_text(condition, text)
            for condition, text in self.conventions.items()
            if _holds(condition, resolver)
        ]

    def interior(self) -> Region:
        """Where the strict inequalities of the domain hold: nothing happens at their boundaries."""
        region = Region()
        for condition in self.domain:
            if isinstance(condition, (sympy.Gt, sympy.Lt)):
                region = region.split(condition.gts - condition.lts)[0]
        return region

    @property
    def unresolved(self) -> tuple[sympy.Expr | None, sympy.Expr]:
        """The two sides as they were given, branches and all; None for a derivative."""
        return self.left if self.symbol is None else None, self.right

    @property
    def branches(self) -> bool:
        """Whether the sides as they were given have branches, so that a case may have taken another one."""
        return any(side is not None and has_branches(side) for side in self.unresolved)

    def sides(self, resolver: Resolver) -> tuple[sympy.Expr, sympy.Expr, sympy.Expr]:
        """On a region: the left side as it was given, the two expressions that should be equal."""
        given, right = resolver(self.left), resolver(self.right)
        if self.symbol is None:
            return given, given, right
        return given, resolver(differentiate(given, self.symbol, partial_through_sums)), right


def departure_text(condition: Boolean, text: str) -> str:
    """A convention as a side condition: what is claimed where it does not hold."""
    return f"for {to_text(sympy.Not(condition))}: {text}"


def _holds(condition: Boolean, resolver: Resolver) -> bool:
    try:
        return resolver.is_true(condition)
    except Undecided:  # of data in sums: a condition for the samples
        return False


def ask(
    left: sympy.Expr,
    right: sympy.Expr,
    symbol: sympy.Symbol | None,
    domain: Iterable[Boolean],
    conventions: Mapping[Boolean, str],
    needs: Iterable[Boolean] = (),
    data: Iterable[sympy.Symbol] = (),
    inputs: Iterable[sympy.Symbol] = (),
    defined: Iterable[Boolean] = (),
    shown: Shown | None = None,
) -> EqualityQuestion:
    """The question in real symbols; raises :class:`Unsupported` where two different ones have one name."""
    conditions, needs, data, inputs, defined = map(list, (domain, needs, data, inputs, defined))
    every: list[sympy.Basic] = [left, right, *conditions, *conventions, *needs, *data, *inputs, *defined]
    every += [symbol] if symbol is not None else []
    named: dict[str, sympy.Basic] = {}
    for found in sorted({symbol for part in every for symbol in part.atoms(sympy.Symbol)}, key=str):
        other = named.setdefault(found.name, found)
        if other != found:
            raise Unsupported(f"two different symbols are called {found.name!r}")
    _one_meaning(every)
    real: dict[Any, Any] = {found: sympy.Symbol(found.name, real=True) for found in named.values() if found != SAMPLES}
    conditions += [sympy.Gt(real[found], 0) for found in real if found.is_positive]
    floats = {number for part in every for number in part.atoms(sympy.Float)}
    exact = {number: sympy.Rational(number) for number in floats}
    swap = {**{old: new for old, new in real.items() if old != new}, **exact}

    def clean(part: Any) -> Any:
        return part.xreplace(swap) if swap else part

    return EqualityQuestion(
        clean(left),
        clean(right),
        None if symbol is None else clean(symbol),
        tuple(part for condition in map(clean, conditions) for part in _parts(condition)),
        {clean(condition): text for condition, text in conventions.items()},
        tuple(part for condition in map(clean, needs) for part in _parts(condition)),
        frozenset(map(clean, data)),
        frozenset(map(clean, inputs)),
        tuple(map(clean, defined)),
        shown,
    )


def check_steps(question: EqualityQuestion) -> None:
    """Raises :class:`Unsupported` where the symbol moves a step function by which a branch is taken.

    What is 0 there is no boundary: floor(a) is, from 0 to 1.
    """
    for side in (question.left, question.right):
        for branch in side.atoms(*BRANCHING):
            for step in branch.atoms(StepFunction):
                chosen = (
                    [condition for _, condition in branch.args] if isinstance(branch, sympy.Piecewise) else [branch]
                )
                if question.symbol in step.atoms(sympy.Symbol) and any(one.has(step) for one in chosen):
                    raise Unsupported(f"a branch is taken by {to_text(step)}, which jumps as {question.symbol} moves")


def _one_meaning(every: Iterable[sympy.Basic]) -> None:
    """Inside a sum a data symbol is that of each sample: none may stand there for one sample only."""
    every = list(every)
    bound = bound_symbols(*every)
    for one in (one for part in every for one in sums_in(part)):
        for symbol in sorted(one.summand.free_symbols & bound - set(one.symbols), key=str):
            raise Unsupported(f"{symbol} is that of each sample in one sum and that of one sample in another")


def _parts(condition: Boolean) -> tuple[Boolean, ...]:
    return condition.args if isinstance(condition, sympy.And) else (condition,)
