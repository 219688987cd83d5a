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


def scaled_exponentials(expr: sympy.Expr) -> sympy.Expr:
    """``expr`` with such quotients and logarithms in that form; the same where it has none."""
    return _Scaling().scaled(expr) if expr.has(sympy.exp) else expr


@dataclass(frozen=True)
class _Terms:
    """Σ coefficient·exp(exponent), and the largest of the exponents."""

    terms: tuple[tuple[sympy.Expr, sympy.Expr], ...]

    @property
    def largest(self) -> sympy.Expr:
        exponents = dict.fromkeys(exponent for _, exponent in self.terms)
        return sympy.Max(*exponents, evaluate=False)  # many exponents take long to be compared with each other

    @property
    def scaled(self) -> sympy.Expr:
        """The sum over the exponential of its largest exponent."""
        largest = self.largest
        return sympy.Add(*(factor * sympy.exp(exponent - largest) for factor, exponent in self.terms))


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
        if isinstance(node, sympy.log) and (terms := _terms_of(node.args[0])) is not None:
            return terms.largest + sympy.log(terms.scaled)
        if node.is_Mul:
            return self._product(node)
        arguments = tuple(map(self.scaled, node.args))
        return node if arguments == node.args else node.func(*arguments)

    def _product(self, node: sympy.Mul) -> sympy.Expr:
        """A product with the exponentials of its factors taken together, where one of its divisors is such a sum."""
        others, exponents, sums = list[sympy.Expr](), list[sympy.Expr](), list[tuple[_Terms, sympy.Expr]]()
        for factor in node.args:
            base, power = (factor.base, factor.exp) if factor.is_Pow else (factor, sympy.S.One)
            terms = _terms_of(base) if power.is_Rational else None
            if isinstance(factor, sympy.exp):
                exponents.append(factor.args[0])
            elif terms is not None:
                sums.append((terms, power))
            else:
                others.append(self.scaled(factor))
        divided = any(power.is_negative for _, power in sums)
        if not divided or not (exponents or any(power.is_positive for _, power in sums)):
            arguments = tuple(map(self.scaled, node.args))
            return node if arguments == node.args else node.func(*arguments)
        whole = sympy.Add(*exponents, *(power * terms.largest for terms, power in sums))
        return sympy.Mul(*others, sympy.exp(whole), *(terms.scaled**power for terms, power in sums))


def _terms_of(expr: sympy.Expr) -> _Terms | None:
    """The terms of a sum of exponentials and of parts without any; None for another expression."""
    if not expr.is_Add:
        return None
    found = tuple(_split(expr))
    if any(factor.has(sympy.exp) for factor, _ in found) or len({exponent for _, exponent in found}) < 2:
        return None
    return _Terms(found)


def _split(expr: sympy.Add) -> Iterator[tuple[sympy.Expr, sympy.Expr]]:
    for term in expr.args:
        factors = sympy.Mul.make_args(term)
        exponents = [factor.args[0] for factor in factors if isinstance(factor, sympy.exp)]
        yield sympy.Mul(*(one for one in factors if not isinstance(one, sympy.exp))), sympy.Add(*exponents)
