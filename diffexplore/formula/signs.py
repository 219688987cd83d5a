"""Signs that are certain: the one analysis, from the structure of an expression and what else is known of it."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product as product_of

import sympy

from diffexplore.formula.batch_sums import BatchSum
from diffexplore.formula.budget import spend
from diffexplore.formula.compare import value_at
from diffexplore.formula.remembered import remembered
from diffexplore.functions.domains import Kind
from diffexplore.functions.facts import ALWAYS_POSITIVE, NEVER_NEGATIVE, Increasing
from diffexplore.functions.tables import facts_of

_MOST_PIECES = 3  # so many piecewise terms of a sum are split


class Unsupported(Exception):
    """The algebra has no rule for a part of an expression, or cannot tell a sign; the message names it."""


Known = Callable[[sympy.Expr], "Signs | None"]


class Signs(frozenset):  # type: ignore[type-arg]
    """The signs, of −1, 0 and 1, that a value may have."""

    @property
    def certain(self) -> int | None:
        """The sign, where only one is left."""
        return next(iter(self)) if len(self) == 1 else None

    def meet(self, kind: Kind) -> bool:
        """Whether a value with one of these signs certainly is what is needed of it; above 0 there are no poles."""
        if kind == "nonzero":
            return 0 not in self
        return -1 not in self and (kind == "nonnegative" or 0 not in self)


ANY, POSITIVE, NEGATIVE, ZERO = Signs((-1, 0, 1)), Signs((1,)), Signs((-1,)), Signs((0,))
NOT_NEGATIVE, NONZERO = Signs((0, 1)), Signs((-1, 1))


def sign_of(expr: sympy.Expr, known: Known = lambda expr: None) -> Signs:
    """The signs that ``expr`` may have where it is defined; ``known`` adds what is known of subexpressions."""
    spend()
    found = _structural(expr, known)
    if len(found) == 1:
        return found
    given = known(expr)
    return found if given is None else Signs(found & given) or given


def certainly(expr: sympy.Expr, kind: Kind) -> bool:
    """Whether an expression certainly is what is needed of it wherever it is defined; False where nothing tells."""
    try:
        return sign_of(expr).meet(kind)
    except Unsupported:
        return False


def _structural(expr: sympy.Expr, known: Known) -> Signs:
    if not expr.free_symbols and not expr.has(BatchSum):
        return number_sign(expr)
    if expr.is_Symbol:
        return POSITIVE if expr.is_positive else NONZERO if expr.is_nonzero else ANY
    if expr.is_Add:
        found = _sum([sign_of(term, known) for term in expr.args])
        return found if len(found) == 1 else _of_bounded(expr) or _by_branches(expr, known) or found
    if isinstance(expr, sympy.Piecewise):
        return Signs(sign for branch, _ in expr.args for sign in sign_of(branch, known))
    if expr.is_Mul:
        product = POSITIVE
        for factor in expr.args:
            product = Signs(a * b for a in product for b in sign_of(factor, known))
        return product
    facts = facts_of(expr)
    if facts is not None and facts.sign is ALWAYS_POSITIVE:
        return POSITIVE
    if expr.is_Pow:
        return _power(expr, known)
    if isinstance(expr, sympy.Abs):
        return Signs(abs(sign) for sign in sign_of(expr.args[0], known))
    if facts is not None and isinstance(facts.sign, Increasing):
        return sign_of(expr.args[0] - facts.sign.root, known)
    if facts is not None and facts.sign is NEVER_NEGATIVE:
        return NOT_NEGATIVE
    if isinstance(expr, (sympy.Max, sympy.Min)):
        best = max if isinstance(expr, sympy.Max) else min
        signs = [sign_of(argument, known) for argument in expr.args]
        return Signs(map(best, product_of(*signs)))
    if isinstance(expr, BatchSum):  # over one sample at least; of bound symbols nothing outside is known
        return _sum([sign_of(expr.summand)] * 2)
    return ANY


def _of_bounded(expr: sympy.Add) -> Signs | None:
    """The sign of a sum whose terms have values in open intervals, such as 1 − σ(x); None where it may be any."""
    constant, rest = expr.as_coeff_Add()
    low = high = constant
    if not constant.is_Rational:
        return None
    for term in sympy.Add.make_args(rest):
        factor, function = term.as_coeff_Mul()
        facts = facts_of(function)
        ends = None if facts is None else facts.values
        if ends is None or not factor.is_Rational:
            return None
        first, last = sorted(factor * end for end in ends)
        low, high = low + first, high + last
    return POSITIVE if low >= 0 else NEGATIVE if high <= 0 else None


def _by_branches(expr: sympy.Add, known: Known) -> Signs | None:
    """The signs of a sum on each branch of its piecewise terms, such as 1 − where(c, σ(x), 1 − σ(x)); None without.

    Each branch counts, whatever its condition. More than a few such terms would be too many combinations.
    """
    pieces = {p for term in expr.args for p in sympy.Mul.make_args(term) if isinstance(p, sympy.Piecewise)}
    if not 0 < len(pieces) <= _MOST_PIECES:
        return None
    piece = min(pieces, key=lambda one: one.sort_key())
    return Signs(sign for branch, _ in piece.args for sign in sign_of(expr.xreplace({piece: branch}), known))


def _sum(signs: list[Signs]) -> Signs:
    union = Signs().union(*signs)
    if 1 in union and -1 in union:
        return ANY
    if any(0 not in sign for sign in signs):  # one of them is not 0, and none has the other sign
        return Signs(union - {0})
    return Signs(union)


def _power(expr: sympy.Expr, known: Known) -> Signs:
    base, exponent = expr.as_base_exp()
    sign = sign_of(base, known)
    if exponent.is_Integer:
        if exponent.is_negative:
            sign = Signs(sign - {0})
        return Signs(one**2 for one in sign) if exponent % 2 == 0 else sign
    if exponent.is_Rational and exponent.is_positive:  # a real root: of a base that is not negative
        return Signs(sign & NOT_NEGATIVE) or NOT_NEGATIVE
    if exponent.is_Rational or sign == POSITIVE:
        return POSITIVE
    return NOT_NEGATIVE if -1 not in sign else ANY  # x**p of a negative x has a value for whole p, of either sign


@remembered(4096)
def number_sign(number: sympy.Expr) -> Signs:
    """The sign of a constant, by a certified enclosure."""
    if number.is_Rational:
        return Signs((int(sympy.sign(number)),))
    try:
        ball = value_at(number, {})
    except TypeError as error:
        raise Unsupported(str(error)) from None
    if ball is None:
        raise Unsupported(f"the constant {number} has no real value")
    if ball > 0:
        return POSITIVE
    if ball < 0:
        return NEGATIVE
    raise Unsupported(f"the sign of the constant {number} cannot be told")
