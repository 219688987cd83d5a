"""Arranging an expression as a person would write it: nested sums, absorbed signs, merged ratios."""

from __future__ import annotations

from collections import Counter
from functools import lru_cache, reduce

import sympy

from diffexplore.formula import build
from diffexplore.formula.order import count_ops, is_negative_term

MAX_TERMS = 24
"""Longer sums are left as they are."""

_MOST_COMPARED = 10
"""Of a sum of more terms the first of the factors that most terms share is taken out, not the best of three."""

_Ratio = tuple[type[sympy.Function], type[sympy.Function], type[sympy.Function]]

_RATIOS: tuple[_Ratio, ...] = (
    (sympy.sinh, sympy.cosh, sympy.tanh),
    (sympy.sin, sympy.cos, sympy.tan),
    (sympy.cos, sympy.sin, sympy.cot),
    (sympy.cosh, sympy.sinh, sympy.coth),
)


def arrange(expr: sympy.Expr) -> sympy.Expr:
    """An equal expression, arranged from the leaves up; conditions of Piecewise are left as they are."""
    return _arranged(expr, {})


def _arranged(expr: sympy.Basic, known: dict[sympy.Basic, sympy.Basic]) -> sympy.Basic:
    if not expr.args or not isinstance(expr, (sympy.Expr, sympy.functions.elementary.piecewise.ExprCondPair)):
        return expr
    if expr not in known:
        args = [_arranged(arg, known) for arg in expr.args]
        if expr.is_Add:
            known[expr] = _shortest_sum(build.total(args))
        elif expr.is_Mul:
            known[expr] = _absorb_sign(_merge_functions(build.product(args)))
        else:
            known[expr] = expr if list(expr.args) == args else expr.func(*args)
    return known[expr]


def _shortest_sum(expr: sympy.Expr) -> sympy.Expr:
    """A sum with common factors taken out where that saves operations: a·y − a·b + x → x + a·(y − b)."""
    if not expr.is_Add or len(expr.args) > MAX_TERMS:
        return _absorb_sign(expr)
    best = expr
    for candidate in (_content_out(expr), _nested(expr)):
        if count_ops(candidate) < count_ops(best):
            best = candidate
    return _absorb_sign(best)


def _content_out(expr: sympy.Expr) -> sympy.Expr:
    """A number common to all terms, in front: 2·a + 2·b → 2·(a + b)."""
    return build.product(expr.primitive())


@lru_cache(maxsize=4096)  # factors that are taken out in another order leave the same sums
def _nested(expr: sympy.Expr) -> sympy.Expr:
    """The factor that most terms share is taken out, then the next, in both parts."""
    if not expr.is_Add:
        return expr
    shared = Counter(factor for term in expr.args for factor in _symbolic_factors(term))
    if not shared or max(shared.values()) < 2:
        return _content_out(expr)
    most = max(shared.values())
    choices = sorted((factor for factor, count in shared.items() if count == most), key=str)
    compared = choices[: 3 if len(expr.args) <= _MOST_COMPARED else 1]
    return min((_taken_out(expr, factor) for factor in compared), key=count_ops)


def _taken_out(expr: sympy.Expr, factor: sympy.Expr) -> sympy.Expr:
    inside = [term for term in expr.args if factor in _symbolic_factors(term)]
    outside = [term for term in expr.args if term not in inside]
    inner = _nested(build.total(_without(term, factor) for term in inside))
    rest = _nested(build.total(outside)) if outside else sympy.S.Zero
    return build.total([_absorb_sign(build.product([factor, inner])), _absorb_sign(rest)])


def _without(term: sympy.Expr, factor: sympy.Expr) -> sympy.Expr:
    """``term`` with ``factor``, one of its symbolic factors, taken out once."""
    factors = list(sympy.Mul.make_args(term))
    if factor in factors:
        factors.remove(factor)
        return build.product(factors)
    return term / factor  # a whole power of it is there


def _symbolic_factors(term: sympy.Expr) -> set[sympy.Expr]:
    """The bases of positive whole powers in a term, and its other factors as they are; numbers left out."""
    factors = set()
    for factor in sympy.Mul.make_args(term):
        base, exponent = factor.as_base_exp()
        if exponent.is_Integer and exponent.is_positive and not base.is_number:
            factors.add(base)
        elif not factor.is_number:
            factors.add(factor)
    return factors


