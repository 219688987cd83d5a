"""Where operators have a value at all: kept apart from formulas, from which SymPy cancels what it can.

torch computes NaN or infinity where a logarithm, a root or a quotient has no value, whatever is made of it later:
0 · √x is NaN for x < 0. So each operator states what it needs, and what depends on its result needs that, too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import sympy
from sympy.logic.boolalg import Boolean
from torch.fx import Node

from diffexplore.errors import UsageError
from diffexplore.functions import OPERATIONS
from diffexplore.functions.domains import Domain, Kind
from diffexplore.tracing.arrays import Grid
from diffexplore.tracing.operators.logic import opposite
from diffexplore.tracing.operators.table import in_place_of

Needs = frozenset[Boolean]

NOTHING: Needs = frozenset()


def _asked(certain: str, compare: Callable[[sympy.Expr, int], Boolean]) -> Callable[[sympy.Expr], Boolean]:
    """What a comparison with 0 asks of an expression; of a choice, of each branch where it is taken."""

    def ask(x: sympy.Expr) -> Boolean:
        if isinstance(x, sympy.Piecewise) and len(x.args) == 2 and x.args[1].cond == sympy.true:
            (taken, hit), (otherwise, _) = x.args
            return sympy.And(either(opposite(hit), ask(taken)), either(hit, ask(otherwise)))
        return sympy.true if getattr(x, certain) else compare(x, 0)

    return ask


_positive = _asked("is_positive", sympy.StrictGreaterThan)
_nonnegative = _asked("is_nonnegative", sympy.GreaterThan)
_nonzero_whole = _asked("is_nonzero", sympy.Unequality)


def _nonzero(x: sympy.Expr) -> Boolean:
    """Of a product each factor is asked, of a power its base."""
    if x.is_Mul:
        return sympy.And(*map(_nonzero, x.args))
    if x.is_Pow and x.exp.is_Rational and not x.base.is_number:
        return _nonzero(x.base) if x.exp > 0 else sympy.true
    return sympy.true if _counts_ties(x) else _nonzero_whole(x)


def _counts_ties(x: sympy.Expr) -> bool:
    """Whether x counts which of some numbers are the largest (or smallest) of them: at least one is."""
    marks = [term for term in sympy.Add.make_args(x) if isinstance(term, sympy.Piecewise) and len(term.args) == 2]
    equalities = [mark.args[0].cond for mark in marks if [branch.expr for branch in mark.args] == [1, 0]]
    if len(equalities) != len(sympy.Add.make_args(x)) or not all(isinstance(c, sympy.Equality) for c in equalities):
        return False
    extremes = {side for equal in equalities for side in equal.args if isinstance(side, (sympy.Max, sympy.Min))}
    return any(
        {side for equal in equalities for side in equal.args if side != extreme} == set(extreme.args)
        for extreme in extremes
        if all(extreme in equal.args for equal in equalities)
    )


def _as_condition(need: sympy.Expr, kind: Kind) -> Boolean:
    """What a function needs of an expression; no more is said of poles, which are single points."""
    told = {"positive": _positive, "nonnegative": _nonnegative, "nonzero": _nonzero}
    return told[kind](need) if kind in told else sympy.true


def _of_function(domain: Domain) -> Callable[..., Boolean]:
    return lambda *operands: sympy.And(*(_as_condition(*need) for need in domain.linear(*operands)))


def _of_divisor(x: sympy.Expr, y: sympy.Expr, *_: Any) -> Boolean:
    return _nonzero(y)


def _logit(x: sympy.Expr, *_: Any) -> Boolean:
    return sympy.And(_positive(x), _positive(1 - x))


#: Functions that are an operator, of which torch has no values beyond their domain.
_LIMITED = {
    one.aten_name: _of_function(one.facts.domain)
    for one in OPERATIONS.values()
    if one.facts.domain.conditions and not one.facts.domain.reaches_further
}

#: Name of an operator → what a cell of its result needs, from the cells of its operands.
NEEDS: Mapping[str, Callable[..., Boolean]] = {
    **_LIMITED, **{f"special_{name}": rule for name, rule in _LIMITED.items()},
    "log2": _positive, "log10": _positive, "rsqrt": _positive, "reciprocal": _nonzero,
    **dict.fromkeys(("div", "true_divide", "remainder", "fmod", "floor_divide"), _of_divisor),
    "logit": _logit, "special_logit": _logit,
}  # fmt: skip

#: Operators that take one of two operands by a condition: their places as (condition, where it holds, elsewhere).
CHOICES: Mapping[str, tuple[int, int, int]] = {"where": (0, 1, 2), "masked_fill": (1, 2, 0)}


def own_needs(name: str, arguments: Iterable[Any]) -> Needs:
    """What an operator needs of its operands' values."""
    rule = NEEDS.get(name)
    operands = [argument for argument in arguments if isinstance(argument, (Grid, sympy.Expr, int))]
    if rule is None or not operands:
        return NOTHING
    cells = [operand.cells.ravel() if isinstance(operand, Grid) else [sympy.sympify(operand)] for operand in operands]
    count = max(len(column) for column in cells)
    if any(len(column) not in (1, count) for column in cells):  # broadcast over several axes: every pair is asked for
        rows = ([x, y] for x in cells[0] for y in (cells[1] if len(cells) > 1 else [sympy.S.One]))
    else:
        rows = ([column[i if len(column) > 1 else 0] for column in cells] for i in range(count))
    return _checked(name, {rule(*row) for row in rows})


