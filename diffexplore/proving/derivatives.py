"""The derivative that a refuted backward pass should have computed, as people write it."""

from __future__ import annotations

import sympy

from diffexplore.errors import UsageError
from diffexplore.formula.batch_sums import batch_sum, outermost, partial_through_sums
from diffexplore.formula.derive import LARGEST, differentiate
from diffexplore.formula.simplify import simplify
from diffexplore.formula.size import Derivative, TooLarge


def readable_derivative(exact: sympy.Expr, symbol: sympy.Symbol) -> sympy.Expr | None:
    """The derivative of a loss by a symbol, simplified, the summand of each sum on its own.

    None where it is too long to be read (:data:`~diffexplore.formula.derive.LARGEST`), or has no closed form.
    """
    if Derivative(symbol).nodes(exact) > LARGEST:
        return None
    try:
        return _simplified(differentiate(exact, symbol, partial_through_sums))
    except (UsageError, TooLarge):
        return None


def _simplified(expr: sympy.Expr) -> sympy.Expr:
    sums = {inner: sympy.Symbol(f"Σ{place}", real=True) for place, inner in enumerate(outermost(expr))}
    inside = {name: batch_sum(_simplified(inner.summand), inner.symbols) for inner, name in sums.items()}
    return simplify(expr.xreplace(sums)).expr.xreplace(inside)
