"""Small networks, hand-written functions, and operators that losses are made of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F

from benchmarks.torch_program import Tensor, TorchProgram


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
