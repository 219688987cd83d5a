"""Branches that the differentiated symbol does not move, decided for whatever they are: a proof for all their values.

In the partial by a weight of one unit of a layer, max(0, z) of every other unit is a number. If a claim is right for
all values of a symbol t that stands for it, it is right for the one that it has: t does not depend on the symbol s
that is differentiated by, so that ∂F(s, t)/∂s at t = max(0, z) is the derivative of F(s, max(0, z)). What is left has
the branches of one unit, where all of them together have 2ⁿ regions.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction
from typing import Any

import sympy
from sympy.logic.boolalg import Boolean

from diffexplore.decide.branches import BRANCHING
from diffexplore.decide.decide import decide_gradient
from diffexplore.decide.points import points_in
from diffexplore.decide.records import Counterexample, Decision, Unsupported
from diffexplore.decide.refute import holds
from diffexplore.decide.regions import Region
from diffexplore.decide.sums import bound_symbols
from diffexplore.decide.values import value
from diffexplore.formula.batch_sums import SAMPLES, BatchSum, batch_sum

_TRIED = 6  # so many points are looked at for one at which both sides have a value

_Names = Mapping[sympy.Expr, sympy.Symbol]


def decide_with_unmoved_parts(
    forward: sympy.Expr, claimed: sympy.Expr, symbol: sympy.Symbol, stated: Mapping[str, Any]
) -> Decision | None:
    """A proof that holds whatever the parts with branches are that the symbol does not move; else None.

    None as well where there is no such part, and where that is no plain proof, without exclusions and with all that it
    states in the other symbols: what these parts are may count then. ``stated`` are the further arguments of
    :func:`~diffexplore.decide.decide.decide_gradient`, of whose counterexamples there is none here.
    """
    data = frozenset(stated["data"])
    names = _names(forward, symbol)
    if not names:
        return None
    own = {s for node, s in names.items() if node.free_symbols & data}
    sides = _with(names, own, forward), _with(names, own, claimed)
    changed = {
        **{key: [_with(names, own, one) for one in stated[key]] for key in ("domain", "needs", "defined")},
        # without an excuse less is proved, so that one of a part that is left out need not be looked at
        "conventions": {one: text for one, text in stated["conventions"].items() if _stands_in(one, sides)},
        "data": [*data, *sorted(own, key=str)],
        "inputs": [*stated["inputs"], *sorted(set(names.values()) - own, key=str)],
        "shown": None,
    }
    found = decide_gradient(sides[0], sides[1], symbol, **{**stated, **changed})
    if found.status != "proved" or found.exclusions or found.unvalued or found.needs is None:
        return None
    if any(need.need.expr.atoms(sympy.Symbol) & set(names.values()) for need in found.needs):
        return None
    conditions = [*stated["domain"], *stated["needs"]]
    witness = _witness(found.witness, (forward, claimed), conditions, names.values())
    return None if witness is None else replace(found, witness=witness)


def _names(forward: sympy.Expr, symbol: sympy.Symbol) -> _Names:
    """A symbol for each of the largest parts with branches that do not hold the differentiated one, nor sums.

    Those inside a branch that the symbol moves stay as they are: two branches may meet because of what they are.
    """
    unmoved, moved = dict[sympy.Expr, None](), set[sympy.Basic]()
    waiting, seen = [(forward, False)], set[tuple[sympy.Basic, bool]]()
    while waiting:
        node, inside = waiting.pop()
        if (node, inside) in seen or not node.args:
            continue
        seen.add((node, inside))
        if inside:
            moved.add(node)
        elif isinstance(node, BRANCHING) and symbol not in node.atoms(sympy.Symbol) and not node.has(BatchSum):
            unmoved |= {node: None} if node.free_symbols else {}
            continue
        waiting += [(argument, inside or isinstance(node, BRANCHING)) for argument in reversed(node.args)]
    found = [node for node in unmoved if node not in moved]
    return {node: sympy.Symbol(f"part@{number}", real=True) for number, node in enumerate(found)}


def _with(names: _Names, own: Collection[sympy.Symbol], expr: Any) -> Any:
    """An expression with the symbols of its parts; those ``own`` to each sample are bound by its sums."""
    if not expr.has(BatchSum):
        return expr.xreplace(names)
    if isinstance(expr, BatchSum):
        summand = _with(names, own, expr.summand)
        return batch_sum(summand, (*expr.symbols, *sorted(summand.free_symbols & set(own), key=str)))
    return expr.func(*(_with(names, own, argument) for argument in expr.args))


def _stands_in(condition: Boolean, sides: Sequence[sympy.Expr]) -> bool:
    return any(side.has(condition) for side in sides)


def _witness(
    found: Counterexample | None,
    sides: Sequence[sympy.Expr],
    conditions: Sequence[Boolean],
    parts: Collection[sympy.Symbol],
) -> Counterexample | None:
    """A point like that of the proof, with what stands in the parts alone, at which both sides have a value."""
    if found is None:
        return None
    left_out = {str(part) for part in parts}
    every = {str(one): one for side in sides for one in side.atoms(sympy.Symbol)}
    point, *samples = (
        {every[name]: number for name, number in numbers.items() if name in every and name not in left_out}
        for numbers in (found.point, *found.samples)
    )
    bound = {one for side in sides for one in bound_symbols(side)} if samples else set[sympy.Basic]()
    further = sorted(set(every.values()) - {SAMPLES, *point, *bound}, key=str)
    drawn = [points_in(Region(), further, seed=1, count=_TRIED)]
    drawn += [
        points_in(Region(), sorted(bound - set(row), key=str), seed=2 + k, count=_TRIED)
        for k, row in enumerate(samples)
    ]
    for own, *rows in zip(*drawn, strict=True):
        at = {**point, **own}
        each = tuple({**row, **more} for row, more in zip(samples, rows, strict=True))
        with suppress(Unsupported):
            inside = all(holds(one, at, each) for one in conditions)
            if inside and all(value(side, at, each) is not None for side in sides):
                return replace(found, point=_named(at), samples=tuple(map(_named, each)))
    return None


def _named(point: Mapping[sympy.Basic, Fraction]) -> dict[str, Fraction]:
    return {str(symbol): number for symbol, number in point.items()}
