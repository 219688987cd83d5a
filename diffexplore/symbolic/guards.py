"""Points at which a piecewise branch is defined, to stand in for the inputs where the branch is not taken."""

from __future__ import annotations

import itertools

import sympy

_CANDIDATES = [sympy.Rational(n, 2) for n in (1, 2, 4, -1, -2, -4, 6, -6, 20, -20)]
_MOST_TRIALS = 400

#: Functions that are defined, with all derivatives, on the whole line.
_ENTIRE = (sympy.exp, sympy.sin, sympy.cos, sympy.sinh, sympy.cosh, sympy.tanh, sympy.atan, sympy.asinh, sympy.erf)


def safe_point(branch: sympy.Expr, condition: sympy.Basic) -> dict[sympy.Symbol, sympy.Rational]:
    """A value for each symbol of ``branch`` at which the condition holds and the branch is finite.

    Empty where the branch is defined everywhere (then nothing needs a shield), or where no such point is found.
    """
    symbols = sorted(branch.free_symbols, key=lambda symbol: symbol.name)
    if not symbols or not _may_be_singular(branch):
        return {}
    names = sorted(branch.free_symbols | condition.free_symbols, key=lambda symbol: symbol.name)
    trials = itertools.islice(itertools.product(_CANDIDATES, repeat=len(names)), _MOST_TRIALS)
    for values in trials:
        point = dict(zip(names, values, strict=True))
        if condition.subs(point) == True and _finite_at(branch, point):  # noqa: E712 (SymPy's true)
            return {symbol: point[symbol] for symbol in symbols}
    return {}


def _may_be_singular(expression: sympy.Expr) -> bool:
    for node in sympy.preorder_traversal(expression):
        if isinstance(node, sympy.Pow) and not (node.exp.is_Integer and node.exp.is_nonnegative):
            return True
        if isinstance(node, sympy.Function) and not isinstance(node, _ENTIRE):
            return True
    return False


def _finite_at(expression: sympy.Expr, point: dict[sympy.Symbol, sympy.Rational]) -> bool:
    value = expression.subs(point)
    return bool(value.is_number and value.is_real and value.is_finite)
