"""Layers of networks."""

from __future__ import annotations

import torch
from torch.autograd import Function

from benchmarks.unseen.plants import normal, plant


class MaskedHeads(Function):
    @staticmethod
    def forward(ctx, q, k, v, mask):
        scale = q.shape[-1] ** -0.5
        s = (q @ k.transpose(-1, -2)) * scale
        p = torch.softmax(s.masked_fill(~mask, float("-inf")), -1)
        ctx.save_for_backward(q, k, v, p)
        ctx.scale = scale
        return p @ v

    @staticmethod
    def backward(ctx, grad):
        q, k, v, p = ctx.saved_tensors
        gv = p.transpose(-1, -2) @ grad
        gp = grad @ v.transpose(-1, -2)
        gs = p * (gp - (gp * p).sum(-1, keepdim=True)) * ctx.scale
        return gs @ k, gs.transpose(-1, -2) @ q, gv, None


class ChannelNorm(Function):
    @staticmethod
    def forward(ctx, x, gain, shift):
        mu = x.mean(1, keepdim=True)
        centred = x - mu
        std = torch.sqrt(centred.pow(2).mean(1, keepdim=True) + 1e-2)
        y = centred / std
        ctx.save_for_backward(centred, std, gain)
        return gain[:, None] * y + shift[:, None]

    @staticmethod
    def backward(ctx, grad):
        centred, std, gain = ctx.saved_tensors
        y = centred / std
        gy = grad * gain[:, None]
        gx = (gy - gy.mean(1, keepdim=True) - y * (gy * y).mean(1, keepdim=True)) / std
        return gx, (grad * y).sum((0, 2)), grad.sum((0, 2))


class InterleavedRotary(Function):
    @staticmethod
    def forward(ctx, x, angle):
        cos, sin = angle.cos(), angle.sin()
        even, odd = x[..., ::2], x[..., 1::2]
        ctx.save_for_backward(cos, sin)
        return torch.stack([even * cos - odd * sin, even * sin + odd * cos], -1).flatten(-2)

    @staticmethod
    def backward(ctx, grad):
        cos, sin = ctx.saved_tensors
        g_even, g_odd = grad[..., ::2], grad[..., 1::2]
        return torch.stack([g_even * cos + g_odd * sin, g_odd * cos - g_even * sin], -1).flatten(-2), None


class GainRMSNorm(Function):
    @staticmethod
    def forward(ctx, x, w):
        r = torch.rsqrt((x * x).mean(-1, keepdim=True) + 1e-3)
        ctx.save_for_backward(x, w, r)
        return x * r * (1 + w)

    @staticmethod
    def backward(ctx, grad):
        x, w, r = ctx.saved_tensors
        g = grad * (1 + w)
        gx = r * g - r**3 * x * (g * x).mean(-1, keepdim=True)
        gw = (grad * x * r).sum(0)
        return gx, gw


class SigmoidGLU(Function):
    @staticmethod
    def forward(ctx, x, w, b):
        h = x @ w.t() + b
        value, gate = h.chunk(2, -1)
        s = torch.sigmoid(gate)
        ctx.save_for_backward(x, w, value, s)
        return value * s

    @staticmethod
    def backward(ctx, grad):
        x, w, value, s = ctx.saved_tensors
        gh = torch.cat([grad * s, grad * value * s * (1 - s)], -1)
        return gh @ w, gh.t() @ x, gh.sum(0)


class LowRank(Function):
    @staticmethod
    def forward(ctx, x, w, a, b, scale):
        ctx.save_for_backward(x, w, a, b)
        ctx.scale = scale
        return x @ w + (x @ a) @ b * scale

    @staticmethod
    def backward(ctx, g):
        x, w, a, b = ctx.saved_tensors
        gh = g @ b.t() * ctx.scale
        gx = g @ w.t() + gh @ a.t()
        return gx, x.t() @ g, x.t() @ gh, (x @ a).t() @ g * ctx.scale, None


class Squash(Function):
    @staticmethod
    def forward(ctx, v):
        n2 = (v * v).sum(-1, keepdim=True)
        ctx.save_for_backward(v, n2)
        return v * torch.sqrt(n2) / (1 + n2)

    @staticmethod
    def backward(ctx, g):
        v, n2 = ctx.saved_tensors
        n = torch.sqrt(n2)
        slope = (1 - n2) / (2 * n * (1 + n2) ** 2)
        return g * n / (1 + n2) + 2 * v * slope * (g * v).sum(-1, keepdim=True)


