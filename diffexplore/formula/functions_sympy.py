"""The functions of the formula language that SymPy lacks, and what expressions of formulas are made of.

Classes are named in lower case as in SymPy, where the name of the class is the name in print.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

import sympy
from sympy.codegen.cfunctions import expm1, log1p
from sympy.core.function import ArgumentIndexError
from sympy.core.relational import Relational
from sympy.logic.boolalg import Boolean

from diffexplore.functions.tables import by_class

__all__ = ["CONSTANT_VALUES", "dsinc", "expm1", "log1p", "sigmoid", "softplus"]


class _Smooth(sympy.Function):
    """A positive function of one real argument, evaluated through an equal form that SymPy knows."""

    nargs = (1,)

    def fdiff(self, argindex: int = 1) -> sympy.Expr:
        if argindex != 1:
            raise ArgumentIndexError(self, argindex)
        return self._slope()

    def _eval_is_extended_real(self) -> bool | None:
        return True if self.args[0].is_extended_real else None

    def _eval_is_finite(self) -> bool | None:
        return True if self.args[0].is_real else None

    _eval_is_positive = _eval_is_finite

    def _eval_evalf(self, prec: int) -> sympy.Expr:
        return self._plain(self.args[0]._evalf(prec + _MORE_BITS))._eval_evalf(prec)

    def _eval_rewrite_as_exp(self, arg: sympy.Expr, **_: Any) -> sympy.Expr:
        return self._plain(arg)

    @staticmethod
    def _plain(x: sympy.Expr) -> sympy.Expr:
        """The same function in exponentials and logarithms."""
        raise NotImplementedError

    def _slope(self) -> sympy.Expr:
        """Its derivative at the argument."""
        raise NotImplementedError

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        return called_in_latex(self._latex_name, self.args, printer, exp)

    _latex_name = ""


def called_in_latex(name: str, arguments: Iterable[sympy.Expr], printer: Any, exp: str | None) -> str:
    """A function of that name in LaTeX, with an exponent where SymPy's printer gives one."""
    power = f"^{{{exp}}}" if exp else ""
    return rf"{name}{power}\left({', '.join(map(printer._print, arguments))}\right)"


_MORE_BITS = 30  # the arguments of constants are below 10⁶ < 2²⁰ in magnitude: exp(x) has 20 bits fewer than x


class sigmoid(_Smooth):
    """The logistic function 1/(1 + exp(−x)); its derivative is sigmoid(x)·sigmoid(−x)."""

    _latex_name = r"\sigma"

    def _slope(self) -> sympy.Expr:
        return self * self.func(-self.args[0])

    @staticmethod
    def _plain(x: sympy.Expr) -> sympy.Expr:
        return 1 / (1 + sympy.exp(-x))


class softplus(_Smooth):
    """log(1 + exp(x)); its derivative is sigmoid(x)."""

    _latex_name = r"\operatorname{softplus}"

    def _slope(self) -> sympy.Expr:
        return sigmoid(self.args[0])

    @staticmethod
    def _plain(x: sympy.Expr) -> sympy.Expr:
        return sympy.log(1 + sympy.exp(x))


