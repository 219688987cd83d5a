"""How functions become rational functions of generators: the rules that the records of functions name."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import sympy

from diffexplore.decide.rational import Quotient

if TYPE_CHECKING:
    from diffexplore.decide.generators import Converter


def rational(number: sympy.Rational) -> Any:
    from flint import fmpq

    return fmpq(int(number.p), int(number.q))


def _complement(converter: Converter, name: str, constant: sympy.Expr, argument: Quotient) -> Quotient:
    """constant − f(argument), for the odd function ``name``."""
    ring = converter.ring
    argument = converter.reduced(argument)
    sign = 1
    if not argument.top.is_zero() and argument.top.leading_coefficient() < 0:
        argument, sign = ring.negative(argument), -1
    value = converter.ring.zero if argument.top.is_zero() else converter._opaque(name, [argument])
    return ring.add(converter.convert(constant), ring.mul(ring.constant(-sign), value))


def atanh(converter: Converter, u: Quotient) -> Quotient:
    """(log(1 + u) − log(1 − u))/2, where both are defined: −1 < u < 1."""
    ring = converter.ring
    above, below = ring.add(ring.one, u), ring.add(ring.one, ring.negative(u))
    difference = ring.add(converter.log(above), ring.negative(converter.log(below)))
    return ring.mul(ring.constant(rational(sympy.S.Half)), difference)


def asinh(converter: Converter, u: Quotient) -> Quotient:
    """log(u + √(u² + 1)), for u with a positive leading coefficient: asinh(−u) = −asinh(u)."""
    ring, u = converter.ring, converter.reduced(u)
    if not u.top.is_zero() and u.top.leading_coefficient() < 0:
        return ring.negative(asinh(converter, ring.negative(u)))
    root = converter.root(ring.add(ring.mul(u, u), ring.one), Fraction(1, 2))
    return converter.log(ring.add(u, root))


def acosh(converter: Converter, u: Quotient) -> Quotient:
    """log(u + √(u² − 1)), for u ≥ 1."""
    ring = converter.ring
    root = converter.root(ring.add(ring.mul(u, u), converter.minus_one), Fraction(1, 2))
    return converter.log(ring.add(u, root))


Rule = Callable[["Converter", Quotient], Quotient]


def _inverse_of(rule: Rule) -> Rule:
    return lambda converter, u: converter.ring.inverse(rule(converter, u))


def _one_plus(converter: Converter, u: Quotient) -> Quotient:
    return converter.ring.add(converter.ring.one, u)


def exp(converter: Converter, u: Quotient) -> Quotient:
    return converter.exp(u)


def log(converter: Converter, u: Quotient) -> Quotient:
    return converter.log(u)


def tanh(converter: Converter, u: Quotient) -> Quotient:
    return converter.tanh(u)


def expm1(converter: Converter, u: Quotient) -> Quotient:
    return converter.ring.add(converter.exp(u), converter.minus_one)


def log1p(converter: Converter, u: Quotient) -> Quotient:
    return converter.log(_one_plus(converter, u))


def sigmoid(converter: Converter, u: Quotient) -> Quotient:
    return converter.divided(converter.exp(u), _one_plus(converter, converter.exp(u)))


def softplus(converter: Converter, u: Quotient) -> Quotient:
    return converter.log(_one_plus(converter, converter.exp(u)))


def sin(converter: Converter, u: Quotient) -> Quotient:
    return converter.circular(u)[0]


def cos(converter: Converter, u: Quotient) -> Quotient:
    return converter.circular(u)[1]


def tan(converter: Converter, u: Quotient) -> Quotient:
    return converter.divided(*converter.circular(u))


def sinh(converter: Converter, u: Quotient) -> Quotient:
    return converter.hyperbolic(u)[0]


def cosh(converter: Converter, u: Quotient) -> Quotient:
    return converter.hyperbolic(u)[1]


cot, sec, csc = _inverse_of(tan), _inverse_of(cos), _inverse_of(sin)
coth, sech, csch = _inverse_of(tanh), _inverse_of(cosh), _inverse_of(sinh)


def erfc(converter: Converter, u: Quotient) -> Quotient:
    return _complement(converter, "erf", sympy.S.One, u)


def acos(converter: Converter, u: Quotient) -> Quotient:
    return _complement(converter, "asin", sympy.pi / 2, u)
