"""Rational functions in factors, found by FLINT.

SymPy factors dense polynomials, in which each further symbol multiplies the work: of a derivative in ten symbols it
takes a hundred times as long. Factors over the rationals are unique but for their numbers and signs, and these are
chosen as SymPy does: whole coefficients without a common divisor, the first of them positive.
"""

from __future__ import annotations

import sympy
from flint import Ordering, fmpz_mpoly_ctx

from diffexplore.formula import build

Factors = list[tuple[sympy.Expr, sympy.Integer]]
"""Expressions, each with its whole power."""


def factor(expr: sympy.Expr) -> sympy.Expr:
    """``expr`` over one denominator, with both sides of the bar in irreducible factors: what ``sympy.factor`` gives.

    Args:
        expr: sums, products and whole powers of symbols and rational numbers. Other parts count as symbols.
    """
    number, factors = sympy.S.One, Factors()
    for part in sympy.Mul.make_args(sympy.together(expr)):
        if part.is_Number:
            number *= part
            continue
        base, exponent = part.args if part.is_Pow and part.exp.is_Integer else (part, sympy.S.One)
        content, inner = factors_of(base)
        number *= content**exponent
        factors += [(one, power * exponent) for one, power in inner]
    product = sympy.Mul(*(one**power for one, power in factors))
    if number is sympy.S.NegativeOne:
        return -product
    return sympy.Mul(number, product, evaluate=False) if product.is_Add and number != 1 else number * product


def irreducible(expr: sympy.Expr) -> list[sympy.Expr]:
    """The different irreducible factors of a polynomial, numbers left out; its variables may be functions and roots."""
    parts = [build.base_and_exponent(part) for part in sympy.Mul.make_args(expr)]
    if not all((base.is_Symbol or base.is_Add or base.is_Rational) and power.is_Integer for base, power in parts):
        return [one for one, _ in sympy.factor_list(expr)[1]]
    return [one for base, _ in parts for one, _ in factors_of(base)[1]]


def factors_of(expr: sympy.Expr) -> tuple[sympy.Rational, Factors]:
    """A number and the irreducible factors of a polynomial over the rationals, which multiply to it.

    Raises:
        PolynomialError: where ``expr`` is no polynomial, or one with other coefficients.
    """
    if expr.is_Symbol:
        return sympy.S.One, [(expr, sympy.S.One)]
    if expr.is_Rational:
        return expr, []
    try:
        poly = sympy.Poly(expr)
    except sympy.GeneratorsNeeded:  # its terms cancel, and a number is left
        number = sympy.expand(expr)
        if number.is_Rational:
            return number, []
        raise sympy.PolynomialError(f"{expr} is no polynomial with rational coefficients") from None
    if not (poly.domain.is_ZZ or poly.domain.is_QQ):
        raise sympy.PolynomialError(f"{expr} has coefficients that are not rational")
    below, whole = poly.clear_denoms(convert=True)
    context = fmpz_mpoly_ctx.get([f"g{place}" for place in range(len(poly.gens))], Ordering.lex)
    try:
        content, found = context.from_dict({powers: int(number) for powers, number in whole.terms()}).factor()
    except OverflowError:  # python-flint 0.9 sorts several factors by their coefficients, as numbers of 64 bits
        content, parts = whole.factor_list()
        return content / below, [(one.as_expr(), sympy.Integer(power)) for one, power in parts]
    number, factors = sympy.Rational(int(content), int(below)), Factors()
    for one, power in found:
        terms = {powers: int(coefficient) for powers, coefficient in one.to_dict().items()}
        if terms[max(terms)] < 0:
            terms = {powers: -coefficient for powers, coefficient in terms.items()}
            number *= (-1) ** int(power)
        factors.append((sympy.Poly.from_dict(terms, *poly.gens).as_expr(), sympy.Integer(int(power))))
    return number, factors
