"""The cases of a question, and whether algebra settles them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import sympy

from diffexplore.proof.branches import Resolver, regions
from diffexplore.proof.definedness import Need, conditions, needs, nonnegative_by
from diffexplore.proof.generators import Converter, with_converter
from diffexplore.proof.question import Question
from diffexplore.proof.records import Undefined, Unsupported
from diffexplore.proof.sums import SumRule, as_one_summand, sums_in


@dataclass
class Case:
    """A region on which both sides are smooth outside their sums, and what is known of them there."""

    resolver: Resolver
    given: sympy.Expr
    left: sympy.Expr
    right: sympy.Expr
    proved: bool = False
    excepted: bool = False  # by a convention, or because one side has no value here
    conditions: list[str] = field(default_factory=list)
    note: str = ""
    boundaries: dict[sympy.Expr, None] = field(default_factory=dict)

    @property
    def settled(self) -> bool:
        return self.proved or self.excepted


def cases(question: Question) -> Iterator[Case]:
    """The question on each region of its domain."""

    def look(resolver: Resolver) -> tuple[sympy.Expr, sympy.Expr, sympy.Expr] | None:
        return question.sides(resolver) if question.inside(resolver) else None

    for resolver, sides in regions(look, Zeros()):
        yield Case(resolver, *sides, boundaries=dict(resolver.boundaries))


class Zeros:
    """Whether expressions without sums vanish everywhere, remembered."""

    def __init__(self) -> None:
        self._known: dict[sympy.Expr, bool] = {}

    def __call__(self, expr: sympy.Expr) -> bool:
        if expr not in self._known:
            try:
                self._known[expr] = not sums_in(expr) and with_converter(lambda converter: converter.vanishes(expr))
            except (Unsupported, Undefined):
                self._known[expr] = False
        return self._known[expr]


def settle(question: Question, case: Case) -> None:
    """Prove the case if algebra can, or note why it needs no proof."""
    region = case.resolver.region
    given, left, right = (needs(side) for side in (case.given, case.left, case.right))
    if any(need.fails(region) for need in needs(case.given, sums=False) | needs(case.left, sums=False)):
        case.excepted, case.note = True, "the left side has no value"
        return
    if any(need.fails(region) for need in needs(case.right, sums=False)):
        _without_value(case)
        return
    try:
        case.proved = _equal(question, case, left | right)
    except Undefined as nothing:
        case.note = str(nothing)
        if _has_no_value(case.right):
            _without_value(case)
        return
    except Unsupported as unsupported:
        case.note = str(unsupported)
        return
    if case.proved:
        case.conditions += conditions(left | right, given, region)
    elif departures := question.departures(case.resolver):
        case.excepted, case.conditions = True, departures


def _without_value(case: Case) -> None:
    case.excepted, case.note = True, "the right side has no value"
    case.conditions = [f"not where {case.resolver.region}: there the right side has no value"]


def _has_no_value(expr: sympy.Expr) -> bool:
    try:
        with_converter(lambda converter: converter.convert(expr))
    except Undefined:
        return True
    except Unsupported:
        return False
    return False


def _equal(question: Question, case: Case, needed: frozenset[Need]) -> bool:
    if case.left == case.right:
        case.note = "the same expression"
        return True
    difference = case.left - case.right
    if not sums_in(difference):
        case.note = "rational functions of independent generators"
        facts = [*case.resolver.region.nonnegative(), *nonnegative_by(needed)]
        return _vanishes(difference, facts)
    summand = as_one_summand(difference)
    if summand is not None and _summand_vanishes(question, case, summand):
        case.note = "equal summands, for every number of samples"
        return True
    case.note = "sums in canonical form, for every number of samples"
    return _canonical_vanishes(question, case, difference)


def _vanishes(expr: sympy.Expr, facts: list[sympy.Expr]) -> bool:
    def work(converter: Converter) -> bool:
        with converter.assuming("here", facts):
            return converter.vanishes(expr)

    return bool(with_converter(work))


def _summand_vanishes(question: Question, case: Case, summand: sympy.Expr) -> bool:
    """Whether it is 0 on every region in which a sample may lie, those of the conventions set apart."""
    rest, departures, zeros = sums_in(summand), dict[str, None](), Zeros()
    bound = {symbol for side in (case.left, case.right) for one in sums_in(side) for symbol in one.symbols}

    def look(resolver: Resolver) -> sympy.Expr | None:
        return resolver(summand) if question.inside(resolver) else None

    found = []
    for resolver, resolved in regions(look, zeros, case.resolver.region.without(bound)):
        own = needs(resolved, sums=False)
        if any(need.fails(resolver.region) for need in own):
            continue
        if rest:
            zero = _nested_vanishes(question, resolver, resolved)
        else:
            zero = _vanishes(resolved, [*resolver.region.nonnegative(), *nonnegative_by(own)])
        if not zero:
            texts = question.departures(resolver)
            if not texts:
                return False
            departures.update(dict.fromkeys(texts))
            continue
        found.append(resolver)
    if not found:
        return False
    case.conditions += departures
    for resolver in found:
        case.boundaries.update(resolver.boundaries)
    return True


def _nested_vanishes(question: Question, resolver: Resolver, expr: sympy.Expr) -> bool:
    rule = SumRule(expr, resolver.region, question.inside, Zeros())
    return _with_rule(expr, rule, [*resolver.region.nonnegative(), *nonnegative_by(needs(expr, sums=False))])


def _canonical_vanishes(question: Question, case: Case, difference: sympy.Expr) -> bool:
    region = case.resolver.region
    rule = SumRule(difference, region, question.inside, Zeros())
    facts = [*region.nonnegative(), *nonnegative_by(needs(difference, sums=False))]
    if not _with_rule(difference, rule, facts):
        return False
    for resolver in rule.resolvers:
        case.boundaries.update(resolver.boundaries)
    return True


def _with_rule(expr: sympy.Expr, rule: SumRule, facts: list[sympy.Expr]) -> bool:
    def work(converter: Converter) -> bool:
        converter.sum_rule = rule
        with converter.assuming("here", facts):
            return converter.vanishes(expr)

    return bool(with_converter(work))
