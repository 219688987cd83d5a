"""Formal sums over the samples of a batch, for every number of samples at once.

In a summand the data symbols mean the values of one sample. Σ is linear and constants move through it; nothing else
is used of it, so what is derived here holds for all N.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sympy

SAMPLES = sympy.Symbol("N", integer=True, positive=True)
"""The number of samples N."""

SIZES = (3, 2, 5)
"""The numbers of samples at which points are sought, in turn: for what is right for one number only."""


class BatchSum(sympy.Expr):
    """Σ over the samples of ``summand``, in which the data ``symbols`` are bound: they are those of each sample."""

    is_commutative = True

    def __new__(cls, summand: sympy.Expr, symbols: Iterable[sympy.Symbol]) -> BatchSum:
        bound = sympy.Tuple(*sorted(symbols, key=str))
        return super().__new__(cls, sympy.sympify(summand), bound)

    @property
    def summand(self) -> sympy.Expr:
        """What is added up, for the generic sample."""
        return self.args[0]

    @property
    def symbols(self) -> tuple[sympy.Symbol, ...]:
        """The data symbols, in the order of their names."""
        return tuple(self.args[1])

    @property
    def free_symbols(self) -> set[sympy.Basic]:
        return self.summand.free_symbols - set(self.symbols)

    def _eval_is_real(self) -> bool | None:
        return True if self.summand.is_real else None

    def _eval_derivative(self, symbol: sympy.Symbol) -> sympy.Expr:
        if symbol in self.symbols:  # a bound name: the sum does not depend on the generic sample outside it
            return sympy.S.Zero
        return batch_sum(sympy.diff(self.summand, symbol), self.symbols)

    def _eval_subs(self, old: sympy.Basic, new: sympy.Basic) -> sympy.Expr | None:
        return self if old in self.symbols else None  # None: SymPy goes on into the summand

    def _sympystr(self, printer: Any) -> str:
        return f"Σ({printer._print(self.summand)})"

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        text = rf"\sum_{{i=1}}^{{N}} {printer.parenthesize(self.summand, sympy.printing.precedence.PRECEDENCE['Mul'])}"
        return rf"\left({text}\right)^{{{exp}}}" if exp else text


def batch_sum(summand: sympy.Expr, symbols: Iterable[sympy.Symbol]) -> sympy.Expr:
    """Σ of ``summand``, with factors that are the same for every sample in front; N times it where all of it is."""
    bound = tuple(symbols)
    constant, rest = sympy.sympify(summand).as_independent(*bound, as_Add=False)
    if not rest.free_symbols & set(bound):
        return SAMPLES * constant * rest
    return constant * BatchSum(rest, bound)


def data_partial(expr: sympy.Expr, symbol: sympy.Symbol) -> sympy.Expr:
    """∂expr/∂(``symbol`` of the generic sample j), where ``expr`` depends on samples through its sums alone.

    dS/dz_j of a sum S = Σ g(z_i) is ∂g/∂z at the sample j, and what sums inside g add to every summand.
    """
    names = {inner: sympy.Dummy(real=True) for inner in outermost(expr)}
    back = {dummy: original for original, dummy in names.items()}
    outer = expr.xreplace(names)
    slopes = ((inner, sympy.diff(outer, name).xreplace(back)) for inner, name in names.items())
    return sympy.Add(*(slope * _partial_of_sum(inner, symbol) for inner, slope in slopes))


def _partial_of_sum(inner: BatchSum, symbol: sympy.Symbol) -> sympy.Expr:
    nested = {deeper: sympy.Dummy(real=True) for deeper in outermost(inner.summand)}
    back = {dummy: original for original, dummy in nested.items()}
    flat = inner.summand.xreplace(nested)
    slopes = ((deeper, sympy.diff(flat, name).xreplace(back)) for deeper, name in nested.items())
    through = (batch_sum(slope, inner.symbols) * _partial_of_sum(deeper, symbol) for deeper, slope in slopes)
    return sympy.Add(sympy.diff(flat, symbol).xreplace(back), *through)


def partial_through_sums(expr: sympy.Expr, symbol: sympy.Symbol) -> sympy.Expr:
    """∂expr/∂symbol, by data of the generic sample through the sums as well."""
    direct = sympy.diff(expr, symbol)
    bound = any(symbol in inner.symbols for inner in expr.atoms(BatchSum))
    return direct + data_partial(expr, symbol) if bound else direct


def outermost(expr: sympy.Basic) -> list[BatchSum]:
    """The sums of ``expr`` that are in no other sum."""
    if isinstance(expr, BatchSum):
        return [expr]
    return list(dict.fromkeys(inner for arg in expr.args for inner in outermost(arg)))
