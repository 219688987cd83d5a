"""How a person writes an expression: the order of terms and factors, and how many operations it has."""

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


def count_ops(expr: sympy.Basic) -> int:
    """How many operations one evaluation of ``expr`` as written takes.

    Each +, −, ×, ÷, power, function, comparison and choice is one. A subtraction is one, not an addition and a
    negation; a negation that stands alone is one. Repeated subexpressions count each time.
    """
    return _count(expr, {})


def _count(expr: sympy.Basic, known: dict[sympy.Basic, int]) -> int:
    if expr not in known:
        known[expr] = _count_new(expr, known)
    return known[expr]


def _count_new(expr: sympy.Basic, known: dict[sympy.Basic, int]) -> int:
    if expr.is_Rational:
        return (0 if expr.is_Integer else 1) + (1 if expr.is_negative else 0)
    if not expr.args:
        return 0
    if expr.is_Add:
        negations = 1 if all(is_negative_term(term) for term in expr.args) else 0
        return len(expr.args) - 1 + negations + sum(_count_unsigned(term, known) for term in expr.args)
    if expr.is_Mul or is_reciprocal(expr):
        return _count_unsigned(expr, known) + (1 if is_negative_term(expr) else 0)
    if isinstance(expr, sympy.Heaviside):
        return 1 + _count(expr.args[0], known)
    if expr.is_Pow and expr.exp.is_Rational:
        return 1 + _count(expr.base, known)
    inner = sum(_count(arg, known) for arg in expr.args)
    if isinstance(expr, (sympy.Max, sympy.Min, sympy.And, sympy.Or)):
        return len(expr.args) - 1 + inner
    if isinstance(expr, sympy.Piecewise):
        return sum(1 for arg in expr.args if arg.cond != sympy.true) + inner
    if isinstance(expr, sympy.functions.elementary.piecewise.ExprCondPair):
        return inner
    return 1 + inner


def is_reciprocal(factor: sympy.Basic) -> bool:
    """Whether a factor is written below the bar: a negative power, but not exp(−x)."""
    return bool(factor.is_Pow and factor.exp.is_Rational and factor.exp.is_negative)


def _count_unsigned(term: sympy.Expr, known: dict[sympy.Basic, int]) -> int:
    """Operations of a term without those of its sign."""
    number, rest = term.as_coeff_Mul()
    above = [] if abs(number.p) == 1 else [0]
    below = [] if number.q == 1 else [0]
    for factor in sympy.Mul.make_args(rest):
        if factor is sympy.S.One:
            continue
        if is_reciprocal(factor):
            below.append(_count(1 / factor, known))
        else:
            above.append(_count(factor, known))
    operations = sum(above) + sum(below) + max(len(above) - 1, 0)
    return operations + (len(below) if below else 0)