class dsinc(sympy.Function):
    """dsinc(n, x): the n-th derivative of sinc, n ≥ 1; −dsinc(1, x) is the spherical Bessel function j₁.

    It has a value for every x, where cos(x)/x − sin(x)/x² is 0/0 at 0. Differentiating x·sinc(x) = sin(x) n times gives
    x·dsinc(n, x) + n·dsinc(n − 1, x) = sin⁽ⁿ⁾(x) (NIST DLMF 10.49.3 and 10.51.2).
    """

    nargs = (2,)

    @classmethod
    def eval(cls, order: sympy.Expr, x: sympy.Expr) -> sympy.Expr | None:
        if order.is_zero:
            return sympy.sinc(x)
        if x.is_zero:
            return cls.at_zero(order)
        if order.is_Integer and x.could_extract_minus_sign():
            return (-1) ** order * cls(order, -x)
        return None

    @staticmethod
    def at_zero(order: sympy.Expr) -> sympy.Expr:
        """(−1)ᵏ/(2k + 1) for n = 2k, and 0 for an odd n, by the Taylor series of sinc."""
        return sympy.S.Zero if order % 2 else sympy.S.NegativeOne ** (order // 2) / (order + 1)

    def apart(self, at: sympy.Expr | None = None) -> sympy.Expr:
        """The same in sines and cosines, for x ≠ 0; ``at`` another argument."""
        x = self.args[1] if at is None else at
        value = sympy.sin(x) / x
        for n in range(1, int(self.args[0]) + 1):
            value = ((sympy.cos(x) if n % 2 else sympy.sin(x)) * (-1) ** (n // 2) - n * value) / x
        return value

    def fdiff(self, argindex: int = 1) -> sympy.Expr:
        if argindex != 2:
            raise ArgumentIndexError(self, argindex)
        return self.func(self.args[0] + 1, self.args[1])

    def _eval_is_extended_real(self) -> bool | None:
        return True if self.args[1].is_extended_real else None

    def _eval_is_finite(self) -> bool | None:
        return True if self.args[1].is_real else None

    def _eval_evalf(self, prec: int) -> sympy.Expr:
        return self.apart(self.args[1]._evalf(prec + _MORE_BITS))._eval_evalf(prec)

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        order, x = self.args
        primes = "'" * int(order) if order <= 3 else rf"^{{\left({order}\right)}}"
        text = rf"\operatorname{{sinc}}{primes}\left({printer._print(x)}\right)"
        return rf"\left({text}\right)^{{{exp}}}" if exp else text


def where(condition: Boolean, a: sympy.Expr, b: sympy.Expr) -> sympy.Expr:
    """``a`` where the condition holds, else ``b``."""
    return piecewise((a, condition), (b, sympy.true))


def piecewise(*pieces: tuple[sympy.Expr, Boolean]) -> sympy.Expr:
    """The first branch whose condition holds, with comparisons of constants decided beforehand."""
    from diffexplore.formula.compare import constants_decided  # which computes with these functions

    return sympy.Piecewise(*((branch, _settled(constants_decided(condition))) for branch, condition in pieces))


def _settled(condition: Boolean) -> Boolean:
    """``condition`` with 0 on the right side of each comparison that SymPy has no canonical form of.

    It turns log(s) + |x - m|/s > exp(a) - y*(a + b) around, and around again, until Python's stack ends.
    """
    if not isinstance(condition, Boolean):
        return condition
    turned = (one for one in condition.atoms(Relational) if one.canonical.canonical != one.canonical)
    return condition.xreplace({one: one.func(one.lhs - one.rhs, 0) for one in turned})


CONSTANT_VALUES: Mapping[str, sympy.Expr] = {"pi": sympy.pi, "e": sympy.E, "E": sympy.E}

_STRUCTURE: tuple[type[sympy.Basic], ...] = (
    sympy.Symbol, sympy.Rational, sympy.core.numbers.Pi, sympy.core.numbers.Exp1, sympy.Add, sympy.Mul, sympy.Pow,
    sympy.Piecewise, sympy.functions.elementary.piecewise.ExprCondPair,
    sympy.Gt, sympy.Ge, sympy.Lt, sympy.Le, sympy.Eq, sympy.Ne, sympy.And, sympy.Or, sympy.Not,
    type(sympy.true), type(sympy.false),
)  # fmt: skip


@cache
def _nodes() -> tuple[type[sympy.Basic], ...]:
    """The classes of which expressions of formulas are made."""
    return (*_STRUCTURE, *(kind for kind, function in by_class().items() if function.word))


def foreign_node(expr: sympy.Basic) -> sympy.Basic | None:
    """The first node of ``expr`` of a class outside the closed list that every later stage knows, or None."""
    waiting, seen = [expr], set[sympy.Basic]()
    while waiting:
        node = waiting.pop()
        if not isinstance(node, _nodes()):
            return node
        seen.add(node)
        waiting += [part for part in reversed(node.args) if part not in seen]
    return None
