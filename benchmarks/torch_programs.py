"""Torch functions that a user might write, with what they take: for the tests of tracing and of proofs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F

Tensor = torch.Tensor


@dataclass(frozen=True)
class TorchProgram:
    """A function with its arguments as they are declared, and conditions on their entries, for all of them.

    ``constant`` are arguments that torch has no derivative by.
    """

    function: Callable[..., Tensor]
    parameters: str
    data: str
    domain: tuple[str, ...] = ()
    constant: tuple[str, ...] = ()


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

_PROBABILITY = ("x > 0", "x < 1", "y > 0", "y < 1")

FUNCTIONALS = {
    "mse_loss": TorchProgram(lambda w, x, y: F.mse_loss(x @ w, y), "w[2]", "x[2] y"),
    "mse_loss_sum": TorchProgram(lambda w, x, y: F.mse_loss(x @ w, y, reduction="sum"), "w[2]", "x[2] y"),
    "l1_loss": TorchProgram(lambda w, x, y: F.l1_loss(x @ w, y), "w[2]", "x[2] y"),
    "huber_delta": TorchProgram(lambda a, x, y: F.huber_loss(a * x, y, delta=0.75), "a", "x y"),
    "smooth_l1": TorchProgram(lambda a, x, y: F.smooth_l1_loss(a * x, y), "a", "x y"),
    "smooth_l1_beta": TorchProgram(lambda a, x, y: F.smooth_l1_loss(a * x, y, beta=0.3), "a", "x y"),
    "binary_cross_entropy": TorchProgram(
        lambda a, b, x, y: F.binary_cross_entropy(torch.sigmoid(a * x + b), y), "a b", "x y", ("y > 0", "y < 1")
    ),
    "binary_cross_entropy_weighted": TorchProgram(
        lambda c, x, y: F.binary_cross_entropy(x * c, y, weight=torch.tensor(1.5)),
        "c", "x y", (*_PROBABILITY, "c > 0", "c < 1"),
    ),
    "bce_with_logits_pos_weight": TorchProgram(
        lambda a, x, y: F.binary_cross_entropy_with_logits(a * x, y, pos_weight=torch.tensor(2.5)),
        "a", "x y", ("y > 0", "y < 1"),
    ),
    "bce_with_logits_sum": TorchProgram(
        lambda w, x, y: F.binary_cross_entropy_with_logits(x @ w, y, reduction="sum"),
        "w[3]", "x[3] y", ("y > 0", "y < 1"),
    ),
    "poisson_nll_rate": TorchProgram(
        lambda a, x, y: F.poisson_nll_loss(a * x, y, log_input=False), "a", "x y", ("a > 0", "x > 0", "y > 0")
    ),
    "poisson_nll_full": TorchProgram(lambda a, x, y: F.poisson_nll_loss(a * x, y, full=True), "a", "x y", ("y > 0",)),
    "gaussian_nll": TorchProgram(
        lambda a, s, x, y: F.gaussian_nll_loss(a * x, y, s**2 + x**2), "a s", "x y", ("s > 0",)
    ),
    "gaussian_nll_full": TorchProgram(
        lambda a, x, y, v: F.gaussian_nll_loss(a * x, y, v, full=True), "a", "x y v", ("v > 0",)
    ),
    "kl_div": TorchProgram(
        lambda w, x, y: F.kl_div(F.log_softmax(x * w, -1), y, reduction="batchmean"),
        "w[3]", "x[3] y[3]", ("y1 > 0", "y2 > 0", "y3 > 0"),
    ),
    "kl_div_log_target": TorchProgram(
        lambda w, x, y: F.kl_div(F.log_softmax(x * w, -1), y, reduction="batchmean", log_target=True),
        "w[3]", "x[3] y[3]",
    ),
    "cosine_similarity": TorchProgram(
        lambda w, x, y: F.cosine_similarity(x * w, y, dim=-1).mean(),
        "w[3]", "x[3] y[3]",
    ),
    "margin_ranking": TorchProgram(
        lambda a, x, z, y: F.margin_ranking_loss(a * x, z, y, margin=0.25), "a", "x z y"
    ),
    "hinge_embedding": TorchProgram(
        lambda a, x: (
            F.hinge_embedding_loss(a * x, torch.ones_like(x)) + F.hinge_embedding_loss(x - a, -torch.ones_like(x))
        ),
        "a", "x",
    ),
    "soft_margin": TorchProgram(lambda a, x, y: F.soft_margin_loss(a * x, y), "a", "x y", constant=("y",)),
    "triplet_margin": TorchProgram(
        lambda w, x, p, q: F.triplet_margin_loss(x * w, p, q), "w[2]", "x[2] p[2] q[2]"
    ),
    "cosine_embedding": TorchProgram(
        lambda w, x, y: F.cosine_embedding_loss(x * w, y, torch.ones(x.shape[0])), "w[2]", "x[2] y[2]"
    ),
    "cross_entropy": TorchProgram(
        lambda W, b, x, y: F.cross_entropy(F.linear(x, W, b), y), "W[3,2] b[3]", "x[2] y[3]"
    ),
    "cross_entropy_smoothed": TorchProgram(
        lambda W, x, y: F.cross_entropy(x @ W.T, y, label_smoothing=0.1), "W[3,2]", "x[2] y[3]"
    ),
    "soft_nll": TorchProgram(lambda w, x, y: -(y * F.log_softmax(x * w, dim=1)).sum(1).mean(), "w[3]", "x[3] y[3]"),
    "softmax_brier": TorchProgram(
        lambda w, x, y: ((torch.softmax(x + w, -1) - y) ** 2).sum(-1).mean(), "w[3]", "x[3] y[3]"
    ),
    "multilabel_soft_margin": TorchProgram(
        lambda w, x, y: F.multilabel_soft_margin_loss(x * w, y), "w[2]", "x[2] y[2]"
    ),
    "pairwise_distance": TorchProgram(lambda w, x, y: F.pairwise_distance(x * w, y).mean(), "w[2]", "x[2] y[2]"),
    "normalize": TorchProgram(
        lambda w, x, y: ((x * F.normalize(w, dim=0)).sum(-1) - y).square().mean(), "w[2]", "x[2] y"
    ),
    "layer_norm": TorchProgram(lambda w, x, y: F.mse_loss(F.layer_norm(x * w, (3,)), y), "w[3]", "x[3] y[3]"),
}  # fmt: skip


def _perceptron(activation: Callable[[Tensor], Tensor]) -> TorchProgram:
    def loss(W1: Tensor, b1: Tensor, W2: Tensor, b2: Tensor, x: Tensor, y: Tensor) -> Tensor:
        hidden = activation(F.linear(x, W1, b1))
        return F.mse_loss(hidden @ W2 + b2, y)

    return TorchProgram(loss, "W1[3,2] b1[3] W2[3] b2", "x[2] y")


class Squared(torch.autograd.Function):
    """The mean squared residual, with its backward written by hand."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, x: Tensor, y: Tensor) -> Tensor:
        ctx.save_for_backward(a, x, y)
        return ((a * x - y) ** 2).mean()

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        a, x, y = ctx.saved_tensors
        slope = grad * 2 * (a * x - y) / x.shape[0]
        return (slope * x).sum(), slope * a, -slope


