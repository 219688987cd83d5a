"""Torch functions that users might write: for the tests of tracing, and to be proved."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F

from benchmarks.torch_functionals import FUNCTIONALS
from benchmarks.torch_networks import MADE, Squared, SquaredWithoutTwo
from benchmarks.torch_program import Tensor, TorchProgram

__all__ = [
    "CATALOGUE",
    "FORMAL",
    "MIXING",
    "NOT_THE_DERIVATIVE",
    "PROGRAMS",
    "Squared",
    "SquaredWithoutTwo",
    "TorchProgram",
]

#: Catalogue losses as torch functions, by the name in the catalogue.
CATALOGUE = {
    "perpendicular": TorchProgram(lambda a, b, x, y: ((a * x + b - y) ** 2 / (2 * (a**2 + 1))).mean(), "a b", "x y"),
    "line_distance": TorchProgram(
        lambda A, B, C, x, y: ((A * x + B * y + C).abs() / torch.sqrt(A**2 + B**2)).mean(),
        "A B C", "x y", ("A**2 + B**2 > 0",),
    ),
    "line_distance_squared": TorchProgram(
        lambda A, B, C, x, y: ((A * x + B * y + C) ** 2 / (A**2 + B**2)).mean(), "A B C", "x y", ("A**2 + B**2 > 0",)
    ),
    "hyperplane": TorchProgram(
        lambda w, b, x: ((x @ w + b).abs() / w.norm()).mean(), "w[3] b", "x[3]", ("w1**2 + w2**2 + w3**2 > 0",)
    ),
    "graph_sum": TorchProgram(lambda x, y, z: (x * y + z).sum(), "", "x y z"),
    "squared_error": TorchProgram(lambda a, b, x, y: ((a * x + b - y) ** 2).mean(), "a b", "x y"),
    "absolute_error": TorchProgram(lambda a, b, x, y: (a * x + b - y).abs().mean(), "a b", "x y"),
    "huber": TorchProgram(lambda a, b, x, y: F.huber_loss(a * x + b, y), "a b", "x y"),
    "log_cosh": TorchProgram(lambda a, b, x, y: torch.log(torch.cosh(a * x + b - y)).mean(), "a b", "x y"),
    "cauchy": TorchProgram(
        lambda a, b, s, x, y: (torch.log(torch.pi * s) + torch.log(1 + ((a * x + b - y) / s) ** 2)).mean(),
        "a b s", "x y", ("s > 0",),
    ),
    "logistic": TorchProgram(
        lambda a, b, x, y: F.binary_cross_entropy_with_logits(a * x + b, y), "a b", "x y", ("y >= 0", "y <= 1")
    ),
    "softplus": TorchProgram(lambda a, b, x, y: F.softplus(-y * (a * x + b)).mean(), "a b", "x y"),
    "poisson": TorchProgram(lambda a, b, x, y: F.poisson_nll_loss(a * x + b, y), "a b", "x y", ("y >= 0",)),
}  # fmt: skip


def _line(activation: Callable[[Tensor], Tensor]) -> TorchProgram:
    """An activation of a line, squared error to data."""
    return TorchProgram(lambda a, b, x, y: ((activation(a * x + b) - y) ** 2).mean(), "a b", "x y")


ACTIVATIONS = {
    "sigmoid": _line(torch.sigmoid), "tanh": _line(torch.tanh), "gelu": _line(F.gelu),
    "gelu_tanh": _line(lambda z: F.gelu(z, approximate="tanh")), "silu": _line(F.silu), "elu": _line(F.elu),
    "elu_alpha": _line(lambda z: F.elu(z, alpha=0.7)), "selu": _line(F.selu), "celu": _line(F.celu),
    "celu_alpha": _line(lambda z: F.celu(z, alpha=3.0)), "relu": _line(F.relu), "relu6": _line(F.relu6),
    "leaky_relu": _line(F.leaky_relu), "hardtanh": _line(F.hardtanh), "hardswish": _line(F.hardswish),
    "hardsigmoid": _line(F.hardsigmoid), "logsigmoid": _line(F.logsigmoid), "mish": _line(F.mish),
    "tanhshrink": _line(F.tanhshrink), "softshrink": _line(F.softshrink), "hardshrink": _line(F.hardshrink),
    "softsign": _line(F.softsign), "softplus_beta": _line(lambda z: F.softplus(z, beta=2.5, threshold=3.0)),
    "threshold": _line(lambda z: F.threshold(z, 0.1, 0.3)), "erf": _line(torch.erf),
    "sinusoid": _line(lambda z: torch.sin(z) + torch.cos(2 * z)), "atan": _line(torch.atan),
    "asinh": _line(torch.asinh), "sinc": _line(torch.sinc), "exp2": _line(torch.exp2),
    "glu": _line(lambda z: F.glu(torch.stack([z, z**2], -1), -1).squeeze(-1)),
    "prelu_where": _line(lambda z: torch.where(z > 0, z, z / 3)), "clamp": _line(lambda z: z.clamp(-0.3, 0.6)),
    "clamp_min": _line(lambda z: z.clamp_min(0.25)), "copysign_free_sign": _line(lambda z: z * torch.sign(z)),
}  # fmt: skip

#: For every number of samples.
FORMAL = {**CATALOGUE, **ACTIVATIONS, **FUNCTIONALS, **MADE}

#: Programs that mix samples, so that they are read for 4 samples.
MIXING = {
    "largest_sample": TorchProgram(lambda a, x: (a * x).max(), "a", "x"),
    "running_sum": TorchProgram(lambda a, x: (a * x).cumsum(0).square().mean(), "a", "x"),
    "first_sample": TorchProgram(lambda a, x: a * x[0] + x.mean(), "a", "x"),
    "differences": TorchProgram(lambda a, x: (a * (x[1:] - x[:-1])).square().mean(), "a", "x"),
    "pairs": TorchProgram(lambda a, x: torch.tanh(a * (x[:, None] - x[None, :])).square().mean(), "a", "x"),
    "loop_over_samples": TorchProgram(lambda a, x: sum((a * value) ** 2 for value in x), "a", "x"),  # type: ignore[arg-type,return-value]
    "flattened": TorchProgram(lambda w, x: (x * w).flatten().square().mean(), "w[2]", "x[2]"),
    "sample_number": TorchProgram(lambda a, x: (a * x * torch.arange(x.shape[0])).sum(), "a", "x"),
    "product_of_samples": TorchProgram(lambda a, x: (1 + a * x).prod(), "a", "x"),
    "padded": TorchProgram(lambda w, x: torch.tanh(F.pad(w * x, (1, 2), value=0.5)).mean(), "w[2]", "x[2]"),
    "half_of_the_samples": TorchProgram(lambda a, x: (a * x).sum() / (x.shape[0] // 3), "a", "x"),
    "reinterpreted": TorchProgram(lambda w, x: torch.tanh((w * x).reshape(3, -1)[0]).mean(), "w[3]", "x[3]"),
    "infinity_norm": TorchProgram(lambda a, x: torch.linalg.vector_norm(a * x, ord=float("inf")), "a", "x"),
}

PROGRAMS = {**FORMAL, **MIXING}

#: Programs whose backward pass is not the derivative of their forward pass, and why.
NOT_THE_DERIVATIVE = {
    "autograd_function_wrong": "its hand-written backward lacks a factor of 2",
    "detach": "a part of the formula is detached",
}
