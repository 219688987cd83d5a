"""Helpers of products, quotients, powers, signs and limits."""

from __future__ import annotations

from typing import Any

import sympy
from sympy import Expr

from diffexplore.auditing.functions import where
from diffexplore.auditing.helpers.registry import helper


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
