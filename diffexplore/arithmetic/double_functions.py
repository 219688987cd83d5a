"""Exponentials, logarithms, sines and their kin on double-double balls, by argument reduction and Taylor series.

No function of a library is called: a double near the result is guessed by a short series, and a ball says how far the
guess is off. All constants and tables are Arb's.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from diffexplore.arithmetic import double_guesses as guesses
from diffexplore.arithmetic import sinc, vectors
from diffexplore.arithmetic.balls import BALLS, precision
from diffexplore.arithmetic.double_balls import (
    DoubleBall,
    add,
    div,
    enclosing,
    exact,
    mul,
    neg,
    sqrt,
    sub,
    times_power_of_two,
    widened,
)
from diffexplore.arithmetic.double_branches import CONTROL, CONTROL_OF_CASES, chosen
from diffexplore.arithmetic.double_double import Number
from diffexplore.arithmetic.double_series import BITS, GRID, constant, looked_up, only_where, rational, series
from diffexplore.arithmetic.vectors import both, divide, floor, isfinite, rint, where
from diffexplore.functions.records import LEFT_TO_ARB
from diffexplore.functions.tables import Reading, implementations, lacking
from diffexplore.program.program import Constant

#: Beyond it the exponential is left to Arb: what follows stays above 2⁻⁹⁰⁰, where no product underflows.
_LARGEST_EXPONENT = 600.0

#: Beyond it the sine is left to Arb: reduction by π/2 loses as many bits.
_LARGEST_ANGLE = 2.0**20

#: The double below π/2.
_QUARTER_TURN = math.pi / 2

#: A guess must be so near that the fourth power of the rest is nothing.
_NEAR = 2.0**-40


def exp(x: DoubleBall) -> DoubleBall:
    """2ᵏ · exp(j/64) · exp(s) with x = k log 2 + j/64 + s, for any integers k and j that leave s small.

    Of a ball with radius r ≤ 1 it is that of its middle, off by at most exp(r) − 1 ≤ r + r², relative to it.
    """
    inside = both(abs(x.high) <= _LARGEST_EXPONENT, x.radius <= 1)
    doublings = where(inside, rint(x.high * (1 / math.log(2))), 0.0)
    rest = sub(_middle(x), mul(exact(doublings), constant("log 2")))
    place = rint(rest.high * GRID)
    s = sub(rest, exact(place / GRID))
    inside = both(inside, abs(place) <= 32)
    power = mul(looked_up("exp", 32, place), series(s, (1, 1, 1, 1)))
    power = times_power_of_two(power, doublings)
    return only_where(inside, widened(power, power.farthest_from_zero * (x.radius * (1 + x.radius))))


def log(x: DoubleBall) -> DoubleBall:
    """y + log(1 + t) with y a double near log x and t = x exp(−y) − 1.

    The slope is below one over the number of the ball that is next to 0 (mean value theorem), however wide the ball is.
    """
    middle, room = _middle(x), x.nearest_to_zero
    near = exact(guesses.log(x.high))
    t = sub(mul(middle, exp(neg(near))), rational(1, 1))
    small = abs(t.high) + t.radius <= _NEAR
    # log(1 + t) = t − t²/2 up to t³/3 · (1 + 2⁻³⁹), which is below 2⁻⁸⁰ |t|.
    correction = sub(t, times_power_of_two(mul(t, t), -1))
    correction = widened(correction, (abs(t.high) + t.radius) * 2.0**-80)
    return only_where(both(small, room > 0), widened(add(near, correction), divide(x.radius, room)))


def _middle(x: DoubleBall) -> DoubleBall:
    return DoubleBall(x.high, x.low, vectors.zeros_like(x.radius))


def _sin_and_cos(x: DoubleBall) -> tuple[DoubleBall, DoubleBall]:
    """Of j/64 from a table and of s by series, with x = k π/2 + j/64 + s; then k quarter turns."""
    inside = abs(x.high) <= _LARGEST_ANGLE
    turns = where(inside, rint(x.high * (2 / math.pi)), 0.0)
    rest = sub(x, mul(exact(turns), constant("π/2")))
    place = rint(rest.high * GRID)
    s = sub(rest, exact(place / GRID))
    inside = both(inside, abs(place) <= 52)
    sin_s, cos_s = series(s, (0, 1, 0, -1)), series(s, (1, 0, -1, 0))
    sin_j, cos_j = looked_up("sin", 52, place), looked_up("cos", 52, place)
    sine = only_where(inside, add(mul(sin_j, cos_s), mul(cos_j, sin_s)))
    cosine = only_where(inside, sub(mul(cos_j, cos_s), mul(sin_j, sin_s)))
    return _turned(turns, sine, cosine), _turned(turns + 1, sine, cosine)


def _turned(turns: Number, sine: DoubleBall, cosine: DoubleBall) -> DoubleBall:
    """The sine after so many quarter turns."""
    quarter = turns - 4 * floor(turns * 0.25)
    odd, negative = (quarter == 1) | (quarter == 3), quarter >= 2
    turned = chosen(odd, cosine, sine)
    sign = where(negative, -1.0, 1.0)
    return DoubleBall(turned.high * sign, turned.low * sign, turned.radius)


def atan(x: DoubleBall) -> DoubleBall:
    """y + atan(t) with y a double near atan x and t = (x − tan y) / (1 + x tan y); the slope is 1 / (1 + x²)."""
    middle, room = _middle(x), x.nearest_to_zero
    near = exact(guesses.atan(x.high))
    tangent = tan(near)
    t = div(sub(middle, tangent), add(rational(1, 1), mul(middle, tangent)))
    # atan t = t up to t³/3. No multiple of π is lost: y and atan x lie within a quarter turn, on the same side.
    size = abs(t.high) + t.radius
    sound = both(size <= _NEAR, abs(near.high) <= _QUARTER_TURN, near.high * x.high >= 0, isfinite(x.radius))
    flattest = where(room > 0, 1.0 + room * room, 1.0)
    return only_where(sound, widened(add(near, widened(t, size * 2.0**-80)), divide(x.radius, flattest)))


def tan(x: DoubleBall) -> DoubleBall:
    return div(*_sin_and_cos(x))


def dsinc_of(order: int, x: DoubleBall) -> DoubleBall:
    """By quotients; near 0, where they cancel, Arb decides."""
    operations: dict[str, Callable[..., Any]] = {
        "add": add, "sub": sub, "div": div, "neg": neg, "sin": sin, "cos": cos,
        "mul": lambda value, number: mul(value, rational(int(number), 1)),
    }  # fmt: skip
    return sinc.by_quotients(operations, order, x)


def _one_plus(x: DoubleBall) -> DoubleBall:
    return add(rational(1, 1), x)


def tanh(x: DoubleBall) -> DoubleBall:
    # Beyond 300 the exponential of 2x is left to Arb.
    twice = _one_plus(exp(times_power_of_two(x, 1)))
    return sub(rational(1, 1), div(rational(2, 1), twice))


def sigmoid(x: DoubleBall) -> DoubleBall:
    return div(rational(1, 1), _one_plus(exp(neg(x))))


def sinh(x: DoubleBall) -> DoubleBall:
    power = exp(x)
    return times_power_of_two(sub(power, div(rational(1, 1), power)), -1)


def cosh(x: DoubleBall) -> DoubleBall:
    power = exp(x)
    return times_power_of_two(add(power, div(rational(1, 1), power)), -1)


def asinh(x: DoubleBall) -> DoubleBall:
    # Odd: the side on which nothing cancels.
    flip = exact(where(x.high < 0, -1.0, 1.0))
    size = mul(x, flip)
    return mul(flip, log(add(size, sqrt(_one_plus(mul(x, x))))))


def power(x: DoubleBall, y: DoubleBall) -> DoubleBall:
    """Through the logarithm; that of no positive number is left to Arb, and so is an exponent that may be 0."""
    return only_where(y.nearest_to_zero > 0, exp(mul(y, log(x))))


def sin(x: DoubleBall) -> DoubleBall:
    return _sin_and_cos(x)[0]


def cos(x: DoubleBall) -> DoubleBall:
    return _sin_and_cos(x)[1]


def expm1(x: DoubleBall) -> DoubleBall:
    return sub(exp(x), rational(1, 1))


def log1p(x: DoubleBall) -> DoubleBall:
    return log(_one_plus(x))


def softplus(x: DoubleBall) -> DoubleBall:
    return log(_one_plus(exp(x)))


def _unknown(*operands: DoubleBall) -> DoubleBall:
    """The result of an operation without a double-double algorithm."""
    return exact(math.inf)


class DoubleBallArithmetic:
    """Constants are enclosed to the last bit that two doubles hold; ``reading`` says how boundaries are read."""

    def __init__(self, control: Mapping[str, Callable[..., Any]], reading: Reading) -> None:
        self.operations = {
            **implementations("double", control, reading),
            **dict.fromkeys(lacking("double", LEFT_TO_ARB), _unknown),
        }

    def constant(self, constant: Constant) -> DoubleBall:
        with precision(BITS):
            return enclosing(BALLS.constant(constant))


DOUBLE_BALLS = DoubleBallArithmetic(CONTROL, "both")
DOUBLE_CASES = DoubleBallArithmetic(CONTROL_OF_CASES, "cases")
DOUBLE_SMOOTH = DoubleBallArithmetic(CONTROL_OF_CASES, "smooth")
