"""The curve that a loss fits to its data: the response at which a sample pulls at no parameter of the curve.

For a loss of two data symbols x and y it is the y at which all partials by these parameters vanish: a·x + b of least
squares and of the perpendicular distance, exp(a·x + b) of a Poisson regression, 1/(1 + exp(−a·x − b)) of a logistic
one. It is found where some part of the gradient can be solved for y, being linear in it; each candidate is put into all
partials.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import sympy

from diffexplore.loss import Loss

#: Larger gradients are not searched.
_MOST_NODES = 2_000


@dataclass(frozen=True)
class Curve:
    """``response`` as a function of the parameters and of the data symbol ``over``."""

    over: str
    response: str
    expression: sympy.Expr


def fitted_curve(loss: Loss) -> Curve | None:
    """The curve over the data plane; None where there are not two data symbols, or it is not found."""
    if len(loss.data) != 2 or not loss.parameters:
        return None
    partials = [loss.gradient()[name] for name in loss.parameters]
    if sum(1 for partial in partials for _ in sympy.preorder_traversal(partial)) > _MOST_NODES:
        return None
    if not all(loss.symbols[name] in sympy.Tuple(*partials).free_symbols for name in loss.data):
        return None
    for over, response in (loss.data, loss.data[::-1]):
        symbol = loss.symbols[response]
        for candidate in _candidates(partials, symbol):
            there = candidate.free_symbols
            moved = [one for name, one in zip(loss.parameters, partials, strict=True) if loss.symbols[name] in there]
            if loss.symbols[over] in there and moved and all(_vanishes(one, symbol, candidate) for one in moved):
                return Curve(over, response, candidate)
    return None


def _candidates(partials: Sequence[sympy.Expr], symbol: sympy.Symbol) -> Iterator[sympy.Expr]:
    """What solves a sum in the partials that is linear in the symbol, each once, the simplest sums first."""
    sums = {node for partial in partials for node in sympy.preorder_traversal(partial) if node.is_Add}
    seen = set()
    for node in sorted(sums, key=lambda node: (sympy.count_ops(node), sympy.default_sort_key(node))):
        slope = node.diff(symbol)
        if slope == 0 or slope.has(symbol) or node.has(sympy.Derivative):
            continue
        candidate = sympy.powsimp(sympy.cancel(symbol - sympy.expand(node) / slope))
        if candidate not in seen and not candidate.has(symbol):
            seen.add(candidate)
            yield candidate


def _vanishes(partial: sympy.Expr, symbol: sympy.Symbol, candidate: sympy.Expr) -> bool:
    try:
        put = partial.subs(symbol, candidate)
        return bool(put == 0 or sympy.expand(put) == 0 or sympy.cancel(sympy.expand(put)) == 0)
    except (sympy.PolynomialError, TypeError, ZeroDivisionError):  # a case that SymPy cannot decide
        return False
