"""Where a formula has a slope as it was written, and SymPy's form no longer says so: exp(log(a)) is a to SymPy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import sympy
from sympy.core.relational import Relational
from sympy.logic.boolalg import Boolean

from diffexplore.decide.domain_conditions import DomainCondition, left_open, own_conditions
from diffexplore.decide.regions import Region
from diffexplore.formula.batch_sums import SAMPLES, BatchSum
from diffexplore.formula.elimination import exclude_each_other
from diffexplore.loss import Loss
from diffexplore.torch_ops.domains import either
from diffexplore.torch_ops.readers.logic import opposite


def lost_conditions(written: Iterable[Boolean], expression: sympy.Expr, *, slope: bool = True) -> list[Boolean]:
    """What of the conditions under which a formula has a value its other form does not need.

    A root has a value at 0, too, but not on both sides of it: where that is lost, its argument has to be positive for a
    ``slope``. Conditions on a batch as a whole, and those that are never met, are none of a summand.
    """
    plain = frozenset(need for need, path in _needs(expression) if path == sympy.true)
    kept = set(value_conditions(expression))
    found: dict[Boolean, None] = {}
    for condition in written:
        if condition not in kept and not condition.has(BatchSum, SAMPLES):
            for one in left_open(condition, Region(), plain) or ():
                found |= dict.fromkeys(_compared(one, slope))
    return [condition for condition in found if condition != sympy.true]


def written_domain(loss: Loss, *, slope: bool = True) -> list[Boolean]:
    """Where a loss has a slope, or a value, as it was written, as far as SymPy lost that: that a > 0 in exp(log(a)).

    A loss that was read from a torch function has it among the conditions of its domain as well.
    """
    if loss.program is not None:
        return lost_conditions(loss.program.needs, loss.expression, slope=slope)
    return [] if loss.rewritten is None else lost_conditions(value_conditions(loss.shown), loss.expression, slope=slope)


def value_conditions(expression: sympy.Expr) -> tuple[Boolean, ...]:
    """Under which conditions an expression has a value, computed as it is: what a branch needs, where it is taken."""
    found = (either(opposite(path), need.condition) for need, path in _needs(expression))
    return tuple(dict.fromkeys(condition for condition in found if condition != sympy.true))


def _needs(expression: sympy.Expr) -> Iterator[tuple[DomainCondition, Boolean]]:
    """What the parts of an expression need, each with the condition under which it is computed."""
    waiting: list[tuple[sympy.Basic, Boolean]] = [(expression, sympy.true)]
    seen = set(waiting)
    while waiting:
        part, path = waiting.pop()
        yield from ((need, path) for need in own_conditions(part, part.args))
        for one in reversed(list(_computed(part, path))):
            if one not in seen:
                seen.add(one)
                waiting.append(one)


def _computed(part: sympy.Basic, path: Boolean) -> Iterator[tuple[sympy.Basic, Boolean]]:
    """The arguments of a part, each with the condition under which it is computed."""
    if not isinstance(part, sympy.Piecewise):
        yield from ((argument, path) for argument in part.args)
        return
    for branch, condition in part.args:
        yield condition, path
        yield branch, sympy.And(path, condition)
        path = sympy.And(path, opposite(condition))


def _compared(need: DomainCondition | Boolean, slope: bool) -> tuple[Boolean, ...]:
    """A need as comparisons that are read at a glance: 1 − a² > 0 is a < 1 and a > −1."""
    if not isinstance(need, DomainCondition):
        return (_shorter(need),)
    condition = (replace(need, kind="positive") if slope and need.kind == "nonnegative" else need).condition
    if not isinstance(condition, Relational):
        return (condition,)
    constant, rest = need.expr.as_coeff_Add()
    square, root = -rest, sympy.sqrt(constant)
    if need.kind != "nonzero" and square.is_Pow and square.exp == 2 and root.is_Rational and root > 0:
        strict = isinstance(condition, sympy.Gt)
        return (square.base < root, square.base > -root) if strict else (square.base <= root, square.base >= -root)
    return (condition.func(rest, -constant).canonical,)


def _shorter(condition: Boolean) -> Boolean:
    """A choice without the parts that imply others; true where it leaves nothing out."""
    parts = list(sympy.Or.make_args(condition))
    if exclude_each_other([opposite(part) for part in parts]):
        return sympy.true
    for part in tuple(parts):
        if any(exclude_each_other([part, opposite(other)]) for other in parts if other != part):
            parts.remove(part)
    return sympy.Or(*parts)