def sample_inputs():
    """The arguments of each function above, by its name."""
    lower = torch.ones(5, 5, dtype=torch.bool).tril()
    return {
        "MaskedHeads": (normal(2, 2, 5, 3), normal(2, 2, 5, 3, seed=1), normal(2, 2, 5, 3, seed=2), lower),
        "ChannelNorm": (normal(3, 4, 5), normal(4), normal(4, seed=1)),
        "InterleavedRotary": (normal(3, 6), normal(3, 3, grad=False)),
        "GainRMSNorm": (normal(4, 6), normal(6)),
        "SigmoidGLU": (normal(4, 3), normal(10, 3), normal(10)),
        "LowRank": (normal(4, 5), normal(5, 3), normal(5, 2), normal(2, 3), 0.25),
        "Squash": (normal(4, 5),),
    }


PLANTED = (
    plant("MaskedHeads", "factor", "keepdim=True)) * ctx.scale", "keepdim=True))", "√3"),
    plant(
        "MaskedHeads", "reduction_axis", "(gp * p).sum(-1, keepdim=True)", "(gp * p).sum(-2, keepdim=True)", "axis|axes"
    ),
    plant("MaskedHeads", "transposed", "gs.transpose(-1, -2) @ q", "gs @ q", "transpose"),
    plant(
        "ChannelNorm",
        "wrong_constant factor_of_input scaled_path wrong_slope",
        "y = centred / std\n        gy",
        "std = torch.sqrt(std**2 - 1e-2) + 1e-2\n        y = centred / std\n        gy",
        "1e-02|0.01|eps|sqrt",
    ),
    plant("ChannelNorm", "cut_path", " - gy.mean(1, keepdim=True)", "", "mean"),
    plant(
        "ChannelNorm", "reduction_axis", "(gy * y).mean(1, keepdim=True)", "(gy * y).mean(2, keepdim=True)", "axis|axes"
    ),
    plant("InterleavedRotary", "sign_of_term", "g_even * cos + g_odd * sin", "g_even * cos - g_odd * sin", "odd"),
    plant("InterleavedRotary", "permuted transposed", "-1).flatten(-2), None", "-2).flatten(-2), None", "order|axis"),
    plant("GainRMSNorm", "cut_path wrong_constant scaled_path", "g = grad * (1 + w)", "g = grad * w", "1"),
    plant("GainRMSNorm", "factor_of_input", "(grad * x * r).sum(0)", "(grad * x).sum(0)", "r|rsqrt"),
    plant("GainRMSNorm", "factor_of_input wrong_slope", "r**3 * x", "r**2 * x", "rsqrt|mean"),
    plant("SigmoidGLU", "wrong_slope", "s * (1 - s)", "s", "sigmoid"),
    plant("SigmoidGLU", "factor", "gh.sum(0)", "gh.mean(0)", "axis 0"),
    plant(
        "SigmoidGLU",
        "swapped transposed",
        "torch.cat([grad * s, grad * value * s * (1 - s)], -1)",
        "torch.cat([grad * value * s * (1 - s), grad * s], -1)",
        "halves|exchanged",
    ),
    plant("LowRank", "factor", "x.t() @ gh, (x @ a).t() @ g * ctx.scale", "x.t() @ gh, (x @ a).t() @ g", "4"),
    plant("LowRank", "scaled_path", "gh @ a.t()", "gh @ a.t() / ctx.scale", "4"),
    plant("LowRank", "cut_path", " + gh @ a.t()", "", "x @ a"),
    plant("Squash", "cut_path", " + 2 * v * slope * (g * v).sum(-1, keepdim=True)", "", "n2"),
    plant(
        "Squash",
        "factor_of_input wrong_slope scaled_path",
        "(1 - n2) / (2 * n * (1 + n2) ** 2)",
        "(1 - n2) / (2 * (1 + n2) ** 2)",
        "sqrt|n",
    ),
    plant("Squash", "reduction_axis", "(g * v).sum(-1, keepdim=True)", "(g * v).sum(0, keepdim=True)", "axis"),
)
