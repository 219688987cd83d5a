"""Activations in the style of model repositories."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch.autograd import Function

from handwritten.pieces import Mistake, Piece, normal


class Swish(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * torch.sigmoid(x)

    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        s = torch.sigmoid(x)
        return grad * (s + x * s * (1 - s))


class Mish(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * torch.tanh(F.softplus(x))

    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        t = torch.tanh(F.softplus(x))
        return grad * (t + x * torch.sigmoid(x) * (1 - t * t))


class HardSigmoid(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return torch.clamp(x / 6 + 0.5, 0, 1)

    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        inside = (x > -3) & (x < 3)
        return torch.where(inside, grad / 6, torch.zeros_like(grad))


class HardSwish(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * torch.clamp(x + 3, 0, 6) / 6

    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        slope = torch.where(x < -3, torch.zeros_like(x), torch.where(x > 3, torch.ones_like(x), x / 3 + 0.5))
        return grad * slope


class GeluTanh(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))

    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        k = math.sqrt(2 / math.pi)
        t = torch.tanh(k * (x + 0.044715 * x**3))
        inner = k * (1 + 3 * 0.044715 * x**2)
        return grad * (0.5 * (1 + t) + 0.5 * x * (1 - t**2) * inner)


class LeakyReLU(Function):
    @staticmethod
    def forward(ctx, x, slope):
        ctx.save_for_backward(x)
        ctx.slope = slope
        return torch.where(x > 0, x, slope * x)

    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        return torch.where(x > 0, grad, ctx.slope * grad), None


class PReLU(Function):
    @staticmethod
    def forward(ctx, x, weight):
        ctx.save_for_backward(x, weight)
        return torch.where(x > 0, x, weight[None, :, None] * x)

    @staticmethod
    def backward(ctx, grad):
        x, weight = ctx.saved_tensors
        gx = torch.where(x > 0, grad, weight[None, :, None] * grad)
        gw = torch.where(x > 0, torch.zeros_like(x), x * grad).sum((0, 2))
        return gx, gw


class SwiGLU(Function):
    @staticmethod
    def forward(ctx, x, w, v):
        a, b = x @ w, x @ v
        ctx.save_for_backward(x, w, v, a, b)
        return F.silu(a) * b

    @staticmethod
    def backward(ctx, grad):
        x, w, v, a, b = ctx.saved_tensors
        s = torch.sigmoid(a)
        ga = grad * b * (s + a * s * (1 - s))
        gb = grad * a * s
        return ga @ w.t() + gb @ v.t(), x.t() @ ga, x.t() @ gb


class GegluPacked(Function):
    """Gate and value in the two halves of the last axis."""

    @staticmethod
    def forward(ctx, x):
        gate, value = x.chunk(2, -1)
        ctx.save_for_backward(gate, value)
        return F.gelu(gate) * value

    @staticmethod
    def backward(ctx, grad):
        gate, value = ctx.saved_tensors
        cdf = 0.5 * (1 + torch.erf(gate / math.sqrt(2)))
        pdf = torch.exp(-gate * gate / 2) / math.sqrt(2 * math.pi)
        return torch.cat([grad * value * (cdf + gate * pdf), grad * gate * cdf], -1)


class Snake(Function):
    """x + sin²(αx)/α, an α a channel."""

    @staticmethod
    def forward(ctx, x, alpha):
        ctx.save_for_backward(x, alpha)
        return x + torch.sin(alpha * x) ** 2 / alpha

    @staticmethod
    def backward(ctx, grad):
        x, alpha = ctx.saved_tensors
        s2 = torch.sin(2 * alpha * x)
        gx = grad * (1 + s2)
        ga = grad * (x * s2 / alpha - torch.sin(alpha * x) ** 2 / alpha**2)
        return gx, ga.sum(0)


def sample_inputs():
    return {
        "Swish": (normal(4, 6),),
        "Mish": (normal(4, 6),),
        "HardSigmoid": ((normal(4, 6, grad=False) * 3).requires_grad_(),),
        "HardSwish": ((normal(4, 6, grad=False) * 3).requires_grad_(),),
        "GeluTanh": (normal(4, 6),),
        "LeakyReLU": (normal(4, 6), 0.125),
        "PReLU": (normal(2, 3, 5), normal(3)),
        "SwiGLU": (normal(4, 5), normal(5, 3, seed=1), normal(5, 3, seed=2)),
        "GegluPacked": (normal(3, 8),),
        "Snake": (normal(4, 3), (normal(3, grad=False).abs() + 0.5).requires_grad_()),
    }


PIECES = (
    Piece(
        Swish,
        (
            Mistake("factor", "return grad *", "return 2 * grad *"),
            Mistake("cut_path", "s + x * s * (1 - s)", "s"),
            Mistake("cut_path", "s + x * s * (1 - s)", "x * s * (1 - s)"),
            Mistake("sign_of_term", "s + x * s * (1 - s)", "s - x * s * (1 - s)"),
            Mistake("upstream_ignored", "grad * (s", "(s"),
        ),
    ),
    Piece(
        Mish,
        (
            Mistake("factor", "return grad *", "return -grad *"),
            Mistake("cut_path", "t + x * torch.sigmoid(x) * (1 - t * t)", "t"),
            Mistake("local_slope", "x * torch.sigmoid(x) * (1", "x * (1"),
            Mistake("local_slope", "torch.sigmoid(x) * (1 - t * t)", "torch.sigmoid(x)"),
            Mistake(
                "precision",
                "torch.tanh(F.softplus(x))\n        return grad",
                "torch.tanh(F.softplus(x.float())).double()\n        return grad",
            ),
        ),
    ),
    Piece(
        HardSigmoid,
        (
            Mistake("factor", "grad / 6", "grad / 3"),
            Mistake(
                "mask_inverted",
                "torch.where(inside, grad / 6, torch.zeros_like(grad))",
                "torch.where(inside, torch.zeros_like(grad), grad / 6)",
            ),
            Mistake("region local_slope", "torch.where(inside, grad / 6, torch.zeros_like(grad))", "grad / 6"),
            Mistake("region", "(x < 3)", "(x < 1)"),
            Mistake("factor", "grad / 6", "grad"),
        ),
    ),
    Piece(
        HardSwish,
        (
            Mistake("cut_path", "x / 3 + 0.5", "x / 6 + 0.5"),
            Mistake("region", "torch.where(x > 3, torch.ones_like(x),", "torch.where(x > 3, torch.zeros_like(x),"),
            Mistake(
                "region local_slope",
                "torch.where(x < -3, torch.zeros_like(x),",
                "torch.where(x < -3, torch.ones_like(x) + x / 3 - 0.5,",
            ),
            Mistake("zero", "return grad * slope", "return grad * slope * 0"),
            Mistake("upstream_ignored", "return grad * slope", "return slope"),
        ),
    ),
    Piece(
        GeluTanh,
        (
            Mistake("cut_path", "1 + 3 * 0.044715 * x**2", "1"),
            Mistake("sign_of_term", "(1 + t) + 0.5", "(1 + t) - 0.5"),
            Mistake("factor", "grad * (0.5 * (1 + t) + 0.5", "0.5 * grad * (0.5 * (1 + t) + 0.5"),
            Mistake("scaled_path", "1 + 3 * 0.044715", "1 + 2 * 0.044715"),
            Mistake("extra_term operand_for_result", "0.5 * (1 + t) + 0.5", "0.5 * (0 + t) + 0.5"),
        ),
    ),
    Piece(
        LeakyReLU,
        (
            Mistake("mask_inverted region", "return torch.where(x > 0, grad", "return torch.where(x < 0, grad"),
            Mistake("region cut_path", "ctx.slope * grad)", "0 * grad)"),
            Mistake("region scaled_path", "ctx.slope * grad)", "ctx.slope**2 * grad)"),
            Mistake("factor", "x > 0, grad, ctx.slope * grad)", "x > 0, 3 * grad, 3 * ctx.slope * grad)"),
            Mistake(
                "upstream_ignored",
                "x > 0, grad, ctx.slope * grad)",
                "x > 0, torch.ones_like(x), ctx.slope * torch.ones_like(x))",
            ),
        ),
    ),
    Piece(
        PReLU,
        (
            Mistake("reduction_axis some_samples one_sample", ".sum((0, 2))", "[0].sum(1)"),
            Mistake("factor", ".sum((0, 2))", ".mean((0, 2))"),
            Mistake("region cut_path", "grad, weight[None, :, None] * grad)", "grad, torch.zeros_like(grad))"),
            Mistake("upstream_ignored", "x * grad)", "x)"),
            Mistake("factor", "return gx, gw", "return gx, -gw"),
        ),
    ),
    Piece(
        SwiGLU,
        (
            Mistake("swapped", "x.t() @ ga, x.t() @ gb", "x.t() @ gb, x.t() @ ga"),
            Mistake("cut_path", "ga @ w.t() + gb @ v.t()", "ga @ w.t()"),
            Mistake("cut_path", "s + a * s * (1 - s)", "s"),
            Mistake("operand_for_result", "gb = grad * a * s", "gb = grad * a"),
            Mistake("upstream_ignored factor_of_input", "gb = grad * a * s", "gb = a * s"),
        ),
    ),
    Piece(
        GegluPacked,
        (
            Mistake(
                "permuted transposed",
                "[grad * value * (cdf + gate * pdf), grad * gate * cdf]",
                "[grad * gate * cdf, grad * value * (cdf + gate * pdf)]",
            ),
            Mistake("region cut_path", "grad * gate * cdf]", "0 * grad * gate * cdf]"),
            Mistake("cut_path", "cdf + gate * pdf", "cdf"),
            Mistake("sign_of_term region", "cdf + gate * pdf", "cdf - gate * pdf"),
            Mistake("factor", "return torch.cat", "return 0.5 * torch.cat"),
        ),
    ),
    Piece(
        Snake,
        (
            Mistake("cut_path", "1 + s2", "s2"),
            Mistake("cut_path", "x * s2 / alpha - torch.sin(alpha * x) ** 2 / alpha**2", "x * s2 / alpha"),
            Mistake("sign_of_term", "x * s2 / alpha - torch", "x * s2 / alpha + torch"),
            Mistake("factor", "ga.sum(0)", "ga.mean(0)"),
            Mistake("one_sample some_samples region", "ga.sum(0)", "ga[1:].sum(0)"),
        ),
    ),
)
