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
from diffexplore.arithmetic.double_balls import DoubleBall, enclosing, exact, widened
from diffexplore.arithmetic.double_functions import DOUBLE_BALLS
from diffexplore.arithmetic.dual_balls import DualBall, add, tangent_of, unknown_where, value_of
from diffexplore.arithmetic.kinds_of_zeros import zeros_here
from diffexplore.arithmetic.tensor_balls import chosen, filled, shaped, summed_to, times
from diffexplore.formula.chain_rule import derivative
from diffexplore.program.program import Program, lower
from diffexplore.torch_ops.tensor_rules.operands import Applied, NotCertified, Operand, OperatorCall, TensorRule

Formula = Callable[..., sympy.Expr]

#: Bits in which Arb computes the elements that double-double arithmetic leaves open.
_BITS = 300

#: How far around a number, relative to it, a function is to be constant.
_AROUND = 2.0**-40

#: More of them are left open: Arb takes a tenth of a millisecond for each.
_MOST_BY_ARB = 2**18


def of_formula(formula: Formula, *names: str) -> TensorRule:
    """The rule of an operator whose elements are ``formula`` of its arguments, or of those called ``names``."""

    def rule(call: OperatorCall) -> Applied:
        if names:
            return elementwise(formula, [call.argument(name) for name in names])
        if any(value is not None for name, value in call.kwargs.items() if name not in _NO_NUMBERS):
            raise NotCertified(f"its formula does not tell what {', '.join(call.kwargs)} changes")
        return elementwise(formula, list(call.args))

    return rule


#: Keywords that do not change what is computed.
_NO_NUMBERS = ("dtype", "layout", "device", "pin_memory", "memory_format")


def elementwise(formula: Formula, operands: Sequence[Any]) -> Applied:
    """``formula`` of tensors and Python numbers, each element of which it takes as a SymPy expression."""
    numbers = tuple(None if isinstance(operand, Operand) else _exact(operand) for operand in operands)
    tensors = [operand for operand in operands if isinstance(operand, Operand)]
    shape = np.broadcast_shapes(*(operand.shape for operand in tensors))
    places = tuple(place for place, operand in enumerate(tensors) if operand.varies)
    balls = [value_of(operand.number) for operand in tensors]
    program = _program(formula, numbers, places)
    value, *slopes = evaluated(program, balls, shape)
    slopes = _zeros_told_apart(program, balls, slopes)
    changing = tuple(place for place in places if isinstance(tensors[place].number, DualBall))
    if changing:
        changes = evaluated(_changes(formula, numbers, places, changing), balls, shape)
        tangents = [tangent_of(tensors[place].number) for place in changing]
        jumps = changes[len(changing) * len(places) :]
        on_a_jump = np.any([~(jump.nearest_to_zero > 0) for jump in jumps], axis=0)
        slopes = [
            DualBall.of(
                slope, unknown_where(on_a_jump, _change(tangents, changes[number : -len(jumps) or None : len(places)]))
            )
            for number, slope in enumerate(slopes)
        ]
    return of_slopes(value, tensors, dict(zip(places, slopes, strict=True)))


def _zeros_told_apart(program: Program, balls: Sequence[DoubleBall], slopes: Sequence[DoubleBall]) -> list[DoubleBall]:
    """The slopes, of which an exact 0 stays one where the slope is 0 all around: there the function is constant.

    It does not count as constant where it is by a number among its arguments that is 0: that is a factor like others.
    """
    there = np.any([slope.exactly_zero for slope in slopes], axis=0)
    if not np.any(there):
        return list(slopes)
    near = [shaped(filled(ball, there.shape), lambda field: field[there]) for ball in balls]
    values = dict(zip(program.inputs, (widened(ball, _AROUND * np.abs(ball.high)) for ball in near), strict=True))
    found = []
    for slope, around in zip(slopes, program.run(DOUBLE_BALLS, values)[1:], strict=True):
        constant = np.zeros_like(there)
        constant[there] = around.exactly_zero if np.ndim(around.high) else False
        found.append(chosen(constant, slope, zeros_here(slope)))
    return found


def _change(tangents: Sequence[DoubleBall], slopes: Sequence[DoubleBall]) -> DoubleBall:
    """The tangent of what has these slopes."""
    first, *rest = (times(tangent, value_of(slope)) for tangent, slope in zip(tangents, slopes, strict=True))
    for term in rest:
        first = add(first, term)
    return first


