"""Helpers of the losses, with reduction "none"."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import sympy
from sympy import Expr

from diffexplore.auditing.departures import depart
from diffexplore.auditing.functions import number, where
from diffexplore.auditing.helpers.registry import helper
from diffexplore.formula.functions_sympy import sigmoid

_TINY = sympy.Rational(1, 10**12)
"""What binary cross entropy keeps its denominators above."""
_ADDED = depart(
    "added", Fraction(1, 10**12), sympy.S.Zero,
    "the second derivative adds 1e-12 to x and to 1 − x, so that it never divides by 0", deliberate=True,
)  # fmt: skip


@helper("kernel: 2 * (input - target) * grad")
def mse_loss_backward(grad: Expr, x: Expr, target: Expr, *_: Any) -> Expr:
    return 2 * (x - target) * grad


@helper("Manual: 2 * grad")
def mse_loss_double_backward(grad: Expr, *_: Any) -> Expr:
    return 2 * grad


@helper("kernel: x = input - target; -grad where x <= -beta, grad where x >= beta, else x * grad / beta")
def smooth_l1_loss_backward(grad: Expr, x: Expr, target: Expr, reduction: str, beta: Expr) -> Expr:
    d = x - target
    return where(d <= -beta, -grad, where(d >= beta, grad, d * grad / beta))


@helper("Manual: grad * (|input - target| < beta) / beta")
def smooth_l1_loss_double_backward(grad: Expr, x: Expr, target: Expr, reduction: str, beta: Expr) -> Expr:
    return grad * number(sympy.Abs(x - target) < beta) / beta


@helper("kernel: x = input - target; -delta·grad where x <= -delta, delta·grad where x >= delta, else x * grad")
def huber_loss_backward(grad: Expr, x: Expr, target: Expr, reduction: str, delta: Expr) -> Expr:
    d = x - target
    return where(d <= -delta, -delta * grad, where(d >= delta, delta * grad, d * grad))


@helper("Manual: grad * (|input - target| < delta)")
def huber_loss_double_backward(grad: Expr, x: Expr, target: Expr, reduction: str, delta: Expr) -> Expr:
    return grad * number(sympy.Abs(x - target) < delta)


@helper("Manual: for reduction none huber_loss_backward(grad, ...)")
def huber_loss_double_backward_grad_output(
    grad: Expr, grad_output: Expr, x: Expr, target: Expr, reduction: str, delta: Expr
) -> Expr:
    return huber_loss_backward(grad, x, target, reduction, delta)


@helper("Loss.cpp: z = exp(-target * self); -target * z / (1 + z) * grad")
def soft_margin_loss_backward(grad: Expr, x: Expr, target: Expr, *_: Any) -> Expr:
    z = sympy.exp(-target * x)
    return -target * z / (1 + z) * grad


@helper("Manual: z = exp(-target * input); grad * target² * z / (z + 1)²")
def soft_margin_loss_double_backward(grad: Expr, x: Expr, target: Expr, *_: Any) -> Expr:
    z = sympy.exp(-target * x)
    return grad * target * target * z / (z + 1) ** 2


@helper("Manual: for reduction none soft_margin_loss_backward(grad, ...)")
def soft_margin_loss_double_backward_grad_output(
    grad: Expr, grad_output: Expr, x: Expr, target: Expr, reduction: str
) -> Expr:
    return soft_margin_loss_backward(grad, x, target)


# ---------------------------------------------------------------------------------------------- binary cross entropy
@helper("Loss.cpp: grad * (input - target) / max((1 - input) * input, 1e-12), times the weight")
def binary_cross_entropy_backward(grad: Expr, x: Expr, target: Expr, weight: Expr | None, *_: Any) -> Expr:
    below = (1 - x) * x
    return _weighted(grad * (x - target) / where(below < _TINY, _TINY, below), weight)


@helper("Manual: -logit(self) * grad, times the weight")
def binary_cross_entropy_target_backward(grad: Expr, x: Expr, target: Expr, weight: Expr | None, *_: Any) -> Expr:
    return _weighted(-sympy.log(x / (1 - x)) * grad, weight)


@helper("Manual: (x² − 2xy + y) / ((x + 1e-12)² (1 − x + 1e-12)²) * grad * grad_output, times the weight")
def binary_cross_entropy_double_backward(
    grad_output: Expr, grad: Expr, x: Expr, target: Expr, weight: Expr | None, *_: Any
) -> Expr:
    below = (x + _ADDED) ** 2 * (1 - x + _ADDED) ** 2
    return _weighted((x * x - 2 * x * target + target) / below * grad * grad_output, weight)


@helper("Manual: (x − y) / ((x + 1e-12)(1 − x + 1e-12)) * grad, times the weight")
def binary_cross_entropy_double_backward_grad_output(
    grad: Expr, x: Expr, target: Expr, weight: Expr | None, *_: Any
) -> Expr:
    return _weighted((x - target) / ((x + _ADDED) * (1 - x + _ADDED)) * grad, weight)


@helper("Manual: -grad * grad_output / max((1 - self) * self, 1e-12), times the weight")
def binary_cross_entropy_double_backward_target(
    grad: Expr, grad_output: Expr, x: Expr, target: Expr, weight: Expr | None, *_: Any
) -> Expr:
    below = (1 - x) * x
    return _weighted(-grad * grad_output / where(below < _TINY, _TINY, below), weight)


@helper("Manual: (sigmoid(x) − y) * grad, with pos_weight ((p·y + 1 − y)·sigmoid(x) − p·y) * grad; times the weight")
def binary_cross_entropy_with_logits_backward(
    grad: Expr, x: Expr, target: Expr, weight: Expr | None, pos_weight: Expr | None, *_: Any
) -> Expr:
    if pos_weight is None:
        return _weighted((sigmoid(x) - target) * grad, weight)
    t = pos_weight * target
    return _weighted(((t + 1 - target) * sigmoid(x) - t) * grad, weight)


@helper("Manual: -x * grad, with pos_weight (log_sigmoid(−x) − log_sigmoid(x)·p) * grad; times the weight")
def binary_cross_entropy_with_logits_target_backward(
    grad: Expr, x: Expr, target: Expr, weight: Expr | None, pos_weight: Expr | None, *_: Any
) -> Expr:
    if pos_weight is None:
        return _weighted(-x * grad, weight)
    return _weighted((sympy.log(sigmoid(-x)) - sympy.log(sigmoid(x)) * pos_weight) * grad, weight)


def _weighted(value: Expr, weight: Expr | None) -> Expr:
    return value if weight is None else value * weight
