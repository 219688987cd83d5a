"""Sums, products and logarithms in the functions that keep the digits which they lose.

A closed form is right as algebra and may still have no right digit as floats: exp(x) − 1 near 0, log(1 + x) near 0,
exp(x²)·erfc(x) for large x. What is rewritten here is never less accurate than it was by more than the roundings of the
functions that take its place. Where a form is better on one side and worse on the other, both stand in a choice between
them: such forms are evaluated, and not printed.
"""

from __future__ import annotations

from collections.abc import Iterator

import sympy

from diffexplore.formula import build
from diffexplore.formula.complements import Key, all_known, named
from diffexplore.formula.functions_sympy import expm1, log1p, sigmoid, softplus, where
from diffexplore.formula.remembered import remembered
from diffexplore.formula.signs import certainly
from diffexplore.formula.tails import log_of_tail, without_tails

_NEAR_ONE = sympy.S.Half
"""A value whose distance from 1 is below this has its logarithm from that distance."""


@remembered(256)
def printed(expr: sympy.Expr) -> sympy.Expr:
    """``expr`` in the functions of the language that are the accurate form of its parts, by their records."""
    return _Accurate(choices=False).of(expr)


@remembered(256)
def accurate(expr: sympy.Expr) -> sympy.Expr:
    """``expr`` in a form for floats: by identities, too, and by choices between two forms."""
    return _Accurate(choices=True).of(expr)


class _Accurate:
    """One pass through an expression, from its leaves up; each of its parts is looked at once."""

    def __init__(self, choices: bool) -> None:
        self._choices = choices
        self._beside_numbers = all_known() if choices else named()

    def of(self, expr: sympy.Expr) -> sympy.Expr:
        return build.from_leaves_up(expr, self._form)

    def _form(self, node: sympy.Basic) -> sympy.Basic:
        if node.is_Add:
            return self._sum(node)
        if node.is_Mul:
            return without_tails(node, choices=self._choices)
        if isinstance(node, sympy.log):
            return self._logarithm(node)
        return node

    # ------------------------------------------------------------------------------------------------------------ sums
    def _sum(self, node: sympy.Add) -> sympy.Expr:
        terms, changed = list(node.args), False
        while (found := next(self._replacements(terms), None)) is not None:
            gone, come = found
            for term in gone:
                terms.remove(term)
            terms, changed = terms + come, True
        return build.total(terms) if changed else node

    def _replacements(self, terms: list[sympy.Expr]) -> Iterator[tuple[list[sympy.Expr], list[sympy.Expr]]]:
        """Two terms that cancel, and what takes their place."""
        there = set(terms)
        for term in terms:
            for factor in sympy.Mul.make_args(term):
                for number, form in self._beside_numbers.get(_key_of(factor), {}).items():
                    others = term / factor
                    if number * others in there:
                        yield [term, number * others], [build.product([others, form(_argument(factor))])]
                for exponential in _exponentials_in(term) if factor.is_Add else ():
                    yield from self._spread(term, factor, exponential, there)

    def _spread(
        self, term: sympy.Expr, sum_: sympy.Add, exponential: sympy.exp, there: set[sympy.Expr]
    ) -> Iterator[tuple[list[sympy.Expr], list[sympy.Expr]]]:
        """c·(S + n)·exp(u) − c·n as c·S·exp(u) + c·n·expm1(u)."""
        number, rest = sum_.as_coeff_Add()
        others = term / sum_ / exponential
        if number != 0 and -number * others in there:
            small = number * others * expm1(exponential.args[0])
            yield [term, -number * others], [build.product([others, rest, exponential]), small]

    # ------------------------------------------------------------------------------------------------------ logarithms
    def _logarithm(self, node: sympy.log) -> sympy.Expr:
        inner = node.args[0]
        if inner.is_Add:
            one, rest = inner.as_coeff_Add()
            if one == 1 and isinstance(rest, sympy.exp):
                return softplus(rest.args[0])
            return log1p(rest) if one == 1 and _has_one_sign(rest) else node
        return self._near_one(node) if self._choices else node

    def _near_one(self, node: sympy.log) -> sympy.Expr:
        """The logarithm of c·f(u), where c·f(u) − 1 is known by itself."""
        factor, function = node.args[0].as_coeff_Mul()
        if isinstance(function, sympy.cosh) and factor == 1:  # whose distance from 1 may overflow
            below = sympy.tanh(function.args[0]) ** 2
            return where(below < _NEAR_ONE, -log1p(-below) / 2, node)
        far = log_of_tail(node)
        form = self._beside_numbers.get(_key_of(function), {}).get(-1 / factor)
        if form is None or isinstance(function, sigmoid):  # its logarithm is a softplus
            return far
        distance = factor * form(_argument(function))
        return where(sympy.Abs(distance) < _NEAR_ONE, log1p(distance), far)


def _key_of(factor: sympy.Expr) -> Key:
    """The function of which a factor is a power, and the power; for another factor one that no table has."""
    if isinstance(factor, sympy.exp):
        return sympy.exp, sympy.S.One
    base, power = build.base_and_exponent(factor)
    return (base.func, power) if base.is_Function and len(base.args) == 1 else (None, power)


def _argument(factor: sympy.Expr) -> sympy.Expr:
    return build.base_and_exponent(factor)[0].args[0]


def _exponentials_in(product: sympy.Expr) -> list[sympy.exp]:
    return [factor for factor in sympy.Mul.make_args(product) if isinstance(factor, sympy.exp)]


def _has_one_sign(rest: sympy.Expr) -> bool:
    """Whether it is one term, or a sum in which none cancels another."""
    return not rest.is_Add or all(certainly(term, "nonnegative") for term in rest.args)
