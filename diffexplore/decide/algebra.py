"""The cases of a question, and whether algebra settles them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress

import sympy
from sympy.logic.boolalg import Boolean

from diffexplore.decide import domain_conditions as domain
from diffexplore.decide.branches import Resolver, Undecided, need_on, regions
from diffexplore.decide.case import Both, Piece, RegionCase, Requirements, requirements_of
from diffexplore.decide.domain_conditions import DomainCondition
from diffexplore.decide.generators import with_converter
from diffexplore.decide.question import EqualityQuestion
from diffexplore.decide.records import Undefined, Unsupported
from diffexplore.decide.regions import Region
from diffexplore.decide.same import same_but_for_numbers
from diffexplore.decide.side_conditions import SideCondition
from diffexplore.decide.sums import SumRule, as_one_summand, bound_symbols, sums_in
from diffexplore.decide.zeros import Zeros, facts, vanishes, vanishes_opaquely

EQUAL_SUMMANDS = "equal summands, for every number of samples"
"""How a case was shown whose sides are one sum, each summand of which vanishes."""


def cases(question: EqualityQuestion, start: Region | None = None) -> Iterator[RegionCase]:
    """The question on each region of its domain, or of the seam ``start``."""

    def look(resolver: Resolver) -> tuple[sympy.Expr, sympy.Expr, sympy.Expr, Both] | None:
        if not question.inside(resolver, question.bound_only):  # conditions on data in sums only are for the samples
            return None
        sides = question.sides(resolver)
        return *sides, Both(requirements_of((question.left,), resolver), requirements_of((question.right,), resolver))

    start = start or question.on_equations(Region(), question.bound_only)
    for resolver, (given, left, right, requirements) in regions(look, Zeros(), start):
        requirements.left.certain |= _of_one_sample(requirements.left, resolver.region)
        same = left == right or same_but_for_numbers(left, right)
        yield RegionCase(resolver, given, left, right, requirements, question.of_each_sample, same)


def _of_one_sample(requirements: Requirements, region: Region) -> set[DomainCondition]:
    """What sums certainly need of the sample that stands outside them: it is one of theirs, and NaN stays."""
    found, resolver = Requirements(), Resolver(region, Zeros())
    with suppress(Undecided):  # in branches that the region leaves open
        for one, place in requirements.places.items():
            found.read(one.summand, resolver, place)
    return found.certain


def settle(
    question: EqualityQuestion, case: RegionCase, refuted: Callable[[RegionCase], bool] = lambda _: False
) -> None:
    """Prove the case if algebra can, or note why it needs no proof.

    Where it needs one and ``refuted`` says that there is none, it is left open. That is called with the case and its
    pieces, before the algebra.
    """
    region, requirements = case.resolver.region, case.requirements
    certain = requirements.left.certain
    needs = [
        need if need.free_symbols & question.bound_only else need_on(case.resolver, need) for need in question.needs
    ]
    case.required = (*needs, *requirements.open(region))
    if any(need.fails(region) for need in certain):
        case.excepted, case.note = True, "the left side has no value"
        return
    outside = [need for need in needs if not need.free_symbols & question.bound_only]
    stated = requirements.stated((case.left, case.right), region)
    if not _require(case, outside, region, (*certain, *stated)):
        case.excepted, case.note = True, "the right side has no value"
        has_value = domain.without_value((case.given, case.left), region, requirements.left.every) is None
        if has_value and question.may_be_defined(case.resolver):
            case.unvalued.append(domain.unvalued_on(outside, region, certain, case.left, of_sample=False))
        return
    for name, sides, found in (
        ("left", (case.given, case.left), requirements.left),
        ("right", (case.right,), requirements.right),
    ):
        if (failing := domain.without_value(sides, region, found.every)) is not None:
            _without_value(case, name, failing)
            return
    try:
        case.pieces = list(pieces_of(question, case))
        case.proved = not refuted(case) and equal(question, case)
    except Undefined as nothing:
        case.note = str(nothing)
        if _undefined(case.right):
            _without_value(case, "right", ())
        return
    except Unsupported as unsupported:
        case.note = str(unsupported)
        return
    if case.proved:
        case.needs += [SideCondition(need, case.data) for need in stated]
        for piece in case.pieces:
            inner = piece.requirements.stated((*piece.left, *piece.right), piece.resolver.region)
            case.needs += [SideCondition(need, case.data) for need in inner]
    elif departures := question.departures(case.resolver):
        case.excepted, case.conditions = True, [*case.conditions, *departures]


def _require(case: RegionCase, requested: Iterable[Boolean], region: Region, given: Iterable[DomainCondition]) -> bool:
    """State what a region leaves open of the needs that came with the question; False where one fails.

    ``given`` is what holds where the left side has a value, and what is stated in any case.
    """
    holds = True
    for condition in requested:
        found = domain.left_open(condition, region, given)
        holds &= found is not None
        for one in domain.stated_whole(condition) if found is None else found:
            if isinstance(one, DomainCondition):
                case.needs.append(SideCondition(one, case.data))
            else:
                text = _of_samples(case, one)
                case.conditions.append(text)
                case.choices[text] = frozenset(_of_samples(case, part) for part in sympy.Or.make_args(one))
    return holds


def _of_samples(case: RegionCase, condition: Boolean) -> str:
    return domain.text_of(condition) + (" for every sample" if condition.free_symbols & case.data else "")


def _without_value(case: RegionCase, side: str, failing: Iterable[DomainCondition]) -> None:
    """Leave the case out, and say so: by what a side needs and lacks there, or by the region."""
    case.excepted, case.note = True, f"the {side} side has no value"
    case.needs += [SideCondition(need, case.data) for need in failing]
    if not failing:
        case.conditions.append(f"not where {case.resolver.region}: there the {side} side has no value")


def _undefined(expr: sympy.Expr) -> bool:
    try:
        with_converter(lambda converter: converter.convert(expr))
    except Undefined:
        return True
    except Unsupported:
        return False
    return False


def bound_in(case: RegionCase) -> set[sympy.Basic]:
    """The symbols that sums bind, those of the bounds of the region as well."""
    return bound_symbols(*(direction for direction, _ in case.resolver.region.bounds), *case.sides)


def pieces_of(question: EqualityQuestion, case: RegionCase, seam: Region | None = None) -> Iterator[Piece]:
    """The regions in which a sample may lie, or those of a ``seam``: where the summands as given have a value."""
    found = [sums_in(side) for side in case.sides]
    bound = bound_in(case)
    if not bound:
        return

    def look(resolver: Resolver) -> tuple[Both, list[tuple[sympy.Expr, ...]]] | None:
        if not question.inside(resolver):
            return None
        summands = [tuple(resolver(one.summand) for one in sums) for sums in found]
        return case.requirements.inside(resolver), summands

    start = seam or question.on_equations(case.resolver.region.without(bound))
    for resolver, (both, (given, left, right)) in regions(look, Zeros(), start):
        region, certain = resolver.region, both.left.certain
        inside = [need_on(resolver, need) for need in question.needs if need.free_symbols & bound]
        if any(need.fails(region) for need in certain):
            case.partial = True
        elif not _require(case, inside, region, (*certain, *both.stated((*left, *right), region))):
            case.partial = True
            has_value = domain.without_value((*given, *left), region, both.left.every) is None
            if has_value and len(left) == 1 and question.may_be_defined(resolver):
                case.unvalued.append(domain.unvalued_on(inside, region, certain, left[0], of_sample=True))
        elif (failing := domain.without_value((*given, *left), region, both.left.every)) is not None:
            _no_sample(case, region, "left", failing)
        elif (failing := domain.without_value(right, region, both.right.every)) is not None:
            _no_sample(case, region, "right", failing)
        else:
            yield Piece(resolver, given, left, right, both)


def _no_sample(case: RegionCase, region: Region, side: str, failing: Iterable[DomainCondition]) -> None:
    case.partial = True
    case.needs += [SideCondition(need, case.data) for need in failing]
    if not failing:
        case.conditions.append(f"no sample where {region}: there the {side} side has no value")


def equal(question: EqualityQuestion, case: RegionCase) -> bool:
    """Whether algebra shows that the sides of a case are equal, with samples in each of its pieces."""
    if case.left == case.right:
        case.note = "the same expression"
        return True
    difference = case.left - case.right
    if not sums_in(difference):
        case.note = "rational functions of independent generators"
        needed = (case.left, case.right)
        return case.same or vanishes_opaquely(difference) or vanishes(difference, facts(case.resolver, needed))
    if not case.pieces:
        case.note = "no sample has a value"
        return False
    rule = SumRule(bound_symbols(difference), [piece.resolver for piece in case.pieces])
    summand = as_one_summand(difference)
    if summand is not None and (case.same or _summand_vanishes(question, case, summand, rule)):
        case.note = EQUAL_SUMMANDS
        return True
    case.note = "sums in canonical form, for every number of samples"
    if case.same or vanishes_opaquely(difference, rule):
        return True
    return vanishes(difference, facts(case.resolver, (difference,)), rule)


def _summand_vanishes(question: EqualityQuestion, case: RegionCase, summand: sympy.Expr, rule: SumRule) -> bool:
    """Whether it is 0 in every piece, those of the conventions set apart."""
    departures, shown = dict[str, None](), []
    for piece in case.pieces:
        zero = False
        with suppress(Undecided):
            resolved = piece.resolver(summand)
            zero = vanishes_opaquely(resolved, rule) or vanishes(
                resolved, facts(piece.resolver, (resolved, *piece.left, *piece.right)), rule
            )
        if not zero:
            texts = question.departures(piece.resolver)
            if not texts:
                return False
            departures.update(dict.fromkeys(texts))
        else:
            shown.append(piece)
    if not shown:
        return False
    case.conditions += departures
    case.partial |= len(shown) < len(case.pieces)
    case.pieces = shown
    return True
