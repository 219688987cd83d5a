"""In which order a person writes the terms of a sum and the factors of a product."""

from __future__ import annotations

import sympy


def degree(expr: sympy.Expr) -> float:
    """Roughly the degree of a term: a·x² has 3, a function counts as 1, a denominator counts down."""
    if expr.is_Symbol or isinstance(expr, sympy.Function):
        return 1.0
    if expr.is_Pow and expr.exp.is_Rational:
        return float(expr.exp) * degree(expr.base)
    if expr.is_Mul:
        return sum(degree(factor) for factor in expr.args)
    if expr.is_Add:
        return max(degree(term) for term in expr.args)
    return 0.0 if expr.is_number else 1.0


def is_negative_term(term: sympy.Expr) -> bool:
    """Whether a term is written with a minus sign."""
    return bool(term.as_coeff_Mul()[0].is_negative)


def terms_in_order(add: sympy.Expr) -> list[sympy.Expr]:
    """The terms of a sum: positive ones first, plain ones before nested ones, higher degrees before lower ones."""
    return sorted(
        sympy.Add.make_args(add),
        key=lambda term: (is_negative_term(term), _is_nested(term), -degree(term), term.sort_key()),
    )


def factors_in_order(factors: list[sympy.Expr]) -> list[sympy.Expr]:
    """Factors: constants, symbols, functions, and sums last, plain sums before nested ones."""
    return sorted(factors, key=lambda factor: (_rank(factor), _depth(factor), factor.sort_key()))


def _is_nested(term: sympy.Expr) -> bool:
    return any(factor.as_base_exp()[0].is_Add for factor in sympy.Mul.make_args(term))


def _rank(factor: sympy.Expr) -> int:
    base = factor.as_base_exp()[0] if factor.is_Pow else factor
    if factor.is_number:
        return 0
    if base.is_Symbol:
        return 1
    return 3 if base.is_Add else 2


def _depth(factor: sympy.Expr) -> int:
    base = factor.as_base_exp()[0]
    return sum(_is_nested(term) for term in base.args) if base.is_Add else 0
