"""Conditions and branches, built without SymPy's search for simpler forms: that costs more than all the rest.

A comparison of a step function with a number is one of what is rounded: floor(u) = 2 is 2 ≤ u < 3.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Set

import sympy
from sympy import Expr
from sympy.logic.boolalg import Boolean

from diffexplore.formula.batch_sums import BatchSum
from diffexplore.formula.step_functions import StepFunction, ceil, floor, rounded, trunc
from diffexplore.torch_ops.readers.arrays import Mixes


def less(x: Expr, y: Expr) -> Boolean:
    """x < y, decided where both are numbers; of a maximum or minimum it is split, which is exact."""
    if x == y:
        return sympy.false
    if x.is_number and y.is_number:
        return sympy.sympify(x < y)
    if x.is_infinite or y.is_infinite:  # the other is a real expression, thus between the two infinities
        return sympy.sympify(x is sympy.S.NegativeInfinity or y is sympy.S.Infinity)
    if isinstance(x, sympy.Max):
        return sympy.And(*(less(part, y) for part in x.args))
    if isinstance(x, sympy.Min):
        return sympy.Or(*(less(part, y) for part in x.args))
    if isinstance(y, sympy.Max):
        return sympy.Or(*(less(x, part) for part in y.args))
    if isinstance(y, sympy.Min):
        return sympy.And(*(less(x, part) for part in y.args))
    if (found := stepped(x, y)) is not None:
        step, number, below = found
        return opposite(at_least(step, sympy.ceiling(number))) if below else at_least(step, sympy.floor(number) + 1)
    if x.is_number:
        return sympy.StrictGreaterThan(y, x, evaluate=False)
    return sympy.StrictLessThan(x, y, evaluate=False)


def opposite(condition: Boolean) -> Boolean:
    """The negation; that of a comparison is a comparison, as all symbols are real."""
    if isinstance(condition, (sympy.And, sympy.Or)):
        other = sympy.Or if isinstance(condition, sympy.And) else sympy.And
        return other(*map(opposite, condition.args))
    negated = _NEGATED.get(type(condition))
    return sympy.Not(condition) if negated is None else negated(*condition.args, evaluate=False)


#: Relations that SymPy's own negation would evaluate; it does those of ≤ and ≥ as well.
_NEGATED: Mapping[type, type] = {
    sympy.StrictLessThan: sympy.GreaterThan, sympy.StrictGreaterThan: sympy.LessThan,
    sympy.Equality: sympy.Unequality, sympy.Unequality: sympy.Equality,
}  # fmt: skip


def equal(x: Expr, y: Expr) -> Boolean:
    """x = y, decided where that is plain."""
    if x == y:
        return sympy.true
    if x.is_number and y.is_number:
        return sympy.sympify(sympy.Eq(x, y))
    if x.is_infinite or y.is_infinite:
        return sympy.false
    if (pieces := counts_in(x - y)) is not None:
        return _by_pieces(x - y, pieces, lambda count: sympy.sympify(count == 0))
    if (found := stepped(x, y)) is not None:
        step, number, _ = found
        if not number.is_Integer:
            return sympy.false
        return sympy.And(at_least(step, number), opposite(at_least(step, number + 1)))
    return sympy.Equality(x, y, evaluate=False)


_MOST_COUNTED = 4
"""So many truth values are counted by cases."""


def counts_in(expr: Expr) -> list[sympy.Piecewise] | None:
    """The choices of whole numbers of which an expression is made, as the number of conditions that hold is.

    None where it is made of something else, or of more than a few.
    """
    if not expr.has(sympy.Piecewise) or expr.has(BatchSum):
        return None
    pieces = [term.as_coeff_Mul()[1] for term in sympy.Add.make_args(expr) if not term.is_Integer]
    known = len(pieces) <= _MOST_COUNTED and all(isinstance(piece, sympy.Piecewise) for piece in pieces)
    return pieces if known and all(value.is_Integer for piece in pieces for value, _ in piece.args) else None


def _by_pieces(expr: Expr, pieces: list[sympy.Piecewise], of_number: Callable[[Expr], Boolean]) -> Boolean:
    """A condition on a count, by the conditions of its choices: of each the first that holds."""
    if not pieces:
        return of_number(expr)
    piece, *others = pieces
    found: Boolean = sympy.false
    for value, condition in reversed(piece.args):
        there = _by_pieces(expr.xreplace({piece: value}), others, of_number)
        found = sympy.Or(sympy.And(condition, there), sympy.And(opposite(condition), found))
    return found


def select(condition: Boolean, x: Expr, y: Expr) -> Expr:
    """x where the condition holds, y elsewhere."""
    if condition == True or x == y:  # noqa: E712 (SymPy's true is not Python's)
        return x
    if condition == False:  # noqa: E712
        return y
    return choice((x, condition), (y, sympy.true))


def choice(*branches: tuple[Expr, Boolean]) -> Expr:
    """The first branch whose condition holds.

    SymPy takes choices out of what is compared, also out of the summands of a sum, where they are about other samples
    than outside: such a condition, as that two of the samples are positive, cannot be stated for the generic sample.
    """
    if any(one.has(sympy.Piecewise) for _, condition in branches for one in condition.atoms(BatchSum)):
        raise Mixes
    found, failed = list[tuple[Expr, Boolean]](), set[Boolean]()
    for value, condition in branches:
        found.append((_within(value, condition, failed), condition))
        failed.add(condition)
    return sympy.Piecewise(*found, evaluate=False)


def chosen(pairs: Iterable[tuple[Expr, Boolean]], last: Expr) -> Expr:
    """The value of the first condition that holds, in one choice; the last one where none does."""
    branches: list[tuple[Expr, Boolean]] = []
    for value, condition in pairs:
        if condition == True:  # noqa: E712 (SymPy's true is not Python's)
            last = value
            break
        if condition != False:  # noqa: E712
            branches.append((value, condition))
    if all(value == last for value, _ in branches):
        return last
    return choice(*branches, (last, sympy.true))


def _within(value: Expr, holds: Boolean, failed: Set[Boolean]) -> Expr:
    """What a choice is where one condition holds and others fail: its branches by these are decided.

    Places in an order are chosen by the same conditions as what is put there: without this, the choices of n elements
    stand in each other, n deep.
    """
    if not isinstance(value, sympy.Piecewise):
        return value
    left = []
    for part, condition in value.args:
        if condition in failed:
            continue
        left.append((part, sympy.true if condition == holds else condition))
        if left[-1][1] == sympy.true:
            break
    if left and left[0][1] == sympy.true:
        return _within(left[0][0], holds, failed)
    return sympy.Piecewise(*left, evaluate=False) if left else value


def is_truth(value: sympy.Basic) -> bool:
    """Whether a cell is a truth value. (A symbol is a Boolean to SymPy; here all symbols are real numbers.)"""
    return isinstance(value, Boolean) and not isinstance(value, sympy.Symbol)


def as_condition(value: sympy.Basic) -> Boolean:
    """A cell as a truth value: a number is true where it is not 0."""
    return value if is_truth(value) else opposite(equal(value, sympy.S.Zero))


def as_number(value: sympy.Basic) -> Expr:
    """A cell as a number: a truth value is 1 or 0."""
    return select(value, sympy.S.One, sympy.S.Zero) if is_truth(value) else value


#: A bound from below: whether it belongs to what is above it, and where it is.
Bound = tuple[bool, Expr]


#: A step function → from where on its value is at least the whole number k.
_REACHED: Mapping[type[StepFunction], Callable[[sympy.Integer], Bound]] = {
    floor: lambda k: (True, k),
    ceil: lambda k: (False, k - 1),
    trunc: lambda k: (True, k) if k >= 1 else (False, k - 1),
    rounded: lambda k: (bool(k % 2 == 0), k - sympy.S.Half),  # of two whole numbers, the even one
}


def stepped(x: Expr, y: Expr) -> tuple[StepFunction, sympy.Rational, bool] | None:
    """A step function f, a number c and whether x < y is f < c, else f > c; None where x and y are no such numbers."""
    if not (x.has(StepFunction) or y.has(StepFunction)):
        return None
    constant, rest = (x - y).as_coeff_Add()
    factor, step = rest.as_coeff_Mul()
    if not isinstance(step, StepFunction) or not (constant.is_Rational and factor.is_Rational):
        return None
    return step, -constant / factor, bool(factor > 0)


def at_least(step: StepFunction, k: sympy.Integer) -> Boolean:
    """step ≥ k, as a comparison of its argument."""
    (u,) = step.args
    belongs, bound = _REACHED[type(step)](k)
    return opposite(less(u, bound)) if belongs else less(bound, u)
