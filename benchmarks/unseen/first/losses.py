"""Losses and similarities."""

from __future__ import annotations

import torch
from torch.autograd import Function

from benchmarks.unseen.plants import normal, plant


class RowCosine(Function):
    @staticmethod
    def forward(ctx, x, y):
        nx, ny = x.norm(dim=1, keepdim=True), y.norm(dim=1, keepdim=True)
        cos = (x * y).sum(1, keepdim=True) / (nx * ny)
        ctx.save_for_backward(x, y, nx, ny, cos)
        return cos[:, 0]

    @staticmethod
    def backward(ctx, grad):
        x, y, nx, ny, cos = ctx.saved_tensors
        g = grad[:, None]
        gx = g * (y / (nx * ny) - cos * x / nx**2)
        gy = g * (x / (nx * ny) - cos * y / ny**2)
        return gx, gy


class NTXent(Function):
    @staticmethod
    def forward(ctx, a, b, tau):
        z = torch.cat([a, b]) / torch.cat([a, b]).norm(dim=1, keepdim=True)
        n = len(a)
        s = z @ z.t() / tau
        s = s - 1e3 * torch.eye(2 * n, dtype=a.dtype)
        partner = torch.arange(2 * n).roll(n)
        p = torch.softmax(s, 1)
        loss = -(torch.log_softmax(s, 1)[torch.arange(2 * n), partner]).mean()
        ctx.save_for_backward(a, b, z, p)
        ctx.tau = tau
        return loss

    @staticmethod
    def backward(ctx, grad):
        a, b, z, p = ctx.saved_tensors
        n = len(a)
        one_hot = torch.eye(2 * n, dtype=a.dtype).roll(n, 0)
        gs = (p - one_hot) / (2 * n) / ctx.tau
        gz = gs @ z + gs.t() @ z
        norm = torch.cat([a, b]).norm(dim=1, keepdim=True)
        gz = (gz - z * (gz * z).sum(1, keepdim=True)) / norm
        return grad * gz[:n], grad * gz[n:], None


class Tversky(Function):
    @staticmethod
    def forward(ctx, logits, target, alpha, beta):
        p = torch.sigmoid(logits)
        tp, fp, fn = (p * target).sum(1), (p * (1 - target)).sum(1), ((1 - p) * target).sum(1)
        top, bottom = tp + 1, tp + alpha * fp + beta * fn + 1
        ctx.save_for_backward(p, target, top, bottom)
        ctx.alpha, ctx.beta = alpha, beta
        return (1 - top / bottom).mean()

    @staticmethod
    def backward(ctx, grad):
        p, t, top, bottom = ctx.saved_tensors
        g_bottom = t + ctx.alpha * (1 - t) - ctx.beta * t
        ratio = t / bottom[:, None] - g_bottom * (top / bottom**2)[:, None]
        return -grad * ratio * p * (1 - p) / len(p), None, None, None


class Pinball(Function):
    @staticmethod
    def forward(ctx, prediction, target, q):
        r = target - prediction
        ctx.save_for_backward(r)
        ctx.q = q
        return torch.where(r > 0, q * r, (q - 1) * r).mean()

    @staticmethod
    def backward(ctx, grad):
        (r,) = ctx.saved_tensors
        g = (r <= 0).double() - ctx.q
        return grad * g / r.numel(), None, None


class LogCosh(Function):
    @staticmethod
    def forward(ctx, x, y, w):
        d = (x - y) * w
        ctx.save_for_backward(x, y, w, d)
        return torch.log(torch.cosh(d)).sum(1)

    @staticmethod
    def backward(ctx, grad):
        x, y, w, d = ctx.saved_tensors
        g = grad[:, None] * torch.tanh(d)
        return g * w, -g * w, (g * (x - y)).sum(0)


class PseudoHuber(Function):
    @staticmethod
    def forward(ctx, r, delta):
        root = torch.sqrt(1 + (r / delta) ** 2)
        ctx.save_for_backward(r, root)
        ctx.delta = delta
        return (delta**2 * (root - 1)).mean(1)

    @staticmethod
    def backward(ctx, g):
        r, root = ctx.saved_tensors
        return g[:, None] * r / root / r.shape[1], None


def sample_inputs():
    """The arguments of each function above, by its name."""
    return {
        "RowCosine": (normal(4, 5), normal(4, 5, seed=1)),
        "NTXent": (normal(4, 3), normal(4, 3, seed=1), 0.5),
        "Tversky": (normal(3, 7), (normal(3, 7, seed=1, grad=False) > 0).double(), 0.3, 0.7),
        "Pinball": (normal(4, 5), normal(4, 5, seed=1, grad=False), 0.2),
        "LogCosh": (normal(4, 5), normal(4, 5, seed=1), normal(5)),
        "PseudoHuber": (normal(4, 5), 1.5),
    }


PLANTED = (
    plant(
        "RowCosine",
        "wrong_operand",
        "g * (y / (nx * ny) - cos * x / nx**2)",
        "g * (y / (nx * ny) - cos * y / nx**2)",
        "y",
    ),
    plant("RowCosine", "factor_of_input wrong_slope wrong_operand", "cos * y / ny**2", "cos * y / nx**2", "norm"),
    plant("RowCosine", "factor_of_input wrong_slope", "- cos * x / nx**2", "- cos * x / nx", "norm"),
    plant("NTXent", "factor", " / (2 * n) / ctx.tau", " / (2 * n)", "1/2|2"),
    plant("NTXent", "cut_path", "gz = gs @ z + gs.t() @ z", "gz = gs @ z", "z"),
    plant("NTXent", "cut_path", "(gz - z * (gz * z).sum(1, keepdim=True)) / norm", "gz / norm", "norm"),
    plant(
        "Tversky",
        "wrong_constant scaled_path",
        "ctx.alpha * (1 - t) - ctx.beta * t",
        "ctx.beta * (1 - t) - ctx.beta * t",
        "0.3|7/3|2.33",
    ),
    plant("Tversky", "factor_of_input wrong_slope", "(top / bottom**2)", "(top / bottom)", "bottom"),
    plant("Tversky", "cut_path", "t + ctx.alpha", "ctx.alpha", "tp"),
    plant(
        "Pinball", "mask_inverted region", "(r <= 0).double() - ctx.q", "(r > 0).double() - ctx.q", "invert|condition|q"
    ),
    plant("Pinball", "factor", " / r.numel()", " / len(r)", "axis 1"),
    plant("LogCosh", "local_slope wrong_slope operand_for_result", "torch.tanh(d)", "d", "cosh|log"),
    plant("LogCosh", "factor_of_input", "return g * w,", "return g,", "\\bw\\b"),
    plant("LogCosh", "upstream_ignored", "(g * (x - y)).sum(0)", "(torch.tanh(d) * (x - y)).sum(0)", "ignored"),
    plant("PseudoHuber", "factor_of_input wrong_slope", "* r / root /", "* r /", "root|sqrt"),
    plant("PseudoHuber", "wrong_slope local_slope", "g[:, None] * r / root", "g[:, None] * root", "r|sqrt"),
)