def of_slopes(value: DoubleBall, operands: Sequence[Operand], slopes: dict[int, DoubleBall]) -> Applied:
    """An elementwise result with its slope by each operand that varies, by the operand's place."""
    changing = [place for place in slopes if isinstance(operands[place].number, DualBall)]
    if changing and not isinstance(value, DualBall):
        tangents = [tangent_of(operands[place].number) for place in changing]
        value = DualBall.of(value, filled(_change(tangents, [slopes[place] for place in changing]), value.high.shape))

    def pullback(cotangents: Sequence[DoubleBall | None]) -> list[DoubleBall | None]:
        (cotangent,) = cotangents
        assert cotangent is not None
        return [
            summed_to(times(cotangent, slopes[place]), operand.shape) if place in slopes else None
            for place, operand in enumerate(operands)
        ]

    return Applied((value,), pullback if slopes else None, by_element=True)


def _exact(number: Any) -> Fraction:
    if not isinstance(number, (int, float)) or not np.isfinite(number):
        raise NotCertified(f"the argument {number} is not a finite real number")
    return Fraction(number)


@cache
def _program(formula: Formula, numbers: tuple[Fraction | None, ...], places: tuple[int, ...]) -> Program:
    """The formula, then its slopes by the tensors at ``places``, of the others' elements."""
    symbols, expressions = _expressions(formula, numbers, places)
    return lower(expressions, [symbol.name for symbol in symbols])


@cache
def _changes(
    formula: Formula, numbers: tuple[Fraction | None, ...], places: tuple[int, ...], changing: tuple[int, ...]
) -> Program:
    """The slopes, by each of the tensors at ``changing``, of the slopes by all at ``places``; then where these jump.

    A slope jumps where one of the last expressions is 0. Elsewhere the pulses that its derivative has there are 0.
    """
    symbols, (_, *slopes) = _expressions(formula, numbers, places)
    found = [sympy.diff(slope, symbols[place]) for place in changing for slope in slopes]
    smooth = [change.replace(sympy.DiracDelta, lambda *_: sympy.S.Zero) for change in found]
    jumps = sorted({pulse.args[0] for change in found for pulse in change.atoms(sympy.DiracDelta)}, key=str)
    return lower([*smooth, *jumps], [symbol.name for symbol in symbols])


def _expressions(
    formula: Formula, numbers: tuple[Fraction | None, ...], places: tuple[int, ...]
) -> tuple[Sequence[sympy.Symbol], list[sympy.Expr]]:
    symbols: Sequence[sympy.Symbol] = sympy.symbols(f"x:{numbers.count(None)}", real=True)
    tensors = iter(symbols)
    expression = formula(
        *(
            next(tensors) if number is None else sympy.Rational(number.numerator, number.denominator)
            for number in numbers
        )
    )
    # SymPy's derivative of sinc is a quotient, without a value at 0; its pulses tell where others jump.
    by = derivative if expression.has(sympy.sinc) else sympy.diff
    slopes = [by(expression, symbols[place]) for place in places]
    if any(slope.has(sympy.DiracDelta) for slope in slopes):
        raise NotCertified("it steps")
    return symbols, [expression, *slopes]


def evaluated(program: Program, balls: Sequence[DoubleBall], shape: tuple[int, ...]) -> list[DoubleBall]:
    """A program of balls of tensors, in ``shape``; Arb computes the elements that double-double leaves open."""
    values = dict(zip(program.inputs, balls, strict=True))
    found = [filled(ball, shape) for ball in program.run(DOUBLE_BALLS, values)]
    unknown = np.zeros(shape, np.bool_)
    for ball in found:
        unknown |= ~np.isfinite(ball.radius)
    for operand in balls:
        unknown &= np.isfinite(operand.radius)
    places = np.flatnonzero(unknown)
    return _by_arb(program, balls, found, places) if 0 < len(places) <= _MOST_BY_ARB else found


def _by_arb(
    program: Program, balls: Sequence[DoubleBall], results: Sequence[DoubleBall], places: np.ndarray
) -> list[DoubleBall]:
    shape = results[0].high.shape
    found = [[field.copy().reshape(-1) for field in ball] for ball in results]
    operands = [shaped(filled(operand, shape), lambda field: field.reshape(-1)) for operand in balls]
    with precision(_BITS):
        for place in places:
            values = {
                name: arb(float(operand.high[place])) + arb(float(operand.low[place])) + arb(0, operand.radius[place])
                for name, operand in zip(program.inputs, operands, strict=True)
            }
            for fields, result in zip(found, program.run(BALLS, values), strict=True):
                if not np.isfinite(fields[2][place]):
                    one = enclosing(result) if result.is_finite() else exact(np.inf)
                    for field, number in zip(fields, one, strict=True):
                        field[place] = number
    return [DoubleBall(*(field.reshape(shape) for field in fields)) for fields in found]
