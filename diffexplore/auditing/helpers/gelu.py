"""Helpers of gelu, in both of its forms."""

from __future__ import annotations

import sympy
from sympy import Expr

from diffexplore.auditing.helpers.registry import helper

_HALF = sympy.Rational(1, 2)
KAPPA = sympy.Rational(44715, 1000000)
"""The constant of gelu's tanh form; torch uses the double next to 0.044715, forward and backward alike."""
BETA = sympy.sqrt(2 / sympy.pi)


@helper("kernel: none: grad * (cdf + x * pdf); tanh: 0.5·(1 + t)·grad + 0.5·x·(1 − t²)·β·(1 + 3κx²)·grad")
def gelu_backward(grad: Expr, x: Expr, approximate: str) -> Expr:
    if approximate == "none":
        cdf = _HALF * (1 + sympy.erf(x * sympy.sqrt(2) / 2))
        return grad * (cdf + x * sympy.exp(-_HALF * x * x) / sympy.sqrt(2 * sympy.pi))
    t = sympy.tanh(BETA * (x + KAPPA * x**3))
    left, right = _HALF * (1 + t), _HALF * x * (1 - t * t) * BETA * (1 + 3 * KAPPA * x * x)
    return grad * (left + right)


@helper("Manual: none: ggI * gO * (2·pdf − x²·pdf); tanh: ggI * gO * (2·f′gh + fg′h + fgh′)")
def gelu_double_backward(grad: Expr, grad_output: Expr, x: Expr, approximate: str) -> Expr:
    if approximate == "none":
        pdf = sympy.exp(-_HALF * x * x) / sympy.sqrt(2 * sympy.pi)
        return grad * grad_output * (2 * pdf - x * x * pdf)
    inner = BETA * (x + KAPPA * x**3)
    t, sech = sympy.tanh(inner), 1 / sympy.cosh(inner)
    f, g, h = _HALF * x, 1 - t * t, BETA * (1 + 3 * KAPPA * x * x)
    slope_of_g, slope_of_h = 2 * sech * (-sech * t) * h, 6 * KAPPA * x * BETA
    return grad * grad_output * (2 * (_HALF * g * h) + f * h * slope_of_g + f * g * slope_of_h)
