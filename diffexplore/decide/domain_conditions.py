"""Where expressions have a real value, the conditions that come with a question, and what of them a proof states."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import sympy
from sympy.core.relational import Relational
from sympy.logic.boolalg import Boolean

from diffexplore.decide.implied import bounds_to_exclude, linear_bounds
from diffexplore.decide.records import Unsupported, Unvalued
from diffexplore.decide.regions import Region
from diffexplore.formula.batch_sums import BatchSum
from diffexplore.formula.singularities import nonzero_in
from diffexplore.formula.text import to_text
from diffexplore.functions.domains import Kind
from diffexplore.functions.tables import domain_of


@dataclass(frozen=True)
class DomainCondition:
    """What must hold of ``expr`` for an expression to have a value; "no pole": it is not 0, −1, −2, …"""

    expr: sympy.Expr
    kind: Kind

    def holds(self, region: Region) -> bool:
        """Whether it is certain on the region."""
        return region.sign(self.expr).meet(self.kind)

    def fails(self, region: Region) -> bool:
        """Whether it certainly fails on the whole region."""
        wrong = {"nonzero": {0}, "nonnegative": {-1}, "positive": {-1, 0}, "no pole": {0}}[self.kind]
        return region.sign(self.expr) <= wrong

    @property
    def condition(self) -> Boolean:
        """As SymPy has it; of poles nothing is stated."""
        kinds = {"nonzero": sympy.Ne, "nonnegative": sympy.Ge, "positive": sympy.Gt}
        return kinds[self.kind](self.expr, 0) if self.kind in kinds else sympy.true

    def text(self) -> str:
        if self.kind == "no pole":
            return f"{to_text(self.expr)} is not 0, −1, −2, …"
        sign = {"nonzero": "≠", "nonnegative": "≥", "positive": ">"}[self.kind]
        constant, rest = self.expr.as_coeff_Add()
        if rest.could_extract_minus_sign():
            flipped = {"≠": "≠", "≥": "≤", ">": "<"}[sign]
            return f"{to_text(-rest)} {flipped} {to_text(constant)}"
        return f"{to_text(rest)} {sign} {to_text(-constant)}"


def domain_conditions(expressions: Iterable[sympy.Basic]) -> frozenset[DomainCondition]:
    """The conditions under which expressions without branches have a value, outside their sums."""
    seen: set[sympy.Basic] = set()
    return frozenset(condition for expr in expressions for condition in _walk(expr, seen))


def has_no_value(expressions: Iterable[sympy.Expr], region: Region) -> bool:
    """Whether one of them certainly has no value on the whole region."""
    return without_value(expressions, region) is not None


def without_value(
    expressions: Iterable[sympy.Expr], region: Region, further: Iterable[DomainCondition] = ()
) -> tuple[DomainCondition, ...] | None:
    """What expressions, or ``further`` needs, certainly lack on the whole region; None for nothing.

    Where something that is lacking holds nowhere, or has no words, the region is left to say so: nothing is given.
    """
    every = tuple(expressions)
    own = domain_conditions(every).union(further)
    failing = sorted((condition for condition in own if condition.fails(region)), key=DomainCondition.text)
    if not failing and not any(expr.has(sympy.nan, sympy.zoo, sympy.oo, -sympy.oo) for expr in every):
        return None
    has_words = all(need.expr.free_symbols and not need.fails(Region()) for need in failing)
    return tuple(failing) if has_words else ()


def _walk(expr: sympy.Basic, seen: set[sympy.Basic]) -> Iterator[DomainCondition]:
    if expr in seen or isinstance(expr, BatchSum):
        return
    seen.add(expr)
    yield from own_conditions(expr, expr.args)
    for argument in expr.args:
        yield from _walk(argument, seen)


def own_conditions(expr: sympy.Basic, arguments: Sequence[Any]) -> Iterator[DomainCondition]:
    """The conditions on these arguments of a node of the kind of ``expr``."""
    domain = domain_of(expr)
    if domain is not None:
        yield from (DomainCondition(*need) for need in domain.needs(*arguments))


def nonnegative_by(found: Iterable[DomainCondition]) -> list[sympy.Expr]:
    """What is not negative where all of it holds."""
    return [need.expr for need in found if need.kind in ("positive", "nonnegative")]


def conditions(
    needed: Iterable[DomainCondition], given: Iterable[DomainCondition], region: Region
) -> list[DomainCondition]:
    """The needs that are not certain on the region and are not among those given."""
    given = set(given)
    strict = {need.expr for need in given if need.kind in ("positive", "nonzero")}
    loose = {need.expr for need in given if need.kind in ("positive", "nonnegative")}
    region = _refined(region, given)
    factors = {factor for expr in strict for factor in _factors(expr)}
    bounds = linear_bounds(loose)
    needed, found = set(needed), dict[DomainCondition, None]()
    for need in sorted(needed, key=lambda one: (str(one.expr), one.kind)):
        if need.holds(region) or need in given or (need.kind == "nonnegative" and need.expr in loose):
            continue
        if need.kind == "no pole" and not {DomainCondition(need.expr, "positive")}.isdisjoint((*needed, *given)):
            continue  # that is stated, or given
        if (
            need.kind == "positive"
            and {DomainCondition(need.expr, "nonzero"), DomainCondition(need.expr, "nonnegative")} <= given
        ):
            continue
        if need.kind == "nonzero" or (need.kind == "positive" and need.expr in loose):
            for factor in sorted(_factors(need.expr), key=str):
                one = DomainCondition(factor, "nonzero")
                certain = one.holds(region) or bounds_to_exclude((factor, "nonzero"), bounds, region) == []
                if factor not in factors and not certain:
                    found[one] = None
        elif (left := bounds_to_exclude((need.expr, need.kind), bounds, region)) is not None:
            found |= {one: None for p in left if (one := DomainCondition(p, "nonzero")) not in given}
        else:
            found[need] = None
    return list(found)


def _refined(region: Region, given: Iterable[DomainCondition]) -> Region:
    """The part of the region in which what is given holds."""
    for need in sorted(given, key=lambda one: str(one.expr)):
        if need.kind == "positive" and need.expr.free_symbols and region.sign(need.expr).certain is None:
            region = region.split(need.expr)[0]
    return region


def _factors(expr: sympy.Expr) -> frozenset[sympy.Basic]:
    """What of a product may be 0."""
    if expr.has(BatchSum):
        return frozenset((expr,))
    return nonzero_in([sympy.Ne(expr, 0)])


Open: TypeAlias = DomainCondition | Boolean
"""What is to be stated: most is a need; a choice ("x > 0 or y > 0") or an equation is kept as it is."""

_KINDS: dict[type, Kind] = {
    sympy.Ne: "nonzero", sympy.Gt: "positive", sympy.Lt: "positive", sympy.Ge: "nonnegative", sympy.Le: "nonnegative",
}  # fmt: skip


def left_open(condition: Boolean, region: Region, given: Iterable[DomainCondition]) -> tuple[Open, ...] | None:
    """What of a condition is neither certain on the region nor among the needs given; None where it certainly fails."""
    if condition in (sympy.true, sympy.false):
        return () if condition == sympy.true else None
    if isinstance(condition, sympy.And):
        parts = [left_open(part, region, given) for part in condition.args]
        if any(part is None for part in parts):
            return None
        return tuple(one for part in parts for one in part or ())
    if isinstance(condition, sympy.Or):
        return _choice(condition, region, given)
    if not isinstance(condition, Relational):
        raise Unsupported(f"there is no rule for the condition {condition}")
    p = difference(condition)
    if isinstance(condition, sympy.Eq):
        requirements = domain_conditions((p,))  # where it has no value, a comparison with it is false
        if 0 not in region.sign(p) or any(need.fails(region) for need in requirements):
            return None
        left: tuple[Open, ...] = (condition,) if region.sign(p).certain is None else ()
        return (*left, *conditions(requirements, given, region))
    need = _need(condition)
    every = {need, *domain_conditions((need.expr,))}
    if any(need.fails(region) for need in every):
        return None
    return tuple(conditions(every, given, region))


def _choice(condition: sympy.Or, region: Region, given: Iterable[DomainCondition]) -> tuple[Open, ...] | None:
    parts = [part for one in condition.args if (part := left_open(one, region, given)) is not None]
    if not parts:
        return None
    if any(part == () for part in parts):
        return ()
    return parts[0] if len(parts) == 1 else (condition,)


def stated_whole(condition: Boolean) -> tuple[Open, ...]:
    """All of a condition, for where it fails."""
    if isinstance(condition, sympy.And):
        return tuple(one for part in condition.args for one in stated_whole(part))
    return (_need(condition),) if type(condition) in _KINDS else (condition,)


def _need(comparison: Relational) -> DomainCondition:
    """What a comparison, but for an equation, says of one expression: of 1/Γ(x) ≠ 0 that x is no pole."""
    p = difference(comparison)
    if isinstance(comparison, sympy.Ne) and p.is_Pow and p.exp == -1 and isinstance(p.base, sympy.gamma):
        return DomainCondition(p.base.args[0], "no pole")
    return DomainCondition(p, _KINDS[type(comparison)])


def difference(condition: Relational) -> sympy.Expr:
    """What is compared with 0: larger minus smaller."""
    if isinstance(condition, (sympy.Eq, sympy.Ne)):
        return condition.lhs - condition.rhs
    return condition.gts - condition.lts


def text_of(condition: Boolean) -> str:
    """The condition in words."""
    if isinstance(condition, (sympy.Or, sympy.And)):
        word = " or " if isinstance(condition, sympy.Or) else " and "
        ordered = sorted(condition.args, key=sympy.default_sort_key)
        return word.join(
            f"({text_of(part)})" if part.args and part.has(sympy.And, sympy.Or) else text_of(part) for part in ordered
        )
    if isinstance(condition, sympy.Eq):
        return DomainCondition(difference(condition), "nonzero").text().replace("≠", "=")
    return _need(condition).text() if type(condition) in _KINDS else str(condition)


def unvalued_on(
    requested: Iterable[Boolean], region: Region, given: Iterable[DomainCondition], left: sympy.Expr, *, of_sample: bool
) -> Unvalued:
    """That what is requested fails on a region, in the bounds that it is about."""
    failing = [condition for condition in requested if left_open(condition, region, given) is None]
    about = {symbol for condition in failing for symbol in condition.free_symbols}
    order = (sympy.Gt, sympy.Lt, sympy.Ge, sympy.Le)
    return Unvalued(
        str(region.about(about)), to_text(left), of_sample, any(isinstance(condition, order) for condition in failing)
    )
