"""Records of activation functions, and of the kernels that their backward passes run."""

from __future__ import annotations

from typing import Any

import sympy

from diffexplore.bounds import drawing as draws
from diffexplore.bounds import formulas, zeros
from diffexplore.bounds import propagation as spread
from diffexplore.bounds.elementwise import Elementwise
from diffexplore.formula.functions_sympy import softplus
from diffexplore.torch_ops import kinks
from diffexplore.torch_ops.cases import Case, case
from diffexplore.torch_ops.domains import EVERYWHERE, OperandDomain, nonzero
from diffexplore.torch_ops.readers import conventions, elementwise
from diffexplore.torch_ops.readers.logic import less, select
from diffexplore.torch_ops.records import Operator, composed, drawing, operator, unbounded
from diffexplore.torch_ops.tensor_rules import activations as exactly
from diffexplore.torch_ops.tensor_rules.dropout import random_leaky_relu

_ALPHAS = ("alpha > 0", "scale > 0", "input_scale > 0")
_GELU_TANH = "0.5 * self * (1 + tanh(sqrt(2 / M_PI) * (self + 0.044715 * pow(self, 3))))"
_CELU = "self > 0 ? self : alpha * (exp(self / alpha) - 1)"
_ELU_BACKWARD = "elu_backward(grad_output, alpha, scale, input_scale, is_result, self_or_result)"
_GELU_BACKWARD = "gelu_backward(grad_output, self, approximate)"
_LEAKY_BACKWARD = "leaky_relu_backward(grad_output, self, negative_slope, self_is_result)"
_BUFFER = {"buffer": "exp(-abs(self))"}
_LIMITS = ("min_val < max_val",)
_LAMBDA = ("lambd > 0",)


def _activation(names: str, *cases: Case, **facts: Any) -> Operator:
    """A function of torch's neural networks, bounded step by step."""
    return composed(names, EVERYWHERE, *cases, **facts)


_ACTIVATIONS = (
    _activation(
        "celu",
        case(_CELU, on=("alpha > 0",), signed=True),
        case(_CELU, alpha=0.1, signed=True),  # which float32 has not
    ),
    _activation(
        "elu", case("self > 0 ? scale * self : alpha * scale * (exp(self * input_scale) - 1)", on=_ALPHAS, signed=True),
    ),
    _activation(
        "gelu", case("self * 0.5 * (1 + erf(self / sqrt(2)))", approximate="none"),
        case(_GELU_TANH, approximate="tanh"), on_tensors=exactly.gelu,
    ),
    _activation("glu", steps=formulas.glu),
    _activation("hardshrink", case("abs(self) > lambd ? self : 0", on=_LAMBDA)),
    _activation("hardsigmoid", case("min(max(self + 3, 0), 6) / 6.")),
    _activation("hardswish", case("self * min(max(self + 3, 0), 6) / 6.")),
    _activation("hardtanh", case("min(max(self, min_val), max_val)", on=_LIMITS)),
    _activation("leaky_relu", case("self > 0 ? self : negative_slope * self", on=("negative_slope > 0",), signed=True)),
    _activation("log_sigmoid_forward", case("log(sigmoid(self))", saved=_BUFFER)),
    _activation("mish", case("self * tanh(log(1 + exp(self)))"), formula=lambda x: x * sympy.tanh(softplus(x))),
    unbounded("_prelu_kernel", EVERYWHERE, case("self > 0 ? self : weight * self")),
    _activation("silu", case("self * sigmoid(self)")),
    _activation(
        "softplus", case("self * beta > threshold ? self : log(1 + exp(self * beta)) / beta", on=("beta > 0",)),
        read=conventions.torch_softplus,
    ),
    _activation("softshrink", case("self > lambd ? self - lambd : self < -lambd ? self + lambd : 0", on=_LAMBDA)),
    unbounded("threshold", EVERYWHERE, case("self <= threshold ? value : self")),
    drawing("rrelu_with_noise", EVERYWHERE, steps=draws.leaky_relu, on_tensors=random_leaky_relu),
)  # fmt: skip

_BACKWARD = (
    operator(
        "sigmoid_backward", EVERYWHERE, case("sigmoid_backward(grad_output, output)"),
        bound=Elementwise(spread.sigmoid_backward, "sigmoid_backward", zeros.where_first), kinks=kinks.nowhere,
        formula=lambda g, y: g * y * (1 - y),
    ),
    operator(
        "tanh_backward", EVERYWHERE, case("tanh_backward(grad_output, output)"),
        bound=Elementwise(spread.tanh_backward, "tanh_backward", zeros.where_first, cancels=(1,)),
        kinks=kinks.nowhere, formula=lambda g, y: g * (1 - y**2),
    ),
    composed(
        "logit_backward", OperandDomain(rule=lambda g, x, *_: nonzero(x * (1 - x)), in_formula=True),
        read=conventions.logit_backward,
    ),
    _activation("elu_backward", *(case(_ELU_BACKWARD, is_result=answer) for answer in (False, True))),
    _activation(
        "gelu_backward", *(case(_GELU_BACKWARD, approximate=form) for form in ("none", "tanh")),
        on_tensors=exactly.gelu_backward,
    ),
    _activation("glu_backward"),
    _activation(
        "hardshrink_backward", case("hardshrink_backward(grad_out, self, lambd)", on=_LAMBDA),
        steps=formulas.shrink_backward, rewritten=formulas.shrink_backward,
    ),
    _activation("hardsigmoid_backward", read=conventions.hardsigmoid_backward),
    _activation("hardswish_backward", case("hardswish_backward(grad_output, self)")),
    _activation("hardtanh_backward", case("hardtanh_backward(grad_output, self, min_val, max_val)", on=_LIMITS)),
    _activation("leaky_relu_backward", *(case(_LEAKY_BACKWARD, self_is_result=answer) for answer in (False, True))),
    _activation("log_sigmoid_backward", case("log_sigmoid_backward(grad_output, self, buffer)", saved=_BUFFER)),
    _activation("mish_backward", formula=elementwise.mish_backward),
    unbounded(
        "_prelu_kernel_backward", EVERYWHERE,
        case("self > 0 ? grad_output : weight * grad_output", "self > 0 ? 0 : self * grad_output"),
    ),
    _activation("silu_backward"),
    _activation(
        "softplus_backward", case("softplus_backward(grad_output, self, beta, threshold)", on=("beta > 0",)),
        read=conventions.softplus_backward,
    ),
    _activation(
        "softshrink_backward", case("softshrink_backward(grad_output, self, lambd)", on=_LAMBDA),
        steps=formulas.shrink_backward, rewritten=formulas.shrink_backward,
    ),
    _activation(
        "threshold_backward", case("threshold_backward(grad_output, self, threshold)"),
        formula=lambda g, x, t: select(less(t, x), g, sympy.S.Zero),
    ),
)  # fmt: skip

OPERATORS: tuple[Operator, ...] = (*_ACTIVATIONS, *_BACKWARD)
