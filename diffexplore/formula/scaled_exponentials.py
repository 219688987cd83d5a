"""Quotients and logarithms of sums of exponentials in a form that does not overflow where their value does not.

exp(u)/(exp(u) + exp(v)) is ∞/∞ in floats from u = 710 on. With m = max(u, v) no exponent is positive in
exp(u − m)/(exp(u − m) + exp(v − m)), and log(exp(u) + exp(v)) is m + log(exp(u − m) + exp(v − m)). Source:
P. Blanchard, D. J. Higham, N. J. Higham, Accurately computing the log-sum-exp and softmax functions, IMA J. Numer.
Anal. 41, 2021.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import sympy
from sympy.logic.boolalg import Boolean


def scaled_exponentials(expr: sympy.Expr) -> sympy.Expr:
    """``expr`` with such quotients and logarithms in that form; the same where it has none."""
    return _Scaling().scaled(expr) if expr.has(sympy.exp) else expr


@dataclass(frozen=True)
class _Terms:
    """Σ coefficient·exp(exponent), and the exponent of its largest term."""

    terms: tuple[tuple[sympy.Expr, sympy.Expr], ...]

    @property
    def largest(self) -> sympy.Expr:
        """To be found where all count: that of 10⁻²⁰⁰·exp(500) is 40, without which all other terms would be lost."""
        exponents = dict.fromkeys(_whole(factor, exponent) for factor, exponent in self.terms)
        return sympy.Max(*exponents, evaluate=False)  # many exponents take long to be compared with each other

    @property
    def scaled(self) -> sympy.Expr:
        """The sum over the exponential of the largest."""
        largest = self.largest
        return sympy.Add(*(factor * sympy.exp(exponent - largest) for factor, exponent in self.terms))

    @property
    def counts(self) -> Boolean:
        """Where no coefficient is 0, as that of a mask may be: its exponent is not the largest that matters."""
        return sympy.And(*(sympy.Ne(factor, 0) for factor, _ in self.terms if factor.is_zero is not False))


def _whole(factor: sympy.Expr, exponent: sympy.Expr) -> sympy.Expr:
    return exponent if factor.is_number else exponent + sympy.log(sympy.Abs(factor))


class _Scaling:
    """One pass through an expression; each of its parts is looked at once."""

    def __init__(self) -> None:
        self._known: dict[sympy.Basic, sympy.Basic] = {}

    def scaled(self, node: sympy.Basic) -> sympy.Basic:
        if node not in self._known:
            self._known[node] = self._of(node)
        return self._known[node]

    def _of(self, node: sympy.Basic) -> sympy.Basic:
        if not node.has(sympy.exp):
            return node
        if isinstance(node, sympy.log) and (terms := self._terms_of(node.args[0])) is not None:
            return self._where(terms.counts, terms.largest + sympy.log(terms.scaled), node)
        return self._product(node) if node.is_Mul else self._inside(node)

    def _inside(self, node: sympy.Basic) -> sympy.Basic:
        arguments = tuple(map(self.scaled, node.args))
        return node if arguments == node.args else node.func(*arguments)

    def _where(self, condition: Boolean, form: sympy.Expr, node: sympy.Expr) -> sympy.Expr:
        """The form where a condition holds, elsewhere the node with its parts scaled."""
        return form if condition == sympy.true else sympy.Piecewise((form, condition), (self._inside(node), True))

    def _product(self, node: sympy.Mul) -> sympy.Expr:
        """A product with the exponentials of its factors taken together, where one of its divisors is such a sum."""
        others, exponents, sums = list[sympy.Expr](), list[sympy.Expr](), list[tuple[_Terms, sympy.Expr]]()
        for factor in node.args:
            base, power = (factor.base, factor.exp) if factor.is_Pow else (factor, sympy.S.One)
            terms = self._terms_of(base) if power.is_Rational else None
            if isinstance(factor, sympy.exp):
                exponents.append(self.scaled(factor.args[0]))
            elif terms is not None:
                sums.append((terms, power))
            else:
                others.append(self.scaled(factor))
        divided = any(power.is_negative for _, power in sums)
        if not divided or not (exponents or any(power.is_positive for _, power in sums)):
            return self._inside(node)
        whole = sympy.Add(*exponents, *(power * terms.largest for terms, power in sums))
        form = sympy.Mul(*others, sympy.exp(whole), *(terms.scaled**power for terms, power in sums))
        return self._where(sympy.And(*(terms.counts for terms, _ in sums)), form, node)

    def _terms_of(self, expr: sympy.Expr) -> _Terms | None:
        """The terms of a sum of exponentials and of parts without any; None for another expression."""
        if not expr.is_Add:
            return None
        found = tuple(_split(expr))
        if any(factor.has(sympy.exp) for factor, _ in found) or len({exponent for _, exponent in found}) < 2:
            return None
        return _Terms(tuple((factor, self.scaled(exponent)) for factor, exponent in found))


def _split(expr: sympy.Add) -> Iterator[tuple[sympy.Expr, sympy.Expr]]:
    for term in expr.args:
        factors = sympy.Mul.make_args(term)
        exponents = [factor.args[0] for factor in factors if isinstance(factor, sympy.exp)]
        yield sympy.Mul(*(one for one in factors if not isinstance(one, sympy.exp))), sympy.Add(*exponents)
