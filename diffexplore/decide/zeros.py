"""Whether expressions without branches are 0: by a first look, and by all identities that are known."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

import sympy

from diffexplore.decide import domain_conditions as domain
from diffexplore.decide.branches import Resolver
from diffexplore.decide.generators import Converter, with_converter
from diffexplore.decide.opaque import OpaqueConverter
from diffexplore.decide.records import Undefined, Unsupported
from diffexplore.decide.sums import SumRule, sums_in


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


def facts(resolver: Resolver, expressions: Iterable[sympy.Expr]) -> list[sympy.Expr]:
    """What is not negative on a region where expressions have a value."""
    return [*resolver.region.nonnegative(), *domain.nonnegative_by(domain.domain_conditions(expressions))]


def vanishes_opaquely(expr: sympy.Expr, rule: SumRule | None = None) -> bool:
    """Whether ``expr`` is 0 whatever its functions and quotients are, wherever they are defined."""

    def work(converter: Converter) -> bool:
        converter.sum_rule = rule
        return converter.ring.is_zero(converter.convert(expr))

    with suppress(Unsupported, Undefined):
        return bool(with_converter(work, OpaqueConverter))
    return False


def vanishes(expr: sympy.Expr, nonnegative: Iterable[sympy.Expr], rule: SumRule | None = None) -> bool:
    """Whether ``expr`` is shown to be 0 wherever it is defined and the given expressions are not negative."""
    known = tuple(nonnegative)

    def work(converter: Converter) -> bool:
        converter.sum_rule = rule
        with converter.assuming("here", known):
            return converter.vanishes(expr) if rule is None else rule.vanishes(converter, expr)

    return bool(with_converter(work))
