"""How functions become rational functions of generators: the rules that the records of functions name."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import sympy

from diffexplore.decide.generators import Converter
from diffexplore.decide.rational import Quotient, rational

Rule = Callable[[Converter, Quotient], Quotient]

exp, log = Converter.exp, Converter.log


def _divided(converter: Converter, above: Quotient, below: Quotient) -> Quotient:
    return converter.ring.mul(above, converter.ring.inverse(below))


def _one_plus(converter: Converter, u: Quotient) -> Quotient:
    return converter.ring.add(converter.ring.one, u)


def _inverse_of(rule: Rule) -> Rule:
    return lambda converter, u: converter.ring.inverse(rule(converter, u))


def expm1(converter: Converter, u: Quotient) -> Quotient:
    return converter.ring.add(converter.exp(u), converter.minus_one)


def log1p(converter: Converter, u: Quotient) -> Quotient:
    return converter.log(_one_plus(converter, u))


def sigmoid(converter: Converter, u: Quotient) -> Quotient:
    return _divided(converter, converter.exp(u), _one_plus(converter, converter.exp(u)))


def softplus(converter: Converter, u: Quotient) -> Quotient:
    return converter.log(_one_plus(converter, converter.exp(u)))


# -------------------------------------------------------------------------------------------- circular, hyperbolic
def sin(converter: Converter, u: Quotient) -> Quotient:
    return converter.circular(u)[0]


def cos(converter: Converter, u: Quotient) -> Quotient:
    return converter.circular(u)[1]


def tan(converter: Converter, u: Quotient) -> Quotient:
    return _divided(converter, *converter.circular(u))


def _half(sign: int) -> Rule:
    """(exp(u) ± exp(−u))/2."""

    def rule(converter: Converter, u: Quotient) -> Quotient:
        ring, up = converter.ring, converter.exp(u)
        down = ring.mul(ring.constant(sign), ring.inverse(up))
        return ring.mul(ring.constant(rational(sympy.S.Half)), ring.add(up, down))

    return rule


def tanh(converter: Converter, u: Quotient) -> Quotient:
    """(e − 1)/(e + 1) with e = exp(2u), which needs one generator of the lowest power."""
    ring, up = converter.ring, converter.exp(converter.ring.mul(converter.ring.constant(2), u))
    return _divided(converter, ring.add(up, converter.minus_one), ring.add(up, ring.one))


sinh, cosh = _half(-1), _half(1)
cot, sec, csc = _inverse_of(tan), _inverse_of(cos), _inverse_of(sin)
coth, sech, csch = _inverse_of(tanh), _inverse_of(cosh), _inverse_of(sinh)


# ---------------------------------------------------------------------------------------------------- inverses, erfc
def atanh(converter: Converter, u: Quotient) -> Quotient:
    """(log(1 + u) − log(1 − u))/2, where both are defined: −1 < u < 1."""
    ring = converter.ring
    above, below = _one_plus(converter, u), _one_plus(converter, ring.negative(u))
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


def _complement(name: str, constant: sympy.Expr) -> Rule:
    """constant − f(u), for the odd function ``name``."""

    def rule(converter: Converter, u: Quotient) -> Quotient:
        return converter.ring.add(converter.convert(constant), converter.ring.negative(converter.odd(name, u)))

    return rule


erfc, acos = _complement("erf", sympy.S.One), _complement("asin", sympy.pi / 2)