class SquaredWithoutTwo(Squared):
    """The same with a wrong backward: the factor 2 is missing."""

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return tuple(part / 2 for part in Squared.backward(ctx, grad))  # type: ignore[return-value]


def _in_place(w: Tensor, x: Tensor, y: Tensor) -> Tensor:
    z = x * w
    z[:, 0].mul_(3)
    z += 0.5
    z[:, 1] = z[:, 0].clone() * y
    return z.sum(-1).square_().mean()


def _with_detach(a: Tensor, x: Tensor, y: Tensor) -> Tensor:
    weight = (1 / (1 + (a * x - y).abs())).detach()
    return (weight * (a * x - y) ** 2).mean()


def _with_no_grad(a: Tensor, x: Tensor, y: Tensor) -> Tensor:
    with torch.no_grad():
        scale = x.square().mean().sqrt()
    return ((a * x - y) / scale).square().mean()


def _assigned(a: Tensor, x: Tensor, y: Tensor) -> Tensor:
    residual = a * x - y
    residual[residual < 0] = 0.25
    return (residual**2).mean()


def _regularised(w: Tensor, b: Tensor, x: Tensor, y: Tensor) -> Tensor:
    return F.mse_loss(x @ w + b, y) + 0.1 * w.square().sum()


def _split_and_join(w: Tensor, x: Tensor, y: Tensor) -> Tensor:
    first, rest = x.split([1, 2], dim=1)
    joined = torch.cat([rest, first * w[0], torch.stack([y, y**2], dim=-1)], dim=1)
    return (joined.flip(-1) * torch.arange(5)).sum(1).mean() + w.prod()


