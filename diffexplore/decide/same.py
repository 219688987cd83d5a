"""Whether two expressions are one, but for where their numbers stand: 2·Σ(s·x) is Σ((2·a + 2·b)·x) with s = a + b.

SymPy multiplies a number into a sum, and torch's backward pass has it elsewhere than a derivative has. Most partials of
losses that are squared differ by no more, however many terms they have: to see that takes one walk through each side.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable
from fractions import Fraction
from functools import reduce
from math import gcd, lcm, prod

import sympy

from diffexplore.formula.batch_sums import BatchSum
from diffexplore.formula.budget import spend

Multiple = tuple[Fraction, int]
"""A number, and the number of what it multiplies."""


def same_but_for_numbers(left: sympy.Expr, right: sympy.Expr) -> bool:
    """Whether two expressions are one once each number in a product stands in front of it (False: not seen to be)."""
    forms = _Forms()
    return forms.of(left) == forms.of(right)


class _Forms:
    """Expressions as multiples of what has no number in front: sums, products and powers, each with a number."""

    def __init__(self) -> None:
        self._known: dict[sympy.Basic, Multiple] = {}
        self._numbers: dict[Hashable, int] = {}
        self._one = self._number("1")

    def of(self, expr: sympy.Basic) -> Multiple:
        if expr not in self._known:
            spend()
            self._known[expr] = self._found(expr)
        return self._known[expr]

    def _number(self, key: Hashable) -> int:
        return self._numbers.setdefault(key, len(self._numbers))

    def _found(self, expr: sympy.Basic) -> Multiple:
        if isinstance(expr, sympy.Rational):
            return Fraction(int(expr.p), int(expr.q)), self._one
        if expr.is_Add:
            return self._sum([self.of(term) for term in expr.args])
        if expr.is_Mul or expr.is_Pow:
            return self._product(expr.args if expr.is_Mul else (expr,))
        if isinstance(expr, BatchSum):
            factor, inner = self.of(expr.summand)
            return factor, self._number(("over samples", inner, expr.symbols)) if factor else self._one
        return Fraction(1), self._number(expr)

    def _sum(self, terms: list[Multiple]) -> Multiple:
        """Of the factor that is left in front of it, the sign is that of the term that was met first."""
        together: dict[int, Fraction] = {}
        for factor, number in terms:
            together[number] = together.get(number, Fraction(0)) + factor
        together = {number: factor for number, factor in together.items() if factor}
        if not together:
            return Fraction(0), self._one
        content = Fraction(
            reduce(gcd, (factor.numerator for factor in together.values())),
            reduce(lcm, (factor.denominator for factor in together.values())),
        )
        content = content if together[min(together)] > 0 else -content
        if len(together) == 1:
            return content, min(together)
        return content, self._number(("sum", frozenset((one, factor / content) for one, factor in together.items())))

    def _product(self, factors: tuple[sympy.Basic, ...]) -> Multiple:
        numbers, powers = [], Counter[int]()
        for factor in factors:
            base, power = (factor.base, int(factor.exp)) if _is_whole_power(factor) else (factor, 1)
            number, key = (Fraction(1), self._number(base)) if base.is_Pow else self.of(base)
            if not number and power < 0:  # nothing is said of what has no value
                number, key = Fraction(1), self._number(base)
            numbers.append(number**power)
            powers[key] += power
        kept = frozenset((key, power) for key, power in powers.items() if key != self._one and power)
        whole = prod(numbers, start=Fraction(1))
        if not kept or not whole:
            return whole, self._one
        ((first, power), *others) = kept
        return whole, first if not others and power == 1 else self._number(("product", kept))


def _is_whole_power(expr: sympy.Basic) -> bool:
    return bool(expr.is_Pow and expr.exp.is_Integer)