def _checked(name: str, found: Iterable[Boolean]) -> Needs:
    parts = {part for need in found for part in sympy.And.make_args(need)}
    if sympy.false in parts:
        raise UsageError(f"{name} has no value where the function takes it, whatever the input")
    return frozenset(parts - {sympy.true})


def chosen(condition: Grid, taken: Needs, otherwise: Needs) -> Needs:
    """What a choice needs: of each operand only where it is taken."""
    holds = set(condition.cells.ravel())
    if len(holds) != 1:
        return taken | otherwise
    (hit,) = holds
    first = (either(opposite(hit), need) for need in taken)
    second = (either(hit, need) for need in otherwise)
    return frozenset(need for need in (*first, *second) if need != sympy.true)


#: The signs that an expression may have for a comparison of it with 0 to hold.
_SIGNS: Mapping[type, frozenset[int]] = {
    sympy.StrictGreaterThan: frozenset({1}), sympy.GreaterThan: frozenset({0, 1}),
    sympy.StrictLessThan: frozenset({-1}), sympy.LessThan: frozenset({-1, 0}),
    sympy.Equality: frozenset({0}), sympy.Unequality: frozenset({-1, 1}),
}  # fmt: skip


def either(first: Boolean, second: Boolean) -> Boolean:
    """One or the other; true where the two leave no sign of the same expression out."""
    if isinstance(second, sympy.And):
        return sympy.And(*(either(first, part) for part in second.args))
    parts = [*sympy.Or.make_args(first), *sympy.Or.make_args(second)]
    signs: dict[sympy.Expr, frozenset[int]] = {}
    for part in parts:
        if type(part) not in _SIGNS:
            continue
        difference, allowed = part.lhs - part.rhs, _SIGNS[type(part)]
        if difference.could_extract_minus_sign():
            difference, allowed = -difference, frozenset(-sign for sign in allowed)
        signs[difference] = signs.get(difference, frozenset()) | allowed
    return sympy.true if any(len(allowed) == 3 for allowed in signs.values()) else sympy.Or(*parts)


class NodeNeeds:
    """What the results of the nodes of a graph need; ``output`` and ``gradients`` are those of its end."""

    def __init__(self) -> None:
        self.output: Needs = NOTHING
        self.gradients: tuple[Needs, ...] = ()
        self._of: dict[Node, Needs] = {}
        self._of_all: Needs = NOTHING

    def of(self, argument: Any) -> Needs:
        """What an argument of a node needs."""
        return self._of.get(argument, NOTHING) | self._of_all if isinstance(argument, Node) else NOTHING

    def pass_on(self, source: Any, node: Node) -> None:
        """A part of a result needs what the whole does."""
        self._of[node] = self.of(source)

    def keep(self, node: Node, name: str, values: Sequence[Any], condition: Callable[[Any], Grid]) -> None:
        """What an operator asks for itself, and what its operands need: of a choice, where each is taken."""
        if name in CHOICES:
            places = CHOICES[name]
            asked, taken, otherwise = (self.of(node.args[place]) for place in places)
            self._of[node] = asked | chosen(condition(values[places[0]]), taken, otherwise)
            return
        base = in_place_of(name)
        inherited = (self.of(argument) for argument in node.all_input_nodes)
        self._of[node] = own_needs(base or name, values).union(*inherited)
        if base is not None:  # views of what is written to have the new values, too
            self._of_all |= self._of[node]

    def end(self, output: Node, gradients: Sequence[Node | None]) -> None:
        """The end of a graph."""
        self.output, self.gradients = self.of(output), tuple(map(self.of, gradients))
