"""Where operators have a value: one statement for tracing, audit and tests.

torch computes NaN or infinity where a logarithm, a root or a quotient has no value, whatever is made of it later:
0 · √x is NaN for x < 0. SymPy cancels such a factor from a formula, so that each operator states its own domain.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import sympy
from sympy.logic.boolalg import Boolean

from diffexplore.formula.signs import certainly
from diffexplore.functions.domains import Kind, Need
from diffexplore.torch_ops.readers.logic import equal, opposite

#: The place of an operand by its name in ATen.
_PLACES = {"self": 0, "other": 1, "exponent": 1}


@dataclass(frozen=True)
class OperandDomain:
    """Where an operator has a finite value.

    Attributes:
        conditions: comparisons of operands with whole numbers, such as ``self > -1``; all of them hold.
        rule: the condition for the operands of one element, where it is no such conjunction.
        in_formula: whether the formula keeps what has a value in the domain alone, so that nothing is to be stated
            beside it. Without conditions and rule, the domain is that of the formula, or of the operators in it.
    """

    conditions: tuple[str, ...] = ()
    rule: Callable[..., Boolean] | None = None
    in_formula: bool = False

    def condition(self, *operands: sympy.Expr) -> Boolean:
        """What holds of the operands of one element in the domain."""
        if self.rule is not None:
            return self.rule(*operands)
        return sympy.And(*(required(*need) for need in self.needs(*operands)))

    def needs(self, *operands: sympy.Expr) -> Iterator[Need]:
        """The conditions as comparisons with 0."""
        for text in self.conditions:
            name, sign, limit = text.split()
            apart = operands[_PLACES[name]] - int(limit)
            yield -apart if sign.startswith("<") else apart, _KINDS[sign.replace("<", ">")]

    @property
    def interior(self) -> tuple[str, ...]:
        """Conditions for the points around which it has values, where a derivative can be; points left out apart."""
        strict = (text.replace(">=", ">").replace("<=", "<") for text in self.conditions)
        return tuple(text for text in strict if "!=" not in text)


#: A value at all operands.
EVERYWHERE = OperandDomain()

#: Where its formula, or the operators that it is composed of, have values.
AS_COMPOSED = OperandDomain(in_formula=True)

#: Nothing is stated: nothing is read of the operator, and it has no bound.
NOT_STATED = OperandDomain(in_formula=True)


def on(*conditions: str) -> OperandDomain:
    """The domain where all conditions hold."""
    return OperandDomain(conditions)


def _compared(kind: Kind, compare: Callable[[sympy.Expr, int], Boolean]) -> Callable[[sympy.Expr], Boolean]:
    """A comparison with 0, true where it is certain; of a choice, that of each branch where it is taken."""

    def condition(x: sympy.Expr) -> Boolean:
        if isinstance(x, sympy.Piecewise) and len(x.args) == 2 and x.args[1].cond == sympy.true:
            (taken, hit), (otherwise, _) = x.args
            return sympy.And(either(opposite(hit), condition(taken)), either(hit, condition(otherwise)))
        return sympy.true if certainly(x, kind) else compare(x, 0)

    return condition


_nonzero_whole = _compared("nonzero", sympy.Unequality)
nonnegative = _compared("nonnegative", sympy.GreaterThan)
positive = _compared(
    "positive", lambda x, zero: nonzero(x.args[0]) if isinstance(x, sympy.Abs) else sympy.StrictGreaterThan(x, zero)
)

#: x is not 0, −1, −2, …: the reciprocal of the gamma function has its zeros there, and no others.
off_poles = _compared("positive", lambda x, _: sympy.Ne(1 / sympy.gamma(x), 0))


def nonzero(x: sympy.Expr) -> Boolean:
    """x ≠ 0: of a product, that of each factor; of a power, that of its base."""
    if x.is_Mul:
        return sympy.And(*map(nonzero, x.args))
    if x.is_Pow and x.exp.is_Rational and not x.base.is_number:
        return nonzero(x.base) if x.exp > 0 else sympy.true
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
        if isinstance(part, (sympy.Eq, sympy.Ne)):
            difference = _without_powers(difference)
        if difference.could_extract_minus_sign():
            difference, allowed = -difference, frozenset(-sign for sign in allowed)
        signs[difference] = signs.get(difference, frozenset()) | allowed
    return sympy.true if any(len(allowed) == 3 for allowed in signs.values()) else sympy.Or(*parts)


def _without_powers(expr: sympy.Expr) -> sympy.Expr:
    """What is 0 where an expression is: a of 2·a²."""
    _, expr = expr.as_coeff_Mul()
    return expr.base if expr.is_Pow and expr.exp.is_Rational and expr.exp.is_positive else expr


def of_power(base: sympy.Expr, exponent: sympy.Expr) -> Boolean:
    """Where a power has a value, by its exponent."""
    if exponent.is_Integer:
        return sympy.true if exponent >= 0 else nonzero(base)
    return nonnegative(base) if exponent.is_Rational and exponent > 0 else positive(base)


def of_xlogy(x: sympy.Expr, y: sympy.Expr) -> Boolean:
    """Where x·log(y) has a value: at x = 0 for all y."""
    return either(equal(x, sympy.S.Zero), positive(y))


_KINDS: Mapping[str, Kind] = {">": "positive", ">=": "nonnegative", "!=": "nonzero"}


def required(expr: sympy.Expr, kind: Kind) -> Boolean:
    """The condition that what is needed of an expression holds."""
    conditions = {"positive": positive, "nonnegative": nonnegative, "nonzero": nonzero, "no pole": off_poles}
    return conditions[kind](expr)