def _indexed(w: Tensor, x: Tensor, y: Tensor) -> Tensor:
    picked = x[:, [2, 0, 0]] * w[torch.tensor([0, 1, 1])]
    return (picked.sum(-1) * x[..., -1] + x[:, 1:].cumsum(1)[:, 1] - y).square().mean()


MADE = {
    "perceptron_tanh": _perceptron(torch.tanh), "perceptron_relu": _perceptron(torch.relu),
    "perceptron_gelu": _perceptron(F.gelu),
    "autograd_function": TorchProgram(lambda **values: Squared.apply(*values.values()), "a", "x y"),
    "autograd_function_wrong": TorchProgram(lambda **values: SquaredWithoutTwo.apply(*values.values()), "a", "x y"),
    "in_place": TorchProgram(_in_place, "w[2]", "x[2] y"),
    "detach": TorchProgram(_with_detach, "a", "x y"),
    "no_grad": TorchProgram(_with_no_grad, "a", "x y"),
    "regularised": TorchProgram(_regularised, "w[2] b", "x[2] y"),
    "dropout_of_nothing": TorchProgram(
        lambda w, x: (F.dropout(x, p=0.0) * F.dropout(w, p=0.5, training=False)).sum(), "w[2]", "x[2]"
    ),
    "einsum": TorchProgram(
        lambda A, x, y: (torch.einsum("ni,ij,nj->n", x, A, x) - y).square().mean(), "A[2,2]", "x[2] y"
    ),
    "matmul": TorchProgram(
        lambda W, x, y: ((W @ x.unsqueeze(-1)).squeeze(-1) - y).square().mean(),
        "W[3,2]", "x[2] y[3]",
    ),
    "bilinear": TorchProgram(lambda A, x, y: (x @ A * y).sum(-1).mean(), "A[2,2]", "x[2] y[2]"),
    "split_and_join": TorchProgram(_split_and_join, "w[2]", "x[3] y"),
    "indexed": TorchProgram(_indexed, "w[2]", "x[3] y"),
    "broadcast": TorchProgram(
        lambda W, x, y: (x[:, None, :] * W - y[:, None, None]).square().mean(),
        "W[3,2]", "x[2] y",
    ),
    "variance": TorchProgram(lambda a, x: (a * x + x**2).var(), "a", "x"),
    "standard_deviation": TorchProgram(lambda a, x: torch.std(torch.exp(a * x)), "a", "x"),
    "variance_of_features": TorchProgram(lambda w, x: (x * w).var(0, unbiased=False).sum(), "w[2]", "x[2]"),
    "correlation": TorchProgram(
        lambda a, x, y: ((x - x.mean()) * (torch.tanh(a * y) - torch.tanh(a * y).mean())).sum() / (x.std() * y.std()),
        "a", "x y",
    ),
    "softmax_of_samples": TorchProgram(lambda a, x, y: (torch.softmax(a * x, 0) * y).sum(), "a", "x y"),
    "log_of_mean": TorchProgram(lambda a, x: torch.log(torch.exp(a * x).mean()), "a", "x"),
    "root_mean_square": TorchProgram(lambda a, x, y: (a * x - y).square().mean().sqrt(), "a", "x y"),
    "gram": TorchProgram(lambda w, x: (w @ (x.T @ x) @ w) / x.shape[0], "w[2]", "x[2]"),
    "vector_norm_1": TorchProgram(lambda w, x: torch.linalg.vector_norm(x * w, ord=1, dim=-1).mean(), "w[3]", "x[3]"),
    "vector_norm_3": TorchProgram(lambda w, x: torch.linalg.vector_norm(x * w, ord=3, dim=-1).mean(), "w[2]", "x[2]"),
    "vector_norm_max": TorchProgram(
        lambda w, x: torch.linalg.vector_norm(x * w, ord=float("inf"), dim=-1).mean(), "w[3]", "x[3]"
    ),
    "norm_of_features": TorchProgram(lambda w, x: torch.norm(x - w, dim=1).mean(), "w[2]", "x[2]"),
    "hypot": TorchProgram(lambda a, x, y: torch.hypot(a * x, y).mean(), "a", "x y"),
    "atan2": TorchProgram(lambda a, x, y: torch.atan2(a * y, x).mean(), "a", "x y"),
    "power": TorchProgram(lambda a, x: (x**2.5 + x**a + a**x + 2**x).mean(), "a", "x", ("a > 0", "x > 0")),
    "roots": TorchProgram(
        lambda a, x: (torch.sqrt(a * x) + torch.rsqrt(x + a) + x**0.1).mean(),
        "a", "x", ("a > 0", "x > 0"),
    ),
    "maximum": TorchProgram(lambda a, b, x: (torch.maximum(a * x, b) - torch.minimum(x, a)).mean(), "a b", "x"),
    "greatest_feature": TorchProgram(lambda w, x: ((x * w).max(dim=1).values - x.amin(1)).mean(), "w[3]", "x[3]"),
    "log1p_expm1": TorchProgram(
        lambda a, x: (torch.log1p(a * x) + torch.expm1(-a * x)).mean(),
        "a", "x", ("a > 0", "x > 0"),
    ),
    "logaddexp": TorchProgram(lambda a, x, y: torch.logaddexp(a * x, y).mean(), "a", "x y"),
    "logsumexp": TorchProgram(lambda w, x: torch.logsumexp(x * w, dim=-1).mean(), "w[3]", "x[3]"),
    "gamma": TorchProgram(
        lambda a, x: (torch.lgamma(x + a) - torch.digamma(x) + torch.polygamma(1, x)).mean(),
        "a", "x", ("a > 0", "x > 0"),
    ),
    "logarithms": TorchProgram(lambda a, x: (torch.log2(x * a) + torch.log1p(x)).mean(), "a", "x", ("a > 0", "x > 0")),
    "log10": TorchProgram(lambda a, x: torch.log10(x * a).mean(), "a", "x", ("a > 0", "x > 0")),
    "assigned_where": TorchProgram(_assigned, "a", "x y"),
    "xlogy": TorchProgram(lambda a, x: torch.xlogy(x, a * x).mean(), "a", "x", ("a > 0", "x > 0")),
    "lerp": TorchProgram(lambda a, x, y: torch.lerp(x, y, torch.sigmoid(a)).square().mean(), "a", "x y"),
    "addcdiv": TorchProgram(lambda a, x, y: torch.addcdiv(x, a, y, value=0.5).mean(), "a", "x y", ("y > 0",)),
    "rational": TorchProgram(lambda a, x: (1 / (1 + a**2 * x**2) - x / 3).mean(), "a", "x"),
    "step_weights": TorchProgram(lambda a, x, y: ((x > y).double() * (a * x - y) ** 2).mean(), "a", "x y"),
    "masked": TorchProgram(lambda a, x, y: (a * x - y).masked_fill((x < 0) | (y > 1), 0.0).square().mean(), "a", "x y"),
    "weights_from_outside": TorchProgram(
        lambda w, x: (x @ (w * torch.tensor([1.0, 0.1, 1 / 3]))).square().mean(), "w[3]", "x[3]"
    ),
    "upper_triangle": TorchProgram(lambda A, x: (x @ A.triu()).square().mean(), "A[2,2]", "x[2]"),
    "trace_of_square": TorchProgram(lambda A, x: torch.trace(A @ A) * x.mean() + A.diagonal().sum(), "A[2,2]", "x"),
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
    "log10": "torch divides by 2.3025850929940455, which is one ulp off log(10)",
}
