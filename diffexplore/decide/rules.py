"""How functions become rational functions of generators: one rule a function."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import sympy

from diffexplore.decide.rational import Quotient
from diffexplore.formula.functions_sympy import expm1, log1p, sigmoid, softplus

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


def _atanh(converter: Converter, u: Quotient) -> Quotient:
    """(log(1 + u) − log(1 − u))/2, where both are defined: −1 < u < 1."""
    ring = converter.ring
    above, below = ring.add(ring.one, u), ring.add(ring.one, ring.negative(u))
    difference = ring.add(converter.log(above), ring.negative(converter.log(below)))
    return ring.mul(ring.constant(rational(sympy.S.Half)), difference)


def _asinh(converter: Converter, u: Quotient) -> Quotient:
    """log(u + √(u² + 1)), for u with a positive leading coefficient: asinh(−u) = −asinh(u)."""
    ring, u = converter.ring, converter.reduced(u)
    if not u.top.is_zero() and u.top.leading_coefficient() < 0:
        return ring.negative(_asinh(converter, ring.negative(u)))
    root = converter.root(ring.add(ring.mul(u, u), ring.one), Fraction(1, 2))
    return converter.log(ring.add(u, root))


def _acosh(converter: Converter, u: Quotient) -> Quotient:
    """log(u + √(u² − 1)), for u ≥ 1."""
    ring = converter.ring
    root = converter.root(ring.add(ring.mul(u, u), converter.minus_one), Fraction(1, 2))
    return converter.log(ring.add(u, root))


_Rule = Callable[["Converter", Quotient], Quotient]


def _inverse_of(rule: _Rule) -> _Rule:
    return lambda converter, u: converter.ring.inverse(rule(converter, u))


def _sin(converter: Converter, u: Quotient) -> Quotient:
    return converter.circular(u)[0]


def _cos(converter: Converter, u: Quotient) -> Quotient:
    return converter.circular(u)[1]


def _tan(converter: Converter, u: Quotient) -> Quotient:
    return converter.divided(*converter.circular(u))


def _sinh(converter: Converter, u: Quotient) -> Quotient:
    return converter.hyperbolic(u)[0]


def _cosh(converter: Converter, u: Quotient) -> Quotient:
    return converter.hyperbolic(u)[1]


def _one_plus(converter: Converter, u: Quotient) -> Quotient:
    return converter.ring.add(converter.ring.one, u)


RULES: dict[type, _Rule] = {
    sympy.exp: lambda converter, u: converter.exp(u),
    sympy.log: lambda converter, u: converter.log(u),
    log1p: lambda converter, u: converter.log(_one_plus(converter, u)),
    expm1: lambda converter, u: converter.ring.add(converter.exp(u), converter.minus_one),
    sigmoid: lambda converter, u: converter.divided(converter.exp(u), _one_plus(converter, converter.exp(u))),
    softplus: lambda converter, u: converter.log(_one_plus(converter, converter.exp(u))),
    sympy.sin: _sin,
    sympy.cos: _cos,
    sympy.tan: _tan,
    sympy.cot: _inverse_of(_tan),
    sympy.sec: _inverse_of(_cos),
    sympy.csc: _inverse_of(_sin),
    sympy.sinh: _sinh,
    sympy.cosh: _cosh,
    sympy.tanh: lambda converter, u: converter.tanh(u),
    sympy.coth: _inverse_of(lambda converter, u: converter.tanh(u)),
    sympy.sech: _inverse_of(_cosh),
    sympy.csch: _inverse_of(_sinh),
    sympy.erfc: lambda converter, u: _complement(converter, "erf", sympy.S.One, u),
    sympy.acos: lambda converter, u: _complement(converter, "asin", sympy.pi / 2, u),
    sympy.asinh: _asinh,
    sympy.acosh: _acosh,
    sympy.atanh: _atanh,
}
