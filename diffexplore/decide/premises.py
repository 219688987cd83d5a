"""Conditions that come with a question: the claimed side has a value under them alone."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

import sympy
from sympy.core.relational import Relational
from sympy.logic.boolalg import Boolean

from diffexplore.decide.domain_conditions import DomainCondition, conditions, needs
from diffexplore.decide.records import Unsupported, Unvalued
from diffexplore.decide.regions import Region
from diffexplore.formula.text import to_text
from diffexplore.functions.domains import Kind

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
    requirements = needs((p,))  # where it has no value, a comparison with it is false
    if isinstance(condition, sympy.Eq):
        if 0 not in region.sign(p) or any(need.fails(region) for need in requirements):
            return None
        left: tuple[Open, ...] = (condition,) if region.sign(p).certain is None else ()
        return (*left, *conditions(requirements, given, region))
    every = {DomainCondition(p, _KINDS[type(condition)]), *requirements}
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
    if type(condition) in _KINDS:
        return (DomainCondition(difference(condition), _KINDS[type(condition)]),)
    return (condition,)


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
    if type(condition) in _KINDS:
        return DomainCondition(difference(condition), _KINDS[type(condition)]).text()
    return str(condition)


def unvalued_on(
    requested: Iterable[Boolean], region: Region, given: Iterable[DomainCondition], left: sympy.Expr, *, of_sample: bool
) -> Unvalued:
    """That what is requested fails on a region: told by the bounds that it is about."""
    failing = [condition for condition in requested if left_open(condition, region, given) is None]
    about = {symbol for condition in failing for symbol in condition.free_symbols}
    order = (sympy.Gt, sympy.Lt, sympy.Ge, sympy.Le)
    return Unvalued(
        str(region.about(about)),
        to_text(left),
        of_sample,
        any(isinstance(condition, order) for condition in failing),
    )
