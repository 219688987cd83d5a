"""Operators that compute each element from elements: their slopes are derived from their formulas."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import cache
from typing import Any

import numpy as np
import sympy
from flint import arb

from diffexplore.arithmetic.balls import BALLS, precision
from diffexplore.arithmetic.double_balls import DoubleBall, enclosing, exact
from diffexplore.arithmetic.double_functions import DOUBLE_BALLS
from diffexplore.arithmetic.tensor_balls import filled, shaped, summed_to, times
from diffexplore.program.program import Program, lower
from diffexplore.torch_ops.tensor_rules.operands import Applied, NotCertified, Operand, OperatorCall, TensorRule

Formula = Callable[..., sympy.Expr]

#: Bits in which Arb computes the elements that double-double arithmetic leaves open.
_BITS = 300


def of_formula(formula: Formula, *names: str) -> TensorRule:
    """The rule of an operator whose elements are ``formula`` of its first arguments, or of those called ``names``."""

    def rule(call: OperatorCall) -> Applied:
        operands = [call.argument(name) for name in names] if names else list(call.args)
        return elementwise(formula, operands)

    return rule


def elementwise(formula: Formula, operands: Sequence[Any]) -> Applied:
    """``formula`` of tensors and Python numbers, each element of which it takes as a SymPy expression."""
    numbers = tuple(None if isinstance(operand, Operand) else _exact(operand) for operand in operands)
    tensors = [operand for operand in operands if isinstance(operand, Operand)]
    shape = np.broadcast_shapes(*(operand.shape for operand in tensors))
    balls = [operand.number for operand in tensors]

    def pullback(cotangents: Sequence[DoubleBall | None]) -> list[DoubleBall | None]:
        (cotangent,) = cotangents
        assert cotangent is not None
        found: list[DoubleBall | None] = []
        for place, operand in enumerate(tensors):
            if operand.ball is None:
                found.append(None)
                continue
            slope = evaluated(_slope(formula, numbers, place), balls, shape)
            found.append(summed_to(times(cotangent, slope), operand.shape))
        return found

    return Applied((evaluated(_value(formula, numbers), balls, shape),), pullback)


def _exact(number: Any) -> Fraction:
    if isinstance(number, complex) or not np.isfinite(number):
        raise NotCertified(f"the argument {number} is not a finite real number")
    return Fraction(number)


@cache
def _expression(formula: Formula, numbers: tuple[Fraction | None, ...]) -> tuple[sympy.Expr, tuple[sympy.Symbol, ...]]:
    symbols = sympy.symbols(f"x:{numbers.count(None)}", real=True)
    places = iter(symbols)
    operands = [
        next(places) if number is None else sympy.Rational(number.numerator, number.denominator) for number in numbers
    ]
    return formula(*operands), symbols


@cache
def _value(formula: Formula, numbers: tuple[Fraction | None, ...]) -> Program:
    expression, symbols = _expression(formula, numbers)
    return lower([expression], [symbol.name for symbol in symbols])


@cache
def _slope(formula: Formula, numbers: tuple[Fraction | None, ...], place: int) -> Program:
    expression, symbols = _expression(formula, numbers)
    return lower([sympy.diff(expression, symbols[place])], [symbol.name for symbol in symbols])


def evaluated(program: Program, balls: Sequence[DoubleBall], shape: tuple[int, ...]) -> DoubleBall:
    """A program of balls of tensors, in ``shape``; Arb computes the elements that double-double leaves open."""
    values = dict(zip(program.inputs, balls, strict=True))
    ball = filled(program.run(DOUBLE_BALLS, values)[0], shape)
    unknown = ~np.isfinite(ball.radius)
    if not unknown.any():
        return ball
    known = np.ones(shape, np.bool_)
    for operand in balls:
        known &= np.isfinite(operand.radius)
    return _by_arb(program, balls, ball, np.flatnonzero(unknown & known))


def _by_arb(program: Program, balls: Sequence[DoubleBall], ball: DoubleBall, places: np.ndarray) -> DoubleBall:
    shape = ball.high.shape
    found = [field.copy().reshape(-1) for field in ball]
    operands = [shaped(filled(operand, shape), lambda field: field.reshape(-1)) for operand in balls]
    with precision(_BITS):
        for place in places:
            values = {
                name: arb(float(operand.high[place])) + arb(float(operand.low[place])) + arb(0, operand.radius[place])
                for name, operand in zip(program.inputs, operands, strict=True)
            }
            result = program.run(BALLS, values)[0]
            one = enclosing(result) if result.is_finite() else exact(np.inf)
            for field, number in zip(found, one, strict=True):
                field[place] = number
    return DoubleBall(*(field.reshape(shape) for field in found))
