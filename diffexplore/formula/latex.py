"""Expressions in LaTeX, in the same order as in plain text."""

from __future__ import annotations

from collections.abc import Collection

import sympy
from sympy.core.function import AppliedUndef
from sympy.printing.latex import LatexPrinter

from diffexplore.formula.order import factors_in_order, terms_in_order


def to_latex(expr: sympy.Basic, *, indexed: Collection[str] = ()) -> str:
    r"""``expr`` in LaTeX, without dollar signs.

    Args:
        expr: an expression or condition.
        indexed: names of symbols that get the index of a sample, such as ``x_{i}``.
    """
    names = {symbol: f"{sympy.latex(symbol)}_{{i}}" for symbol in expr.free_symbols if symbol.name in indexed}
    return str(_Latex({"symbol_names": names, "ln_notation": False, "order": None}).doprint(expr))


def reduced_to_latex(summand: sympy.Expr, data: Collection[str], reduction: str) -> str:
    """The mean or the sum of a summand over the samples, in LaTeX; the summand alone where there are no data."""
    latex = to_latex(summand, indexed=data)
    if not data:
        return latex
    mean = r"\frac{1}{N} " if reduction == "mean" else ""
    return rf"{mean}\sum_{{i=1}}^{{N}} " + (rf"\left({latex}\right)" if summand.is_Add else latex)


class _Power(sympy.Dummy):
    """A power with symbols in its exponent, as a name that is ordered and printed like it.

    SymPy asks of a power in a product whether its exponent is constant, and simplifies it for that: of nested
    exponentials this takes minutes.
    """

    power: sympy.Expr

    @classmethod
    def of(cls, factor: sympy.Expr) -> sympy.Expr:
        """Such a power as a name; another factor as it is."""
        if not (isinstance(factor, sympy.exp) or factor.is_Pow) or not factor.as_base_exp()[1].free_symbols:
            return factor
        name = cls()
        name.power = factor
        return name

    def sort_key(self, order: str | None = None) -> object:
        return self.power.sort_key(order)


class _Latex(LatexPrinter):
    def _as_ordered_terms(self, expr: sympy.Expr, order: str | None = None) -> list[sympy.Expr]:
        return terms_in_order(expr)

    def _print_Mul(self, expr: sympy.Expr) -> str:
        number, rest = expr.as_coeff_Mul()
        ordered = factors_in_order(list(sympy.Mul.make_args(rest)))
        ordered = [_Power.of(factor) for factor in ordered]
        arguments = ordered if number is sympy.S.One else [number, *ordered]
        return str(super()._print_Mul(sympy.Mul(*arguments, evaluate=False)))

    def _print__Power(self, name: _Power) -> str:
        return str(self._print(name.power))

    def _print_Piecewise(self, expr: sympy.Piecewise, exp: str | None = None) -> str:
        """SymPy hands every function its exponent, and this one does not take it."""
        cases = super()._print_Piecewise(expr)
        return str(cases) if exp is None else rf"\left({cases}\right)^{{{exp}}}"

    def _print_AppliedUndef(self, expr: AppliedUndef, exp: str | None = None) -> str:
        name = sympy.latex(sympy.Symbol(expr.func.__name__))
        return f"{name}^{{{exp}}}" if exp is not None else name

    def _print_Derivative(self, expr: sympy.Derivative) -> str:
        variable = self._print(expr.variables[0])
        if isinstance(expr.expr, (AppliedUndef, sympy.Symbol)):
            return rf"\frac{{\partial {self._print(expr.expr)}}}{{\partial {variable}}}"
        return rf"\frac{{\partial}}{{\partial {variable}}}\left[{self._print(expr.expr)}\right]"
