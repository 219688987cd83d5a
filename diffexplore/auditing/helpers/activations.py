"""Helpers of the activation functions."""

from __future__ import annotations

from fractions import Fraction

import sympy
from sympy import Expr

from diffexplore.auditing.departures import depart
from diffexplore.auditing.functions import number, where
from diffexplore.auditing.helpers.registry import helper
from diffexplore.formula.functions_sympy import sigmoid

_HALF = sympy.Rational(1, 2)
_ONE_SIXTH = depart(
    "one_sixth", Fraction(11184811, 2**26), sympy.Rational(1, 6),
    "the kernel multiplies with 1.0f / 6.0f, the float32 nearest to 1/6, in float64 too",
)  # fmt: skip


@helper("kernel: grad * ((1 - y) * y)")
def sigmoid_backward(grad: Expr, output: Expr) -> Expr:
    return grad * (1 - output) * output


@helper("kernel: grad * (1 - y * y)")
def tanh_backward(grad: Expr, output: Expr) -> Expr:
    return grad * (1 - output * output)


@helper("kernel: 0 where x <= threshold, else grad")
def threshold_backward(grad: Expr, x: Expr, threshold: Expr) -> Expr:
    return where(x <= threshold, 0, grad)


@helper("kernel: x > 0 ? grad : grad * negative_slope")
def leaky_relu_backward(grad: Expr, x: Expr, slope: Expr, is_result: bool = False) -> Expr:
    return where(x > 0, grad, grad * slope)


@helper("kernel: where self > 0 grad and 0, else weight * grad and self * grad")
def _prelu_kernel_backward(grad: Expr, self: Expr, weight: Expr) -> tuple[Expr, Expr]:
    return where(self > 0, grad, weight * grad), where(self > 0, 0, self * grad)


@helper("kernel: x <= 0 takes alpha * scale * input_scale * exp(x * input_scale), or from the result; else scale")
def elu_backward(grad: Expr, alpha: Expr, scale: Expr, input_scale: Expr, is_result: bool, x: Expr) -> Expr:
    negative = alpha * scale
    slope = input_scale * (x + negative) if is_result else input_scale * negative * sympy.exp(x * input_scale)
    return where(x <= 0, grad * slope, grad * scale)


@helper("Manual: below 0 grad * grad_output * input_scale, by elu_backward where the input was saved; else 0")
def elu_double_backward(
    grad: Expr, grad_output: Expr, alpha: Expr, scale: Expr, input_scale: Expr, is_result: bool, x: Expr
) -> Expr:
    both = grad * grad_output * input_scale
    slope = both if is_result else elu_backward(both, alpha, scale, input_scale, is_result, x)
    return where(x < 0, slope, 0)


@helper("kernel: 0 up to -3, grad from 3 on, else grad * (x / 3 + 1/2)")
def hardswish_backward(grad: Expr, x: Expr) -> Expr:
    return where(x <= -3, 0, where(x < 3, grad * (x / 3 + _HALF), grad))


@helper("kernel: grad * one_sixth where -3 < x < 3, else 0; one_sixth is 1.0f / 6.0f, in float64 too")
def hardsigmoid_backward(grad: Expr, x: Expr) -> Expr:
    return where(sympy.And(x > -3, x < 3), grad * _ONE_SIXTH, 0)


@helper("kernel: 0 where x <= min_val or x >= max_val, else grad")
def hardtanh_backward(grad: Expr, x: Expr, low: Expr, high: Expr) -> Expr:
    return where(sympy.Or(x <= low, x >= high), 0, grad)


@helper("kernel: 0 where -lambd <= x <= lambd, else grad", name="softshrink_backward")
@helper("kernel: 0 where -lambd <= x <= lambd, else grad")
def hardshrink_backward(grad: Expr, x: Expr, lambd: Expr) -> Expr:
    return where(sympy.And(x >= -lambd, x <= lambd), 0, grad)


@helper("kernel: z = exp(x * beta); x * beta > threshold ? grad : grad * z / (z + 1)")
def softplus_backward(grad: Expr, x: Expr, beta: Expr, threshold: Expr) -> Expr:
    z = sympy.exp(x * beta)
    return where(x * beta > threshold, grad, grad * z / (z + 1))


@helper("Manual: sigmoid_backward(grad, sigmoid(x * beta)) * (x * beta < threshold) * beta")
def softplus_double_backward(grad: Expr, x: Expr, beta: Expr, threshold: Expr) -> Expr:
    return sigmoid_backward(grad, sigmoid(x * beta)) * number(x * beta < threshold) * beta


@helper("kernel: grad * (max_deriv - sign * (b / (1 + b))), 1 and 1 for x < 0, else 0 and -1; b = exp(-|x|)")
def log_sigmoid_backward(grad: Expr, x: Expr, buffer: Expr) -> Expr:
    part = buffer / (1 + buffer)
    return grad * where(x < 0, 1 - part, part)


@helper("Manual: z = sigmoid(x); grad * (z - 1) * z")
def log_sigmoid_double_backward(grad: Expr, x: Expr) -> Expr:
    return grad * (sigmoid(x) - 1) * sigmoid(x)


@helper("Manual: as silu_backward, in tensor operations", name="infinitely_differentiable_silu_backward")
@helper("kernel: grad * sigmoid(x) * (1 + x * (1 - sigmoid(x)))")
def silu_backward(grad: Expr, x: Expr) -> Expr:
    return grad * sigmoid(x) * (1 + x * (1 - sigmoid(x)))


@helper("Manual: as mish_backward, in tensor operations", name="infinitely_differentiable_mish_backward")
@helper("kernel: t = tanh(softplus(x)); grad * (t + x * sigmoid(x) * (1 - t * t))")
def mish_backward(grad: Expr, x: Expr) -> Expr:
    t = sympy.tanh(sympy.log(1 + sympy.exp(x)))
    return grad * (t + x * sigmoid(x) * (1 - t * t))


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
