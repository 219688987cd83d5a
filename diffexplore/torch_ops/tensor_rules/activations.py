"""Functions whose formulas hold irrational constants: torch's own decompositions round these, and so are not exact."""

from __future__ import annotations

import sympy
import torch

from diffexplore.torch_ops.tensor_rules.elementwise import Formula, elementwise, of_formula
from diffexplore.torch_ops.tensor_rules.operands import Applied, OperatorCall


def _gelu(x: sympy.Expr) -> sympy.Expr:
    return x / 2 * (1 + sympy.erf(x / sympy.sqrt(2)))


def _gelu_by_tanh(x: sympy.Expr) -> sympy.Expr:
    return x / 2 * (1 + sympy.tanh(sympy.sqrt(2 / sympy.pi) * (x + sympy.Rational(44715, 10**6) * x**3)))


def _slope(formula: Formula) -> Formula:
    def backward(g: sympy.Expr, x: sympy.Expr) -> sympy.Expr:
        return g * sympy.diff(formula(x), x)

    return backward


_FORMS = {"none": _gelu, "tanh": _gelu_by_tanh}
_SLOPES = {name: _slope(form) for name, form in _FORMS.items()}


def gelu(call: OperatorCall) -> Applied:
    """gelu, exact or by tanh."""
    return elementwise(_FORMS[call.argument("approximate", "none")], call.args[:1])


def gelu_backward(call: OperatorCall) -> Applied:
    """The upstream gradient times the slope of gelu."""
    return elementwise(_SLOPES[call.argument("approximate", "none")], call.args[:2])


degrees_to_radians = of_formula(lambda x: x * sympy.pi / 180)
radians_to_degrees = of_formula(lambda x: x * 180 / sympy.pi)
normal_probability = of_formula(lambda x: sympy.erfc(-x / sympy.sqrt(2)) / 2)


def entropy(x: torch.Tensor) -> torch.Tensor:
    """entr: −x·log x, and 0 at 0, where its slope is infinite. The −∞ that torch has left of 0 is no value."""
    return torch.where(x == 0, x.abs().sqrt(), -x * x.log())


def logit(x: torch.Tensor, eps: float | None = None) -> torch.Tensor:
    """log(x / (1 − x)), with eps of x between eps and 1 − eps. Without, torch writes it with limits of −1 and 2."""
    inside = x if eps is None else torch.where(x < eps, eps, torch.where(x > 1 - eps, 1 - eps, x))
    return (inside / (1 - inside)).log()
