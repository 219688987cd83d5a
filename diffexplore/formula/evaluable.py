"""Closed forms such that floats evaluate them wherever the derivative exists.

Exponentials are scaled, absolute values and steps rewritten, each by a module of its own. Powers whose exponent is no
number are guarded here. The derivative of aⁿ by a is n·aⁿ⁻¹, and by n it is aⁿ·log(a), wherever both sides have a
value. At a = 0 the first is 0·∞ for n = 0 and the second 0·(−∞) for n > 0, though both derivatives are 0 there: a⁰ is 1
and 0ⁿ is 0. People read the plain formula with that convention. What evaluates it needs it stated, as torch does in the
backward of its own power.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator

import sympy
from sympy.logic.boolalg import Boolean

from diffexplore.formula.accurate_forms import accurate
from diffexplore.formula.cancelling_pairs import without_cancellation
from diffexplore.formula.definitions import distinct
from diffexplore.formula.remembered import remembered
from diffexplore.formula.scaled_exponentials import scaled_exponentials
from diffexplore.formula.singularities import nonzero_in, vanishing_factors
from diffexplore.formula.step_products import stepped, with_absolute_values


def evaluable(expr: sympy.Expr, domain: tuple[Boolean, ...] = ()) -> sympy.Expr:
    """A closed form in the form in which floats evaluate it: with its digits, and wherever it has a value.

    Args:
        expr: a derivative, simplified or not.
        domain: conditions that hold wherever it is used. What cannot vanish there needs no case.
    """
    return without_cancellation(with_values(accurate(expr), domain))


@remembered(256)  # a partial is looked at by its own, among all, and for each point
def with_values(expr: sympy.Expr, domain: tuple[Boolean, ...] = ()) -> sympy.Expr:
    """``expr`` in a form that floats evaluate wherever there is a value, as far as one is known; else ``expr`` itself.

    That is 0 in place of 0·∞ where a power with a variable exponent is differentiated, and no ∞/∞ of exponentials. The
    operations of ``expr`` stay what they are as far as they can, and so do the digits that they lose.
    """
    expr = stepped(with_absolute_values(scaled_exponentials(expr)))
    if not any(map(_is_power, distinct(expr))):
        return expr
    return _Guards(nonzero_in(domain)).guarded(expr)


def _is_power(node: sympy.Basic) -> bool:
    return bool(node.is_Pow and node.exp.free_symbols)


class _Guards:
    def __init__(self, nonzero: frozenset[sympy.Basic]) -> None:
        self._nonzero = nonzero
        self._known: dict[sympy.Basic, sympy.Basic] = {}
        self._vanishing: dict[sympy.Expr, bool] = {}

    def guarded(self, expr: sympy.Basic) -> sympy.Basic:
        if expr not in self._known:
            self._known[expr] = self._product(expr) if expr.is_Mul else self._inside(expr)
        return self._known[expr]

    def _inside(self, expr: sympy.Basic) -> sympy.Basic:
        arguments = tuple(map(self.guarded, expr.args))
        return expr if arguments == expr.args else expr.func(*arguments)

    def _product(self, expr: sympy.Mul) -> sympy.Basic:
        number, rest = expr.as_coeff_Mul()
        factors: Counter[sympy.Expr] = Counter()
        powers: dict[sympy.Expr, sympy.Expr] = {}
        parts = sympy.Mul.make_args(rest)
        bases = {factor.base for factor in parts if _is_power(factor) and self._may_vanish(factor.base)}
        for factor in parts:
            if _is_power(factor) and factor.base in bases:
                powers[factor.base] = powers.get(factor.base, 0) + factor.exp
            else:
                _count(factors, _as_quotient(factor, bases))
        sum_ = next((factor for factor in factors if self._is_spread(factor, factors, powers)), None)
        if sum_ is not None:  # each term meets the power that it needs
            return sympy.Add(*(self.guarded(expr / sum_ * term) for term in sum_.args))
        if not powers:
            return self._inside(expr)
        for base in powers:
            powers[base] -= self._divided_out(factors, base)
        whole = [self._logarithms(factors, powers)]
        whole += [self._slope(factors, base, exponent) for base, exponent in powers.items()]
        others = [self.guarded(factor) ** exponent for factor, exponent in factors.items() if exponent]
        return sympy.Mul(number, *whole, *others)

    def _is_spread(
        self, factor: sympy.Expr, factors: Counter[sympy.Expr], powers: dict[sympy.Expr, sympy.Expr]
    ) -> bool:
        """Whether it is a sum of which a term has the divisor, or all have the power, that belongs to a power outside.

        pᵏ·(k/p + …) is such a product, and so is log(x)·(xᵇ·y + xᶜ).
        """
        if not factor.is_Add or factors[factor] != 1:
            return False
        parts = [sympy.Mul.make_args(term) for term in factor.args]
        divisors = {divisor for base in powers for divisor, _ in _divisors(base)}
        if any(part.is_Pow and part.exp == -1 and part.base in divisors for term in parts for part in term):
            return True
        bases = [{part.base for part in term if _is_power(part) and self._may_vanish(part.base)} for term in parts]
        common = set.intersection(*bases) - powers.keys()
        return any(
            factors[base] < 0 or any(times > 0 and _is_log(other, base) for other, times in factors.items())
            for base in common
        )

    def _divided_out(self, factors: Counter[sympy.Expr], base: sympy.Expr) -> int:
        """How often (c·dⁿ)ᴱ/d is c·dⁿ⁻¹·(c·dⁿ)ᴱ⁻¹: the divisors d that may vanish are taken out of ``factors``."""
        times = 0
        for divisor, power in _divisors(base):
            if factors[divisor] < 0 and self._may_vanish(divisor):
                count = -factors.pop(divisor)
                often = -(-count // power)
                _count(factors, base**often / divisor**count)
                times += often
        return times

    def _logarithms(self, factors: Counter[sympy.Expr], powers: dict[sympy.Expr, sympy.Expr]) -> sympy.Expr:
        """Powers times logarithms of their bases, all taken out: 0 where a base is 0 and its exponent positive."""
        held = {
            factor: [base for base in powers if _holds_log(factor, base)] for factor in factors if factors[factor] > 0
        }
        logs = [factor for factor, bases in held.items() if bases]
        bases = dict.fromkeys(base for factor in logs for base in held[factor])
        zero = sympy.Or(*(sympy.And(sympy.Eq(base, 0), powers[base].subs(base, 0) > 0) for base in bases))
        taken = [base ** powers.pop(base) for base in bases] + [factor ** factors.pop(factor) for factor in logs]
        return sympy.Piecewise((0, zero), (sympy.Mul(*taken), True))

    def _slope(self, factors: Counter[sympy.Expr], base: sympy.Expr, exponent: sympy.Expr) -> sympy.Expr:
        """A power with the factors of its derivative, which are taken out: 0 where one of them is 0."""
        order = sympy.expand(exponent) + 1
        _, variable = order.as_coeff_Mul()
        signed = [(part, -part, sympy.factor_terms(-part)) for part in sympy.Mul.make_args(variable)]
        parts = [next((one for one in each if factors[one] > 0), None) for each in signed]
        if not variable.free_symbols or not self._may_vanish(variable) or None in parts:
            return sympy.Pow(base, exponent)
        outer = sympy.Mul(*(part ** factors.pop(part) for part in parts if part is not None))
        return sympy.Piecewise((0, sympy.Eq(order, 0)), (outer * base**exponent, True))

    def _may_vanish(self, expr: sympy.Expr) -> bool:
        if expr not in self._vanishing:
            self._vanishing[expr] = bool(vanishing_factors(expr) - self._nonzero)
        return self._vanishing[expr]


#: Functions that are quotients of others, by what they divide by.
_QUOTIENTS: dict[type[sympy.Function], tuple[tuple[type[sympy.Function], Callable[[sympy.Expr], sympy.Expr]], ...]] = {
    sympy.sin: ((sympy.cot, sympy.cos), (sympy.csc, lambda _: sympy.S.One)),
    sympy.cos: ((sympy.tan, sympy.sin), (sympy.sec, lambda _: sympy.S.One)),
    sympy.tan: ((sympy.cot, lambda _: sympy.S.One),),
    sympy.sinh: ((sympy.coth, sympy.cosh), (sympy.csch, lambda _: sympy.S.One)),
    sympy.tanh: ((sympy.coth, lambda _: sympy.S.One),),
}


def _as_quotient(factor: sympy.Expr, bases: Iterable[sympy.Expr]) -> sympy.Expr:
    """The cotangent of an angle whose sine is the base of a power as cosine by sine, and so on."""
    inner, exponent = factor.as_base_exp()
    for below in (divisor for base in bases for divisor, _ in _divisors(base)):
        for quotient, above in _QUOTIENTS.get(below.func, ()):
            if inner == quotient(*below.args):
                return (above(below.args[0]) / below) ** exponent
    return factor


def _divisors(base: sympy.Expr) -> Iterator[tuple[sympy.Expr, int]]:
    """What the base of a power is a multiple of, and the exponent that it has there: of c·dⁿ itself, c, and d."""
    yield base, 1
    for part in sympy.Mul.make_args(base):
        whole = part.is_Pow and part.exp.is_Integer and part.exp > 0
        if whole or part != base:
            yield (part.base, int(part.exp)) if whole else (part, 1)


def _count(factors: Counter[sympy.Expr], factor: sympy.Expr, times: int = 1) -> None:
    """Add a factor, whole powers by their bases."""
    for part in sympy.Mul.make_args(factor):
        whole = part.is_Pow and part.exp.is_Integer
        factors[part.base if whole else part] += times * int(part.exp if whole else 1)


def _holds_log(factor: sympy.Expr, base: sympy.Expr) -> bool:
    """Whether it is a polynomial in log(base) whose coefficients do not depend on the base."""
    terms = sympy.Add.make_args(factor)
    logs = [term for term in terms if any(_is_log(part, base) for part in sympy.Mul.make_args(term))]
    others = [part for term in terms for part in sympy.Mul.make_args(term) if not _is_log(part, base)]
    return bool(logs) and not any(part.free_symbols & base.free_symbols for part in others)


def _is_log(part: sympy.Expr, base: sympy.Expr) -> bool:
    """A logarithm of the base, or of a multiple of it, or a power of that."""
    if part.is_Pow and part.exp.is_Integer and part.exp.is_positive:
        part = part.base
    return isinstance(part, sympy.log) and base in (part.args[0], *sympy.Mul.make_args(part.args[0]))
