"""Quotients, products and logarithms of exponentials in a form that does not overflow where their value does not.

exp(u)/(exp(u) + exp(v)) is ∞/∞ in floats from u = 710 on. With m = max(u, v) no exponent is positive in
exp(u − m)/(exp(u − m) + exp(v − m)), and log(exp(u) + exp(v)) is m + log(exp(u − m) + exp(v − m)). Source:
P. Blanchard, D. J. Higham, N. J. Higham, Accurately computing the log-sum-exp and softmax functions, IMA J. Numer.
Anal. 41, 2021. Powers of other numbers are exponentials, cosh(u) is such a sum, σ(u) the reciprocal of one, and sinh(u)
is tanh(u)·cosh(u), which is accurate near 0 as well. log(1 + exp(u)) is softplus(u), also as log1p(exp(u)), and
c − c·σ(u) is c·σ(−u), which does not cancel to 0.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import sympy

from diffexplore.formula.exponential_parts import (
    as_sum,
    beside_one,
    exponent_of,
    is_power_of_tanh,
    multiplied_out,
    spread,
    without_coefficient,
    without_complement,
    without_complements,
)
from diffexplore.formula.functions_sympy import expm1, log1p, sigmoid, softplus

_LOWEST = -(sympy.Integer(10) ** 300)
"""Below all exponents: that of a term whose coefficient is 0."""

_EXPONENTIAL = (sympy.cosh, sympy.sinh, sympy.tanh, expm1, sigmoid)


def scaled_exponentials(expr: sympy.Expr) -> sympy.Expr:
    """``expr`` with such products and logarithms in that form; the same where it has none."""
    return _Scaling().scaled(expr)


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
    def is_positive(self) -> bool:
        return all(factor.is_positive for factor, _ in self.terms)

    @property
    def logarithm(self) -> sympy.Expr:
        return self.largest + sympy.log(self.scaled)

    @property
    def scaled(self) -> sympy.Expr:
        """The sum over the exponential of the largest."""
        largest = self.largest
        return sympy.Add(*(_counted(f, f * sympy.exp(exponent - largest), sympy.S.Zero) for f, exponent in self.terms))


@dataclass(frozen=True)
class _Factors:
    """Those of a product: exponents of exponentials, sums of such with their powers, and the others."""

    others: list[sympy.Expr] = field(default_factory=list)
    exponents: list[sympy.Expr] = field(default_factory=list)
    sums: list[tuple[_Terms, sympy.Expr]] = field(default_factory=list)


def _whole(factor: sympy.Expr, exponent: sympy.Expr) -> sympy.Expr:
    """The exponent of a term, its coefficient included."""
    return exponent if factor.is_number else _counted(factor, exponent + sympy.log(sympy.Abs(factor)), _LOWEST)


def _counted(factor: sympy.Expr, found: sympy.Expr, otherwise: sympy.Expr) -> sympy.Expr:
    """What is found where a coefficient is not 0, as that of a mask may be."""
    return found if factor.is_zero is False else sympy.Piecewise((found, sympy.Ne(factor, 0)), (otherwise, True))


class _Scaling:
    """One pass through an expression; each of its parts is looked at once."""

    def __init__(self) -> None:
        self._known: dict[sympy.Basic, sympy.Basic] = {}
        self._holding: dict[sympy.Basic, bool] = {}

    def scaled(self, node: sympy.Basic) -> sympy.Basic:
        if node not in self._known:
            self._known[node] = self._of(node) if self._holds(node) else node
        return self._known[node]

    def _holds(self, node: sympy.Basic) -> bool:
        """Whether some part is an exponential."""
        if node not in self._holding:
            own = isinstance(node, _EXPONENTIAL) or exponent_of(node) is not None
            self._holding[node] = own or any(map(self._holds, node.args))
        return self._holding[node]

    def _of(self, node: sympy.Basic) -> sympy.Basic:
        if isinstance(node, sympy.log):
            found = self._logarithm(node.args[0])
            return self._inside(node) if found is None else found
        if isinstance(node, log1p) and (exponent := beside_one(1 + node.args[0])) is not None:
            return softplus(self.scaled(exponent))  # other sums would lose the digits of what is small beside 1
        if node.is_Add and (other := without_complements(node)) != node:
            return self.scaled(other)
        return self._product(node) if node.is_Mul else self._inside(node)

    def _inside(self, node: sympy.Basic) -> sympy.Basic:
        arguments = tuple(map(self.scaled, node.args))
        return node if arguments == node.args else node.func(*arguments)

    def _logarithm(self, inner: sympy.Expr) -> sympy.Expr | None:
        """That of a sum of exponentials, or of a product of positive ones; None for another one."""
        inner = without_complements(inner)
        if isinstance(inner, sigmoid):
            return -softplus(-self.scaled(inner.args[0]))
        if (exponent := beside_one(inner)) is not None:
            return softplus(self.scaled(exponent))
        parts = self._split(inner)
        alone = inner.is_Add and bool(parts.sums)  # its coefficients may have any signs, as its value is what it is
        positive = bool(parts.exponents or parts.sums) and all(terms.is_positive for terms, _ in parts.sums)
        if not (alone or positive):
            return None
        own = [sympy.log(sympy.Mul(*parts.others))] if parts.others else []
        return sympy.Add(*parts.exponents, *(power * terms.logarithm for terms, power in parts.sums), *own)

    def _product(self, node: sympy.Mul) -> sympy.Expr:
        """A product with the exponentials of its factors taken together, where one may grow as another vanishes."""
        parts = self._split(node)
        signs = {power.is_positive for _, power in parts.sums}
        if len(parts.exponents) + len(parts.sums) < 2 or not (parts.exponents or len(signs) == 2):
            return self._inside(node)
        whole = sympy.Add(*parts.exponents, *(power * terms.largest for terms, power in parts.sums))
        return sympy.Mul(*parts.others, sympy.exp(whole), *(terms.scaled**power for terms, power in parts.sums))

    def _split(self, node: sympy.Expr) -> _Factors:
        found = _Factors()
        for whole in sympy.Mul.make_args(sympy.Mul(*map(without_complement, sympy.Mul.make_args(node)))):
            number, factor = without_coefficient(whole)
            found.others.extend([number] if number != 1 else [])
            exponent = exponent_of(factor)
            terms, power = (None, sympy.S.One) if exponent is not None else self._sum_of(factor)
            if exponent is not None:
                found.exponents.append(self.scaled(exponent))
            elif terms is not None:
                found.sums.append((terms, power))
                base, own = factor.as_base_exp()
                if isinstance(base, (sympy.sinh, expm1)):
                    angle = base.args[0] if isinstance(base, sympy.sinh) else base.args[0] / 2
                    found.others.append(sympy.tanh(self.scaled(angle)) ** own)
            else:
                found.others.append(self.scaled(factor))
        return found

    def _sum_of(self, factor: sympy.Expr) -> tuple[_Terms | None, sympy.Expr]:
        """The sum of which a factor is a power, where it is one, and the power."""
        base, power = as_sum(*factor.as_base_exp())
        return (self._terms_of(base) if power.is_Rational else None), power

    def _terms_of(self, expr: sympy.Expr) -> _Terms | None:
        """The terms of a sum of exponentials and of parts without any; None for another expression.

        Of sinh(u) those of cosh(u), whose factor tanh(u) is left to be set beside it; of exp(u) − 1 those of
        exp(u) + 1, with the factor tanh(u/2).
        """
        if isinstance(expr, sympy.sinh):
            expr = sympy.cosh(expr.args[0])
        elif isinstance(expr, expm1):
            expr = sympy.exp(expr.args[0]) + 1
        if not expr.is_Add and not isinstance(expr, sympy.cosh):
            return None
        parts = [one for part in sympy.Add.make_args(expr) for one in sympy.Add.make_args(spread(part))]
        found = [term for part in parts for term in multiplied_out(part)]
        if any(self._holds(factor) for factor, _ in found if not is_power_of_tanh(factor)):
            return None
        if len({exponent for _, exponent in found}) < 2:
            return None
        return _Terms(tuple((factor, self.scaled(exponent)) for factor, exponent in found))
