"""Programs on Arb balls: every result is an interval proved to contain the exact real value.

Conditions have three values: True, False, or None where the operands' balls overlap (or touch at a boundary);
``where`` on None is the union of both branches, which encloses either. On the boundary itself both branches count, as
at a point where a derivative has two sides; :mod:`diffexplore.arithmetic.case_balls` reads boundaries otherwise.
Source: F. Johansson, "Arb: efficient arbitrary-precision midpoint-radius interval arithmetic", 2017.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import flint
import sympy
from flint import arb, arb_series

from diffexplore.arithmetic.precision import is_sharp
from diffexplore.arithmetic.precision import precision as precision
from diffexplore.functions.tables import implementations
from diffexplore.program.program import Constant, Program, lower_constant

_CONSTANT_PRECISION = 256

_ATOMS: dict[sympy.Expr, Callable[[], arb]] = {
    sympy.pi: arb.pi,
    sympy.E: arb.const_e,
    sympy.EulerGamma: arb.const_euler,
    **dict.fromkeys((sympy.nan, sympy.zoo, sympy.oo, -sympy.oo), arb.nan),
}

#: Beyond it a whole power is taken through the logarithm like any other.
_LARGEST_WHOLE_POWER = 2**20

_UNIT_INTERVAL = arb(0.5, 0.5)
_SIGN_INTERVAL = arb(0, 1)


def sign(x: arb) -> arb:
    if x > 0:
        return arb(1)
    return arb(-1) if x < 0 else _nan_or(x, _SIGN_INTERVAL)


def heaviside(x: arb) -> arb:
    if x > 0:
        return arb(1)
    return arb(0) if x < 0 else _nan_or(x, _UNIT_INTERVAL)


def increasing(function: Callable[[arb], arb]) -> Callable[[arb], arb]:
    """A function that does not fall, of balls: the ``function`` of exact numbers at one end and at the other."""

    def apply(x: arb) -> arb:
        if not x.is_finite():
            return arb.nan()
        return function(x) if x.is_exact() else function(arb(x.lower())).union(function(arb(x.upper())))

    return apply


def _to_even(x: arb) -> arb:
    up = (x + arb(0.5)).floor()
    tie = bool(x + arb(0.5) == up) and not (up / 2).is_integer()
    return up - 1 if tie else up


floor, ceil, rounded = increasing(arb.floor), increasing(arb.ceil), increasing(_to_even)
trunc = increasing(lambda x: x.floor() if x >= 0 else x.ceil())


def _nan_or(x: arb, otherwise: arb) -> arb:
    return arb.nan() if x.is_nan() else otherwise


def power(x: arb, y: arb) -> arb:
    if y.is_integer() and abs(y) <= _LARGEST_WHOLE_POWER:
        return _whole_power(x, int(float(y)))
    if x > 0 or whole_power(x, y):
        return x**y
    if y > 0 and x.contains(0) and not x < 0:
        # Arb's power takes a logarithm; 0 ** y is 0 for a positive y, and the power grows with its base.
        top = arb(x.upper())
        return arb(0) if top == 0 else arb(0).union(top**y)
    return arb.nan()


def _whole_power(x: arb, n: int) -> arb:
    """xⁿ as products: Arb's power of a ball around 0 is NaN. x⁰ is 1 for every x that is a number."""
    if not x.is_finite():
        return arb.nan()
    power, square, rest = arb(1), x, abs(n)
    while rest:
        if rest & 1:
            power *= square
        rest >>= 1
        square = square * square if rest else square
    return 1 / power if n < 0 else power


def whole_power(x: arb, y: arb) -> bool:
    """Whether y is an exact whole number, and the power real and finite for every number in x."""
    if not (x.is_finite() and y.is_exact() and y.is_integer()):  # Arb's NaN ** 0 is 1
        return False
    return bool(y >= 0 or not x.contains(0))


