"""A summand as a finite sum Σ f_k(θ) g_k(z), found symbolically.

Every g_k is a product of powers of *generators*: data symbols, and functions of the data alone. A batch then matters by
the sums of the g_k alone, which are sufficient statistics (R. A. Fisher, "On the mathematical foundations of
theoretical statistics", 1922); exponential families (E. J. G. Pitman, B. O. Koopman, G. Darmois, 1935) are the best
known of such losses.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

import sympy
from sympy.logic.boolalg import Boolean

from diffexplore.formula.signs import certainly

#: Generators with their exponents, which are positive.
Monomial = frozenset[tuple[sympy.Expr, int]]

#: Coefficients by what they multiply.
Terms = dict[Monomial, sympy.Expr]

#: A sum of more terms is not worth having.
MOST_TERMS = 1_000

_MANY = f"is a sum of more than {MOST_TERMS:,} products"

#: A higher power of a sum is not multiplied out.
_LARGEST_POWER = 16

_ONE: Monomial = frozenset()


class NotSeparable(Exception):
    """The summand is no finite sum of products; ``part`` is where parameters and data stay together, and ``why``."""

    def __init__(
        self,
        part: sympy.Basic,
        why: str = "has parameters and data in a function that is no finite sum of products",
    ) -> None:
        super().__init__(str(part))
        self.part = part
        self.why = why


def separated(expression: sympy.Expr, data: Iterable[sympy.Symbol], domain: Iterable[Boolean] = ()) -> Terms:
    """The terms of ``expression``; ``domain`` holds wherever it is used. Raises :class:`NotSeparable`."""
    return _Separation(frozenset(data), domain).terms(expression)


class _Separation:
    def __init__(self, data: frozenset[sympy.Symbol], domain: Iterable[Boolean]) -> None:
        self._data = data
        self._positive = frozenset(
            one.gts for one in domain if isinstance(one, sympy.StrictGreaterThan) and one.lts == 0
        )
        self._known: dict[sympy.Basic, Terms] = {}

    def terms(self, expression: sympy.Expr) -> Terms:
        if expression not in self._known:
            found = {monomial: factor for monomial, factor in self._found(expression).items() if factor != 0}
            if len(found) > MOST_TERMS:
                raise NotSeparable(expression, _MANY)
            self._known[expression] = found
        return self._known[expression]

    def _found(self, expression: sympy.Expr) -> Terms:
        symbols = expression.free_symbols
        if not symbols & self._data:
            return {_ONE: expression}
        if expression.is_Add:
            return _added(map(self.terms, expression.args))
        if expression.is_Mul:
            return self._product(expression.args)
        if expression.is_Pow:
            return self._power(expression)
        if symbols <= self._data and not isinstance(expression, sympy.Piecewise):
            return {frozenset({(expression, 1)}): sympy.S.One}
        if isinstance(expression, sympy.exp):
            return self._exponential(expression)
        if isinstance(expression, sympy.log):
            return self._logarithm(expression)
        if isinstance(expression, sympy.Abs):
            factor, rest = self._one_product(expression.args[0], expression)
            return self._product((sympy.Abs(factor), sympy.Abs(rest)))
        if isinstance(expression, sympy.Piecewise):
            return self._piecewise(expression)
        raise NotSeparable(expression)

    def _product(self, factors: Iterable[sympy.Expr]) -> Terms:
        product: Terms = {_ONE: sympy.S.One}
        for factor in factors:
            product = _multiplied(product, self.terms(factor))
        return product

    def _power(self, expression: sympy.Pow) -> Terms:
        base, exponent = expression.base, expression.exp
        if exponent.is_Integer and 0 < exponent <= _LARGEST_POWER:
            return self._product([base] * int(exponent))
        if expression.free_symbols <= self._data:
            return {frozenset({(expression, 1)}): sympy.S.One}
        if exponent.is_Integer and exponent > 0 and len(self.terms(base)) != 1:
            raise NotSeparable(expression, f"is a power above {_LARGEST_POWER} of a sum")
        if not exponent.free_symbols:  # (f g)^p = f^p g^p for whole p, and for positive f and g
            factor, rest = self._one_product(base, expression)
            if exponent.is_Integer or (self._is_positive(factor) and self._is_positive(rest)):
                return self._product((factor**exponent, rest**exponent))
        raise NotSeparable(expression)

    def _one_product(self, expression: sympy.Expr, whole: sympy.Expr) -> tuple[sympy.Expr, sympy.Expr]:
        """An expression as a product of one factor in the parameters and one in the data."""
        terms = self.terms(expression)
        if len(terms) != 1:
            raise NotSeparable(whole)
        ((monomial, factor),) = terms.items()
        return factor, product_of(monomial)

    def _exponential(self, expression: sympy.Expr) -> Terms:
        of_data, of_parameters = sympy.S.Zero, sympy.S.Zero
        for term in sympy.Add.make_args(_expanded(self.terms(expression.args[0]))):
            if not term.free_symbols & self._data:
                of_parameters += term
            elif term.free_symbols <= self._data:
                of_data += term
            else:
                raise NotSeparable(expression)
        return {frozenset({(sympy.exp(of_data), 1)}): sympy.exp(of_parameters)}

    def _logarithm(self, expression: sympy.Expr) -> Terms:
        factor, rest = self._one_product(expression.args[0], expression)
        if not (self._is_positive(factor) and self._is_positive(rest)):
            raise NotSeparable(expression)
        return _added([self.terms(sympy.log(factor)), self.terms(sympy.log(rest))])

    def _piecewise(self, expression: sympy.Piecewise) -> Terms:
        """Conditions on the data choose among statistics, those on parameters among their coefficients."""
        parts: list[Terms] = []
        before: Boolean = sympy.true
        for branch, condition in expression.args:
            here = sympy.And(before, condition)
            before = sympy.And(before, sympy.Not(condition))
            terms, symbols = self.terms(branch), here.free_symbols
            if symbols <= self._data:
                chosen = {frozenset({(_where(product_of(one), here), 1)}): factor for one, factor in terms.items()}
            elif not symbols & self._data:
                chosen = {one: _where(factor, here) for one, factor in terms.items()}
            else:
                raise NotSeparable(expression)
            parts.append(chosen)
        return _added(parts)

    def _is_positive(self, expression: sympy.Expr) -> bool:
        factors = sympy.Mul.make_args(expression)
        return all(certainly(factor, "positive") or factor.as_base_exp()[0] in self._positive for factor in factors)


def product_of(monomial: Iterable[tuple[sympy.Expr, int]]) -> sympy.Expr:
    """A monomial as an expression."""
    return sympy.Mul(*(generator**power for generator, power in monomial))


def _where(value: sympy.Expr, condition: Boolean) -> sympy.Expr:
    return sympy.Piecewise((value, condition), (sympy.S.Zero, True))


def _expanded(terms: Mapping[Monomial, sympy.Expr]) -> sympy.Expr:
    return sympy.Add(*(sympy.expand(factor) * product_of(monomial) for monomial, factor in terms.items()))


def _added(parts: Iterable[Terms]) -> Terms:
    found: dict[Monomial, list[sympy.Expr]] = defaultdict(list)
    for part in parts:
        for monomial, factor in part.items():
            found[monomial].append(factor)
    return {monomial: sympy.Add(*factors) for monomial, factors in found.items()}


def _multiplied(left: Terms, right: Terms) -> Terms:
    if len(left) * len(right) > MOST_TERMS * MOST_TERMS:
        raise NotSeparable(_expanded(left), _MANY)
    found: dict[Monomial, list[sympy.Expr]] = defaultdict(list)
    for one, factor in left.items():
        for other, second in right.items():
            found[_joined(one, other)].append(factor * second)
    return {monomial: sympy.Add(*factors) for monomial, factors in found.items()}


def _joined(one: Monomial, other: Monomial) -> Monomial:
    powers: dict[sympy.Expr, int] = defaultdict(int)
    for generator, power in (*one, *other):
        powers[generator] += power
    return frozenset(powers.items())
