"""Helpers of logarithms, sinc, Bessel functions, the multivariate gamma function and logit."""

from __future__ import annotations

import sympy
from sympy import Expr

from diffexplore.auditing.functions import where
from diffexplore.auditing.helpers.registry import helper
from diffexplore.functions.tables import build

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
