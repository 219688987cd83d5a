"""The rules of differentiation as SymPy applies them, to each distinct part of an expression once.

SymPy asks every term of a sum for its derivative, whether it depends on the symbol or not: of 200 terms by each of
their 200 parameters that is 40,000 questions. Here what does not depend on the symbol is passed over. What the rules
leave is what SymPy leaves, term by term.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import sympy
from sympy.core.function import ArgumentIndexError

from diffexplore.formula.build import choice
from diffexplore.formula.dependence import dependence_in
from diffexplore.formula.stand_ins import STAND_INS, standing_in

By = Callable[[sympy.Expr, sympy.Symbol], sympy.Expr]


def derivative(expr: sympy.Expr, symbol: sympy.Symbol, by: By | None = None) -> sympy.Expr:
    """The partial derivative of ``expr``, where it exists; ``by`` is how smooth expressions are differentiated.

    |x|, sign and Heaviside have the derivatives sign, 0 and 0: their jumps, where SymPy would write DiracDelta,
    are points without a derivative. SymPy's own rule for Abs needs the argument to be proved real, which it is
    not for log(x), and gives the real part of a complex derivative there; the argument of a real loss is real.
    The derivative of sinc has a value at 0, as SymPy's quotient has not.
    """
    if by is None:
        return derivative_along(expr, {symbol: sympy.S.One})
    return _with_stand_ins(expr, {symbol: sympy.S.One}, lambda smooth: by(smooth, symbol))


def derivative_along(expr: sympy.Expr, slopes: Mapping[sympy.Symbol, sympy.Expr]) -> sympy.Expr:
    """The derivative of ``expr`` where its symbols have these derivatives, and all others are constant.

    What is multiplied by the slope of a symbol stands in the branch in which the symbol stands.
    """
    return _with_stand_ins(expr, slopes, lambda smooth: _Rules(smooth, slopes).of(smooth))


def _with_stand_ins(
    expr: sympy.Expr, slopes: Mapping[sympy.Symbol, sympy.Expr], by: Callable[[sympy.Expr], sympy.Expr]
) -> sympy.Expr:
    used = [stand_in for stand_in in STAND_INS if expr.has(stand_in.original)]
    for stand_in in used:
        expr = standing_in(expr, stand_in, slopes.keys())
    found = by(expr)
    for stand_in in STAND_INS if used else ():
        found = found.replace(stand_in, stand_in.back)
    return found


class _Rules:
    """The derivatives of the parts of an expression."""

    def __init__(self, expr: sympy.Expr, slopes: Mapping[sympy.Symbol, sympy.Expr]) -> None:
        self._slopes = slopes
        self._dependence = dependence_in(expr)
        self._known: dict[sympy.Basic, sympy.Expr] = {}

    def of(self, expr: sympy.Expr) -> sympy.Expr:
        if expr in self._slopes:
            return self._slopes[expr]
        if self._slopes.keys().isdisjoint(self._dependence.of(expr)):
            return sympy.S.Zero
        if expr not in self._known:
            self._known[expr] = _RULES.get(type(expr)._eval_derivative, _Rules._by_sympy)(self, expr)
        return self._known[expr]

    def _sum(self, expr: sympy.Add) -> sympy.Expr:
        return sympy.Add(*map(self.of, expr.args))

    def _product(self, expr: sympy.Mul) -> sympy.Expr:
        factors = expr.args
        slopes = [(place, self.of(factor)) for place, factor in enumerate(factors)]
        return sympy.Add(*(sympy.Mul(*factors[:at], slope, *factors[at + 1 :]) for at, slope in slopes if slope != 0))

    def _power(self, expr: sympy.Pow) -> sympy.Expr:
        base, exponent = self.of(expr.base), self.of(expr.exp)
        return expr * (exponent * sympy.log(expr.base) + base * expr.exp / expr.base)

    def _function(self, expr: sympy.Function) -> sympy.Expr:
        slopes = [(place, self.of(argument)) for place, argument in enumerate(expr.args, start=1)]
        return sympy.Add(*(_partial(expr, place) * slope for place, slope in slopes if not slope.is_zero))

    def _branches(self, expr: sympy.Piecewise) -> sympy.Expr:
        return choice([(self.of(branch), condition) for branch, condition in expr.args])

    def _by_sympy(self, expr: sympy.Expr) -> sympy.Expr:
        return sympy.Add(*(sympy.diff(expr, symbol) * slope for symbol, slope in self._slopes.items()))


def _partial(expr: sympy.Function, place: int) -> sympy.Expr:
    """The derivative of a function in one argument."""
    try:
        return expr.fdiff(place)
    except ArgumentIndexError:
        return sympy.Function.fdiff(expr, place)


#: By SymPy's own method; a class with another one is differentiated by SymPy.
_RULES: dict[Callable[..., sympy.Expr], Callable[[_Rules, sympy.Expr], sympy.Expr]] = {
    sympy.Add._eval_derivative: _Rules._sum,
    sympy.Mul._eval_derivative: _Rules._product,
    sympy.Pow._eval_derivative: _Rules._power,
    sympy.Function._eval_derivative: _Rules._function,
    sympy.Piecewise._eval_derivative: _Rules._branches,
}
