"""The cases of a question, and whether algebra settles them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field

import sympy
from sympy.logic.boolalg import Boolean

from diffexplore.proof.branches import Resolver, Undecided, regions
from diffexplore.proof.definedness import Need, conditions, has_no_value, needs, nonnegative_by
from diffexplore.proof.generators import Converter, with_converter
from diffexplore.proof.question import Question
from diffexplore.proof.records import Undefined, Unsupported
from diffexplore.proof.regions import Region
from diffexplore.proof.stated import Stated
from diffexplore.proof.sums import SumRule, as_one_summand, bound_symbols, sums_in
from diffexplore.proof.wanted import left_open, stated_whole, text_of
from diffexplore.symbolic.batch_sums import SAMPLES


@dataclass(frozen=True)
class Piece:
    """A region in which a sample may lie, and the summands there: as given, and of the two sides."""

    resolver: Resolver
    given: tuple[sympy.Expr, ...]
    left: tuple[sympy.Expr, ...]
    right: tuple[sympy.Expr, ...]


@dataclass
class Case:
    """A region on which both sides are smooth outside their sums, and what is known of them there."""

    resolver: Resolver
    given: sympy.Expr
    left: sympy.Expr
    right: sympy.Expr
    pieces: list[Piece] = field(default_factory=list)
    partial: bool = False  # there are regions of samples without a value
    proved: bool = False
    excepted: bool = False  # by a convention, or because one side has no value here
    conditions: list[str] = field(default_factory=list)
    needs: list[Stated] = field(default_factory=list)
    note: str = ""
    required: tuple[Boolean, ...] = ()  # where one does not hold, nothing is claimed

    @property
    def settled(self) -> bool:
        return self.proved or self.excepted

    @property
    def data(self) -> frozenset[sympy.Basic]:
        """The symbols that sums bind."""
        return frozenset(bound_symbols([one for side in self.sides for one in sums_in(side)]))

    @property
    def sides(self) -> tuple[sympy.Expr, sympy.Expr, sympy.Expr]:
        return self.given, self.left, self.right


def cases(question: Question) -> Iterator[Case]:
    """The question on each region of its domain."""

    def look(resolver: Resolver) -> tuple[sympy.Expr, sympy.Expr, sympy.Expr] | None:
        return question.sides(resolver) if question.outside_sums(resolver) else None

    for resolver, sides in regions(look, Zeros()):
        yield Case(resolver, *sides)


class Zeros:
    """Whether expressions without sums vanish everywhere, remembered."""

    def __init__(self) -> None:
        self._known: dict[sympy.Expr, bool] = {}

    def __call__(self, expr: sympy.Expr) -> bool:
        if expr not in self._known:
            try:
                self._known[expr] = not sums_in(expr) and vanishes(expr, ())
            except (Unsupported, Undefined):
                self._known[expr] = False
        return self._known[expr]


def settle(question: Question, case: Case) -> None:
    """Prove the case if algebra can, or note why it needs no proof."""
    region = case.resolver.region
    case.required = question.needs
    if has_no_value((case.given, case.left), region):
        case.excepted, case.note = True, "the left side has no value"
        return
    outside = [need for need in question.needs if not need.free_symbols & question.bound_only]
    data = case.data | question.data if case.data or SAMPLES in question.left.free_symbols else frozenset()
    if not _require(case, outside, region, needs((case.given,)), data):
        case.excepted, case.note = True, "the right side has no value"
        return
    if has_no_value((case.right,), region):
        _without_value(case)
        return
    try:
        case.pieces = list(_pieces(question, case))
        case.proved = _equal(question, case)
    except Undefined as nothing:
        case.note = str(nothing)
        if _undefined(case.right):
            _without_value(case)
        return
    except Unsupported as unsupported:
        case.note = str(unsupported)
        return
    if case.proved:
        _state(case)
    elif departures := question.departures(case.resolver):
        case.excepted, case.conditions = True, departures


def _require(
    case: Case, wanted: Iterable[Boolean], region: Region, given: Iterable[Need], data: frozenset[sympy.Basic]
) -> bool:
    """State what a region leaves open of the needs that came with the question; False where one fails."""
    holds = True
    for condition in wanted:
        found = left_open(condition, region, given)
        holds &= found is not None
        for one in stated_whole(condition) if found is None else found:
            if isinstance(one, Need):
                case.needs.append(Stated(one, data))
            else:
                case.conditions.append(text_of(one) + (" for every sample" if one.free_symbols & data else ""))
    return holds


def _without_value(case: Case) -> None:
    case.excepted, case.note = True, "the right side has no value"
    case.conditions = [f"not where {case.resolver.region}: there the right side has no value"]


def _undefined(expr: sympy.Expr) -> bool:
    try:
        with_converter(lambda converter: converter.convert(expr))
    except Undefined:
        return True
    except Unsupported:
        return False
    return False


def _pieces(question: Question, case: Case) -> Iterator[Piece]:
    """The regions in which a sample may lie: those on which the summands as given have a value."""
    found = [sums_in(side) for side in case.sides]
    in_bounds = [one for direction, _ in case.resolver.region.bounds for one in sums_in(direction)]
    every = [*in_bounds, *(one for sums in found for one in sums)]
    if not every:
        return

    def look(resolver: Resolver) -> list[tuple[sympy.Expr, ...]] | None:
        if not question.inside(resolver):
            return None
        return [tuple(resolver(one.summand) for one in sums) for sums in found]

    bound = bound_symbols(every)
    for resolver, (given, left, right) in regions(look, Zeros(), case.resolver.region.without(bound)):
        if has_no_value((*given, *left), resolver.region):
            case.partial = True
            continue
        if has_no_value(right, resolver.region):
            case.partial = True
            case.conditions.append(f"no sample where {resolver.region}: there the right side has no value")
            continue
        inside = [need for need in question.needs if need.free_symbols & bound]
        if not _require(case, inside, resolver.region, needs(given), case.data):
            case.partial = True
            continue
        yield Piece(resolver, given, left, right)


def _state(case: Case) -> None:
    """Note the conditions under which what was proved has a meaning."""
    given, left, right = (needs((side,)) for side in case.sides)
    case.needs += [Stated(need) for need in conditions(left | right, given, case.resolver.region)]
    for piece in case.pieces:
        given, left, right = needs(piece.given), needs(piece.left), needs(piece.right)
        found = conditions(left | right, given, piece.resolver.region)
        case.needs += [Stated(need, case.data) for need in found]


def _equal(question: Question, case: Case) -> bool:
    if case.left == case.right:
        case.note = "the same expression"
        return True
    difference = case.left - case.right
    if not sums_in(difference):
        case.note = "rational functions of independent generators"
        return vanishes(difference, _facts(case.resolver, needs((case.left, case.right))))
    if not case.pieces:
        case.note = "no sample has a value"
        return False
    rule = SumRule({symbol for one in sums_in(difference) for symbol in one.symbols}, [p.resolver for p in case.pieces])
    summand = as_one_summand(difference)
    if summand is not None and _summand_vanishes(question, case, summand, rule):
        case.note = "equal summands, for every number of samples"
        return True
    case.note = "sums in canonical form, for every number of samples"
    return vanishes(difference, _facts(case.resolver, needs((difference,))), rule)


def _facts(resolver: Resolver, needed: Iterable[Need]) -> list[sympy.Expr]:
    return [*resolver.region.nonnegative(), *nonnegative_by(needed)]


def vanishes(expr: sympy.Expr, nonnegative: Iterable[sympy.Expr], rule: SumRule | None = None) -> bool:
    """Whether ``expr`` is shown to be 0 wherever it is defined and the given expressions are not negative."""
    known = tuple(nonnegative)

    def work(converter: Converter) -> bool:
        converter.sum_rule = rule
        with converter.assuming("here", known):
            return converter.vanishes(expr) if rule is None else rule.vanishes(converter, expr)

    return bool(with_converter(work))


def _summand_vanishes(question: Question, case: Case, summand: sympy.Expr, rule: SumRule) -> bool:
    """Whether it is 0 in every piece, those of the conventions set apart."""
    departures, shown = dict[str, None](), []
    for piece in case.pieces:
        zero = False
        with suppress(Undecided):
            resolved = piece.resolver(summand)
            needed = needs((resolved, *piece.left, *piece.right))
            zero = vanishes(resolved, _facts(piece.resolver, needed), rule)
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
