"""What the operators compute that have arguments other than numbers, several cases or conventions of their own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from diffexplore.auditing.forward_case import Case, at

_TINY_BESSEL = {"abs(self) <= 2.220446049250313e-16": "for |self| ≤ 2⁻⁵² torch gives 1/2, the value at 0"}
_ALPHAS = ("alpha > 0", "scale > 0", "input_scale > 0")
_GELU_TANH = "0.5 * self * (1 + tanh(sqrt(2 / M_PI) * (self + 0.044715 * pow(self, 3))))"
_LOGIT_EPS = "self < eps ? log(eps / (1 - eps)) : self > 1 - eps ? log((1 - eps) / eps) : log(self / (1 - self))"
_BUFFER = {"buffer": "exp(-abs(self))"}
_LARGE = {
    "log(self) < -100": "where log(self) < −100 torch uses −100",
    "log(1 - self) < -100": "where log(1 − self) < −100 torch uses −100",
}

_WEIGHTS: tuple[tuple[str, dict[str, Any]], ...] = (("", {"weight": None}), ("weight * ", {}))
_SLOPES: tuple[tuple[str, dict[str, Any]], ...] = (("1", {"pos_weight": None}), ("pos_weight", {}))

WITH_SETTINGS: Mapping[str, tuple[Case, ...]] = {
    "celu": (
        at("self > 0 ? self : alpha * (exp(self / alpha) - 1)", on=("alpha > 0",), signed=True),
        at("self > 0 ? self : alpha * (exp(self / alpha) - 1)", alpha=0.1, signed=True),  # which float32 has not
    ),
    "clamp": (
        at("min(max(self, min), max)"),
        at("max(self, min)", max=None),
        at("min(self, max)", min=None),
    ),
    "div": (
        at("self / other", rounding_mode=None),
        at("trunc(self / other)", rounding_mode="trunc"),
        at("floor(self / other)", rounding_mode="floor"),
    ),
    "elu": (at("self > 0 ? scale * self : alpha * scale * (exp(self * input_scale) - 1)", on=_ALPHAS, signed=True),),
    "frexp": (at("self / exp2(exponent)", saved={"exponent": "floor(log2(abs(self))) + 1"}),),
    "gelu": (at("self * 0.5 * (1 + erf(self / sqrt(2)))", approximate="none"), at(_GELU_TANH, approximate="tanh")),
    "hardshrink": (at("abs(self) > lambd ? self : 0", on=("lambd > 0",)),),
    "hardtanh": (at("min(max(self, min_val), max_val)", on=("min_val < max_val",)),),
    "leaky_relu": (at("self > 0 ? self : negative_slope * self", on=("negative_slope > 0",), signed=True),),
    "log_sigmoid_forward": (at("log(sigmoid(self))", saved=_BUFFER),),
    "logit": (
        at("log(self / (1 - self))", on=("self > 0", "self < 1"), eps=None),
        at(_LOGIT_EPS, on=("eps > 0", "eps < 0.5")),
    ),
    "mvlgamma": tuple(
        at(
            " + ".join([f"{p * (p - 1)} * log(M_PI) / 4.", *(f"lgamma(self - {j / 2})" for j in range(p))]),
            on=(f"self > {(p - 1) / 2}",),
            p=p,
        )
        for p in (1, 2, 3, 4)
    ),
    "pow": (
        at("pow(self, exponent)", on=("self > 0",)),
        *(at(f"pow(self, {power})", exponent=power) for power in (0, 1, 2, 3, -1)),
    ),
    "relu": (at("max(self, 0)"),),
    "softplus": (at("self * beta > threshold ? self : log(1 + exp(self * beta)) / beta", on=("beta > 0",)),),
    "softshrink": (at("self > lambd ? self - lambd : self < -lambd ? self + lambd : 0", on=("lambd > 0",)),),
    "special_i1": (at("special_i1(self)", conventions=_TINY_BESSEL),),
    "special_i1e": (at("special_i1e(self)", conventions=_TINY_BESSEL),),
    # ------------------------------------------------------------------------- losses, one element without reduction
    "binary_cross_entropy": tuple(
        at(
            f"{weight}-(target * log(self) + (1 - target) * log(1 - self))",
            on=("self > 0", "self < 1", "target > 0", "target < 1"),
            reduction="none",
            conventions={**_LARGE, "self * (1 - self) < 1e-12": "where self·(1 − self) < 10⁻¹² torch divides by 10⁻¹²"},
            **fixed,
        )
        for weight, fixed in _WEIGHTS
    ),
    "binary_cross_entropy_with_logits": tuple(
        at(
            f"{weight}((1 - target) * self + (1 + ({slope} - 1) * target) * log(1 + exp(-self)))",
            reduction="none",
            **without,
            **unslanted,
        )
        for weight, without in _WEIGHTS
        for slope, unslanted in _SLOPES
    ),
    "huber_loss": (
        at(
            "abs(self - target) <= delta ? 0.5 * square(self - target) : delta * (abs(self - target) - 0.5 * delta)",
            on=("delta > 0",),
            reduction="none",
        ),
    ),
    "mse_loss": (at("square(self - target)", reduction="none"),),
    "smooth_l1_loss": (
        at(
            "abs(self - target) < beta ? 0.5 * square(self - target) / beta : abs(self - target) - 0.5 * beta",
            on=("beta > 0",),
            reduction="none",
        ),
    ),
    "soft_margin_loss": (at("log(1 + exp(-target * self))", reduction="none"),),
}
