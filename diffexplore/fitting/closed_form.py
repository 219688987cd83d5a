"""Stationary points in closed form: ∂L/∂θ = 0 solved by algebra, parameter by parameter.

Equations that are linear in a parameter, with a coefficient that no parameter changes, are solved for it first; one
equation in one parameter may remain, whose factors are of degree 2 at most. Nothing is divided by but coefficients
that are certainly not 0, so that what is found is every stationary point of the loss.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import sympy
from flint import arb

from diffexplore.arithmetic.balls import BALLS, precision
from diffexplore.fitting.reduced import BITS, ReducedLoss
from diffexplore.program.program import lower

#: Expressions with more operations are not expanded, factored or substituted into.
MOST_OPERATIONS = 300

#: Quotients with more operations are not reduced.
_MOST_CANCELLED = 100

_MOST_PARAMETERS = 6


@dataclass(frozen=True)
class ClosedFormMinimum:
    """One stationary point: how each parameter follows from the sums over the data, and from those after it.

    ``formulas`` are in the order in which they were solved for: the last one is in the sums alone.
    """

    formulas: Mapping[str, sympy.Expr]
    box: tuple[arb, ...]


#: Parameters solved for so far, each in terms of the sums and of parameters that were not solved for then.
_Solved = dict[sympy.Symbol, sympy.Expr]


def closed_forms(loss: ReducedLoss) -> tuple[ClosedFormMinimum, ...] | None:
    """All stationary points in closed form; None where the algebra does not find them all."""
    if loss.formulas.moments is None or not 0 < len(loss.parameters) <= _MOST_PARAMETERS:
        return None
    if any(sympy.count_ops(slope) > MOST_OPERATIONS for slope in loss.formulas.gradient):
        return None
    symbols = [loss.loss.symbols[name] for name in loss.parameters]
    equations = [numerator_of(slope) for slope in loss.formulas.gradient]
    if not all(equation.is_polynomial(*symbols) for equation in equations):
        return None
    solutions = _solve(loss, equations, symbols, {})
    if solutions is None:
        return None
    found = [_evaluated(loss, solution, symbols) for solution in solutions]
    known = [form for form in found if form is not None]
    return tuple(known) if len(known) == len(found) and all(_is_stationary(loss, form) for form in known) else None


def numerator_of(expression: sympy.Expr) -> sympy.Expr:
    """What is 0 where the expression is, but for poles."""
    return sympy.fraction(sympy.together(expression))[0]


def _solve(
    loss: ReducedLoss, equations: list[sympy.Expr], symbols: list[sympy.Symbol], solved: _Solved
) -> list[_Solved] | None:
    """Every solution of ``equations`` in ``symbols``; None where they are not found."""
    if not symbols:
        return [solved]
    if len(equations) != len(symbols):
        return None
    choice = min(_linear(loss, equations, symbols), key=_effort, default=None)
    if choice is not None:
        place, symbol, slope, rest = choice
        if sympy.count_ops(rest) > MOST_OPERATIONS:
            return None
        formula = -rest / slope if sympy.count_ops(rest) > _MOST_CANCELLED else sympy.cancel(-rest / slope)
        others = [numerator_of(other.subs(symbol, formula)) for i, other in enumerate(equations) if i != place]
        if any(sympy.count_ops(other) > MOST_OPERATIONS for other in others):
            return None
        return _solve(loss, others, [other for other in symbols if other != symbol], solved | {symbol: formula})
    if len(symbols) > 1:
        return None
    roots = _roots(loss, equations[0], symbols[0])
    return None if roots is None else [solved | {symbols[0]: root} for root in roots]


def _linear(
    loss: ReducedLoss, equations: Sequence[sympy.Expr], symbols: Sequence[sympy.Symbol]
) -> Iterator[tuple[int, sympy.Symbol, sympy.Expr, sympy.Expr]]:
    """Equations linear in a parameter, with a slope in the sums alone that is certainly not 0, and the rest."""
    for place, equation in enumerate(equations):
        for symbol in symbols:
            polynomial = sympy.Poly(equation, symbol)
            slope = polynomial.coeff_monomial(symbol)
            if polynomial.degree() == 1 and not slope.free_symbols & set(symbols) and sign_of(loss, slope):
                yield place, symbol, slope, polynomial.coeff_monomial(1)


def _effort(choice: tuple[int, sympy.Symbol, sympy.Expr, sympy.Expr]) -> tuple[bool, int]:
    """What it costs to divide by a slope: least where it is a number."""
    return bool(choice[2].free_symbols), int(sympy.count_ops(choice[2]))


def _roots(loss: ReducedLoss, equation: sympy.Expr, symbol: sympy.Symbol) -> list[sympy.Expr] | None:
    """The real roots of an equation in one parameter; None where a factor is of degree 3 or more, or all are roots."""
    if sympy.count_ops(equation) > MOST_OPERATIONS or sympy.Poly(equation, symbol).is_zero:
        return None
    if symbol not in equation.free_symbols:
        return [] if sign_of(loss, equation) else None
    roots: list[sympy.Expr] = []
    for factor, _ in sympy.factor_list(equation)[1]:
        polynomial = sympy.Poly(factor, symbol)
        if polynomial.degree() == 0:
            if not sign_of(loss, factor):
                return None
            continue
        found = roots_of_factor(loss, polynomial)
        if found is None:
            return None
        roots += found
    return roots


def roots_of_factor(loss: ReducedLoss, polynomial: sympy.Poly) -> list[sympy.Expr] | None:
    """The real roots of an irreducible polynomial, without their multiplicity; None where they are not certain."""
    *lower_terms, constant = polynomial.all_coeffs()
    if not sign_of(loss, polynomial.LC()) or polynomial.degree() > 2:
        return None
    if polynomial.degree() == 1:
        return [-constant / lower_terms[0]]
    square, linear = lower_terms
    discriminant = sympy.factor_terms(linear**2 - 4 * square * constant)
    sign = sign_of(loss, discriminant)
    if sign is None or sign == 0:
        return None
    if sign < 0:
        return []
    return [(-linear + side * sympy.sqrt(discriminant)) / (2 * square) for side in (1, -1)]


def sign_of(loss: ReducedLoss, expression: sympy.Expr) -> int | None:
    """The sign of an expression in the sums; None where it is not certain."""
    ball = ball_of(loss, expression)
    return 1 if ball > 0 else -1 if ball < 0 else 0 if ball.is_zero() else None


def ball_of(loss: ReducedLoss, expression: sympy.Expr) -> arb:
    """The value of an expression in the sums."""
    with precision(2 * BITS):
        return lower([expression], tuple(loss.sums)).run(BALLS, loss.sums)[0]


def _evaluated(loss: ReducedLoss, solution: _Solved, symbols: Sequence[sympy.Symbol]) -> ClosedFormMinimum | None:
    balls: dict[str, arb] = {}
    with precision(2 * BITS):
        for symbol, formula in reversed(solution.items()):
            known = loss.sums | balls
            balls[symbol.name] = lower([formula], tuple(known)).run(BALLS, known)[0]
    formulas = {symbol.name: formula for symbol, formula in solution.items()}
    box = tuple(balls[symbol.name] for symbol in symbols)
    return ClosedFormMinimum(formulas, box) if all(ball.is_finite() for ball in box) else None


def _is_stationary(loss: ReducedLoss, form: ClosedFormMinimum) -> bool:
    """Whether the loss is defined there: a root of the numerator alone, at a pole, is left to others."""
    return all(slope.is_finite() and slope.contains(0) for slope in loss.gradient(form.box))