def lgamma(x: arb) -> arb:
    """log|Γ(x)|, also between the poles at 0, −1, −2, …; 1/Γ is entire."""
    return x.lgamma() if x > 0 else -abs(x.rgamma()).log()


def polygamma(order: int, x: arb) -> arb:
    """ψ⁽ᵒʳᵈᵉʳ⁾(x): by Hurwitz's zeta function right of 0, left of it by the Taylor series of 1/Γ."""
    if order == 0:
        return x.digamma()
    if x > 0:
        side = 1 if order % 2 else -1
        return side * arb.fac_ui(order) * arb.zeta(arb(order + 1), x)
    inverse = arb_series([x, 1], prec=order + 2).rgamma()
    # ψ = (log Γ)' = −(1/Γ)' / (1/Γ); the coefficient of sⁿ in its series is ψ⁽ⁿ⁾(x)/n!.
    slopes = -inverse.derivative() / inverse if not inverse.coeffs()[0].contains(0) else arb_series([arb.nan()])
    listed = slopes.coeffs()
    return listed[order] * arb.fac_ui(order) if len(listed) > order else arb.nan()


def bessel_k(order: int, x: arb) -> arb:
    """Kₙ(x) for x > 0: Arb's own cancels for a large x, where Tricomi's function does not (NIST DLMF 10.39.6)."""
    if not x > 0:
        return arb.nan()
    n = arb(order)
    own = arb.nan() if x > 30 else x.bessel_k(n)
    if is_sharp(own):
        return own
    other = (2 * x).hypgeom_u(n + arb(0.5), 2 * n + 1) * arb.pi().sqrt() * (2 * x) ** order * (-x).exp()
    return own if own.is_finite() and own.rad() < other.rad() else other


def atan2(y: arb, x: arb) -> arb:
    return arb.atan2(y, x)


def where(condition: bool | None, taken: arb, otherwise: arb) -> arb:
    if condition is None:
        return taken.union(otherwise)
    return taken if condition else otherwise


def _less(x: arb, y: arb) -> bool | None:
    """x < y and x <= y alike: on the boundary itself both branches count, so equality is undecided."""
    if x < y:
        return True
    return False if x > y else None


def _equal(x: arb, y: arb) -> bool | None:
    return None if x.overlaps(y) else False


def negated(p: bool | None) -> bool | None:
    return None if p is None else not p


def both(p: bool | None, q: bool | None) -> bool | None:
    if p is False or q is False:
        return False
    return None if p is None or q is None else True


def either(p: bool | None, q: bool | None) -> bool | None:
    return negated(both(negated(p), negated(q)))


_CONTROL: dict[str, Callable[..., Any]] = {
    "full_like": lambda x, constant: constant,
    "where": where, "lt": _less, "le": _less, "gt": lambda x, y: _less(y, x), "ge": lambda x, y: _less(y, x),
    "eq": _equal, "ne": lambda x, y: negated(_equal(x, y)), "and": both, "or": either, "not": negated,
}  # fmt: skip

OPERATIONS = implementations("arb", _CONTROL)


class BallArithmetic:
    """Arb at the precision of the surrounding :func:`precision` block."""

    def __init__(self, operations: Mapping[str, Callable[..., Any]]) -> None:
        self.operations = operations
        self._programs: dict[Constant, Program] = {}

    def constant(self, constant: Constant) -> arb:
        exact = constant.exact
        if exact.is_Rational:
            return arb(flint.fmpq(int(exact.p), int(exact.q)))
        if exact in _ATOMS:
            return _ATOMS[exact]()
        if constant not in self._programs:
            self._programs[constant] = lower_constant(exact)
        return self._programs[constant].run(self, {})[0]


BALLS = BallArithmetic(OPERATIONS)


def nearest_double(constant: Constant) -> float:
    """The double nearest to an exact constant; NaN for an undefined one."""
    with precision(_CONSTANT_PRECISION):
        return float(BALLS.constant(constant).mid())