def _merge_functions(expr: sympy.Expr) -> sympy.Expr:
    """sinh(u)/cosh(u) → tanh(u) and the like, |u|·sign(u) → u, sign(u)²/|u| → 1/|u|, u^k/u → u^(k − 1)."""
    if not expr.is_Mul:
        return expr
    if expr.has(sympy.Function):
        expr = _merge_signs(reduce(_merge_ratio, _RATIOS, expr))
    return _merge_symbolic_powers(expr)


def _merge_signs(expr: sympy.Expr) -> sympy.Expr:
    powers = _powers(expr)
    for base, exponent in powers.items():
        if isinstance(base, sympy.sign) and exponent.is_Integer and exponent.is_positive:
            size = sympy.Abs(base.args[0])
            other = powers.get(size, sympy.S.Zero)
            if exponent.is_odd and other == 1:
                expr = expr / base / size * base.args[0]
            elif exponent > 1 and other.is_negative:  # undefined at u = 0 with and without sign(u)²
                expr = expr / base ** (exponent - exponent % 2)
    return expr


def _merge_symbolic_powers(expr: sympy.Expr) -> sympy.Expr:
    """The derivative of x^k as SymPy writes it, k·x^k/x, is not defined at x = 0; k·x^(k − 1) is for k > 1."""
    for factor in sympy.Mul.make_args(expr):
        if factor.is_Pow and not factor.exp.is_number and factor.base is not sympy.E:
            whole = _powers(expr).get(factor.base, sympy.S.Zero)
            if whole.is_Integer and whole:
                expr = expr / factor / factor.base**whole * factor.base ** (factor.exp + whole)
    return expr


def _powers(expr: sympy.Expr) -> dict[sympy.Expr, sympy.Expr]:
    """Base → exponent of the factors of a product, symbolic exponents left out."""
    pairs = (factor.as_base_exp() for factor in sympy.Mul.make_args(expr))
    return {base: exponent for base, exponent in pairs if exponent.is_number}


def _merge_ratio(expr: sympy.Expr, ratio: _Ratio) -> sympy.Expr:
    above, below, merged = ratio
    powers = _powers(expr)
    for base, exponent in powers.items():
        if isinstance(base, above) and exponent.is_Integer and exponent.is_positive:
            other = powers.get(below(*base.args), sympy.S.Zero)
            if other.is_Integer and other.is_negative:
                shared = min(exponent, -other)
                expr = expr / (base / below(*base.args)) ** shared * merged(*base.args) ** shared
    return expr


def _absorb_sign(expr: sympy.Expr) -> sympy.Expr:
    """A product whose sums are turned so that most of their terms are positive, and no minus is left in front.

    −(a·b − a·y − x)·(u + v) becomes (x + a·y − a·b)·(u + v).
    """
    if not expr.is_Mul:
        return expr
    number, rest = expr.as_coeff_Mul()
    factors = list(sympy.Mul.make_args(rest))
    for position, factor in enumerate(factors):
        base, exponent = factor.as_base_exp()
        turnable = base.is_Add and exponent.is_Integer and exponent.is_odd
        if turnable and 2 * _negatives(factor) > len(base.args):
            factors[position], number = _turned(factor), -number
    if number.is_negative:
        turned = {position: _turned(factor) for position, factor in enumerate(factors) if factor.is_Add}
        free = [position for position, factor in turned.items() if _negatives(factor) < len(factor.args)]
        if free:
            chosen = min(free, key=lambda position: _negatives(turned[position]))
            factors[chosen], number = turned[chosen], -number
    return build.product([number, *factors])


def _negatives(factor: sympy.Expr) -> int:
    return sum(is_negative_term(term) for term in factor.as_base_exp()[0].args)


def _turned(factor: sympy.Expr) -> sympy.Expr:
    """Minus an odd power of a sum, as the power of the turned sum."""
    base, exponent = factor.as_base_exp()
    terms = (_absorb_sign(build.product([sympy.S.NegativeOne, term])) for term in base.args)
    return build.total(terms) ** exponent
