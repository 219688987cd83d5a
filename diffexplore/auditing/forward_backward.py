"""The operators that are backward formulas themselves: what is audited of them is the second derivative."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from diffexplore.auditing.forward_case import Case, at

_BUFFER = {"buffer": "exp(-abs(self))"}

_WEIGHTS: tuple[dict[str, Any], ...] = ({"weight": None}, {})

BACKWARD: Mapping[str, tuple[Case, ...]] = {
    "binary_cross_entropy_backward": tuple(
        at(
            "binary_cross_entropy_backward(grad_output, self, target, weight, reduction)",
            on=("self > 0", "self < 1"),
            reduction="none",
            conventions={"self * (1 - self) < 1e-12": "where self·(1 − self) < 10⁻¹² torch divides by 10⁻¹²"},
            **fixed,
        )
        for fixed in _WEIGHTS
    ),
    "elu_backward": tuple(
        at("elu_backward(grad_output, alpha, scale, input_scale, is_result, self_or_result)", is_result=is_result)
        for is_result in (False, True)
    ),
    "gelu_backward": tuple(
        at("gelu_backward(grad_output, self, approximate)", approximate=form) for form in ("none", "tanh")
    ),
    "hardshrink_backward": (at("hardshrink_backward(grad_out, self, lambd)", on=("lambd > 0",)),),
    "hardswish_backward": (at("hardswish_backward(grad_output, self)"),),
    "hardtanh_backward": (at("hardtanh_backward(grad_output, self, min_val, max_val)", on=("min_val < max_val",)),),
    "huber_loss_backward": (
        at("huber_loss_backward(grad_output, self, target, reduction, delta)", on=("delta > 0",), reduction="none"),
    ),
    "leaky_relu_backward": tuple(
        at("leaky_relu_backward(grad_output, self, negative_slope, self_is_result)", self_is_result=is_result)
        for is_result in (False, True)
    ),
    "log_sigmoid_backward": (at("log_sigmoid_backward(grad_output, self, buffer)", saved=_BUFFER),),
    "mse_loss_backward": (at("mse_loss_backward(grad_output, self, target, reduction)", reduction="none"),),
    "_prelu_kernel_backward": (
        at("self > 0 ? grad_output : weight * grad_output", "self > 0 ? 0 : self * grad_output"),
    ),
    "sigmoid_backward": (at("sigmoid_backward(grad_output, output)"),),
    "smooth_l1_loss_backward": (
        at("smooth_l1_loss_backward(grad_output, self, target, reduction, beta)", on=("beta > 0",), reduction="none"),
    ),
    "soft_margin_loss_backward": (
        at("soft_margin_loss_backward(grad_output, self, target, reduction)", reduction="none"),
    ),
    "softplus_backward": (at("softplus_backward(grad_output, self, beta, threshold)", on=("beta > 0",)),),
    "softshrink_backward": (at("softshrink_backward(grad_output, self, lambd)", on=("lambd > 0",)),),
    "tanh_backward": (at("tanh_backward(grad_output, output)"),),
    "threshold_backward": (at("threshold_backward(grad_output, self, threshold)"),),
}
