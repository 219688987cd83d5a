"""Helpers of products, quotients, powers, signs and limits, and of special functions."""

from __future__ import annotations

from typing import Any

import sympy
from sympy import Expr

from diffexplore.auditing.functions import where
from diffexplore.auditing.helpers.registry import helper
from diffexplore.functions.tables import build


@helper("Manual: grad * other.conj()")
def mul_tensor_backward(grad: Expr, other: Expr) -> Expr:
    return grad * other


@helper("Manual: grad / other.conj(), and zeros where a rounding mode is given")
def div_tensor_self_backward(grad: Expr, other: Expr, rounding_mode: str | None = None) -> Expr:
    return grad / other if rounding_mode is None else sympy.S.Zero


@helper("Manual: -grad * ((self / other) / other).conj(), and zeros where a rounding mode is given")
def div_tensor_other_backward(grad: Expr, self: Expr, other: Expr, rounding_mode: str | None = None) -> Expr:
    return -grad * ((self / other) / other) if rounding_mode is None else sympy.S.Zero


@helper("Manual: where(exponent == 0, 0, grad * (exponent * self.pow(exponent - 1)).conj())", name="pow_backward_self")
@helper("Manual: zeros for the exponent 0, else grad * (exponent * self.pow(exponent - 1)).conj()")
def pow_backward(grad: Expr, self: Expr, exponent: Expr) -> Expr:
    return where(sympy.Eq(exponent, 0), 0 * grad, grad * exponent * self ** (exponent - 1))


@helper("Manual: grad * where(self == 0 and exponent >= 0, 0, result * self.log())")
def pow_backward_exponent(grad: Expr, self: Expr, exponent: Expr, result: Expr) -> Expr:
    edge = sympy.And(sympy.Eq(self, 0), exponent >= 0)
    return grad * where(edge, sympy.S.Zero, result * sympy.log(self))


@helper("Manual: recip = 1 / (self * self + other * other); grad * other * recip, and grad * -self * recip")
def atan2_backward(grad: Expr, self: Expr, other: Expr, *_: Any) -> tuple[Expr, Expr]:
    recip = 1 / (self * self + other * other)
    return grad * other * recip, grad * -self * recip


@helper("Manual: grad * (result / self), 0 where self is 0")
def copysign_tensor_self_backward(grad: Expr, self: Expr, result: Expr) -> Expr:
    return grad * where(sympy.Eq(self, 0), sympy.S.Zero, result / self)


@helper("Manual: zeros for real numbers", name="angle_backward")
@helper("Manual: zeros for real numbers", name="sgn_backward")
def zero(*_: Any) -> Expr:
    return sympy.S.Zero


@helper("Manual: grad * M_PI_180, a double next to π/180")
def deg2rad_backward(grad: Expr) -> Expr:
    return grad * sympy.pi / 180


@helper("Manual: grad * M_180_PI, a double next to 180/π")
def rad2deg_backward(grad: Expr) -> Expr:
    return grad * 180 / sympy.pi


@helper("Manual: grad where the mask holds, summed over the elements that the value is spread over")
def masked_fill_backward(grad: Expr, mask: Any) -> Expr:
    return where(mask, grad, 0)


_EPSILON = sympy.Rational(1, 2**52)
"""The machine epsilon of float64, below which the Bessel helpers give the value at 0."""
_HALF = sympy.Rational(1, 2)


@helper("Manual: grad / (self + 1).conj()")
def log1p_backward(grad: Expr, self: Expr) -> Expr:
    return grad / (self + 1)


@helper("Manual: grad * (πx·cos(πx) − sin(πx)) / (πx²), 0 at 0")
def sinc_backward(grad: Expr, self: Expr) -> Expr:
    angle, square = self * sympy.pi, self * self * sympy.pi
    return where(sympy.Eq(square, 0), 0, grad * (angle * sympy.cos(angle) - sympy.sin(angle)) / square)


@helper("Manual: grad * (i0(self) - result / self) where |self| > eps, else grad / 2")
def i1_backward(grad: Expr, self: Expr, result: Expr) -> Expr:
    return grad * where(sympy.Abs(self) > _EPSILON, build("i0", self) - result / self, _HALF)


@helper("Manual: grad * (i0e(self) - result * (sgn(self) + 1 / self)) where |self| > eps, else grad / 2")
def i1e_backward(grad: Expr, self: Expr, result: Expr) -> Expr:
    scaled = sympy.exp(-sympy.Abs(self)) * build("i0", self)
    return grad * where(sympy.Abs(self) > _EPSILON, scaled - result * (sympy.sign(self) + 1 / self), _HALF)


@helper("Manual: grad * Σ digamma(self + (1 - j)/2) for j from 1 to p")
def mvlgamma_backward(grad: Expr, self: Expr, p: Expr) -> Expr:
    return grad * sum(sympy.polygamma(0, self + sympy.Rational(1 - j, 2)) for j in range(1, int(p) + 1))


@helper("Manual: grad / (self * (1 - self)) within [eps, 1 - eps], or within [0, 1] without eps")
def infinitely_differentiable_logit_backward(grad: Expr, self: Expr, eps: Expr | None) -> Expr:
    if eps is None:
        return where(sympy.And(self >= 0, self <= 1), grad / (self * (1 - self)), sympy.nan)
    return where(sympy.And(self >= eps, self <= 1 - eps), grad / (self * (1 - self)), 0)


@helper("kernel: grad / (x * (1 - x)) within [eps, 1 - eps], else 0; without eps within [0, 1], else NaN")
def logit_backward(grad: Expr, self: Expr, eps: Expr | None) -> Expr:
    if eps is None:
        return where(sympy.Or(self < 0, self > 1), sympy.nan, grad / (self * (1 - self)))
    return where(sympy.Or(self < eps, self > 1 - eps), 0, grad / (self * (1 - self)))
