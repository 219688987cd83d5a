"""Softmax and its kin."""

from __future__ import annotations

import torch
from torch.autograd import Function

from handwritten.pieces import Mistake, Piece, normal


class Softmax(Function):
    @staticmethod
    def forward(ctx, x):
        e = torch.exp(x - x.max(-1, keepdim=True).values)
        y = e / e.sum(-1, keepdim=True)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx, grad):
        (y,) = ctx.saved_tensors
        return y * (grad - (grad * y).sum(-1, keepdim=True))


class LogSoftmax(Function):
    @staticmethod
    def forward(ctx, x):
        y = torch.log_softmax(x, -1)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx, grad):
        (y,) = ctx.saved_tensors
        return grad - y.exp() * grad.sum(-1, keepdim=True)


class LogSumExp(Function):
    @staticmethod
    def forward(ctx, x):
        y = torch.logsumexp(x, 1)
        ctx.save_for_backward(x, y)
        return y

    @staticmethod
    def backward(ctx, grad):
        x, y = ctx.saved_tensors
        return grad[:, None] * torch.exp(x - y[:, None])


class Sparsemax(Function):
    """Martins and Astudillo 2016."""

    @staticmethod
    def forward(ctx, x):
        z, _ = torch.sort(x, dim=-1, descending=True)
        k = torch.arange(1, x.shape[-1] + 1, dtype=x.dtype)
        sums = z.cumsum(-1)
        support = 1 + k * z > sums
        size = support.sum(-1, keepdim=True)
        tau = (sums.gather(-1, size - 1) - 1) / size.to(x.dtype)
        y = torch.clamp(x - tau, min=0)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx, grad):
        (y,) = ctx.saved_tensors
        support = (y > 0).to(grad.dtype)
        mean = (grad * support).sum(-1, keepdim=True) / support.sum(-1, keepdim=True)
        return support * (grad - mean)


class Entmax15(Function):
    """Peters, Niculae and Martins 2019, α = 1.5, by its exact algorithm."""

    @staticmethod
    def forward(ctx, x):
        x = x / 2
        z, _ = torch.sort(x, dim=-1, descending=True)
        k = torch.arange(1, x.shape[-1] + 1, dtype=x.dtype)
        mean = z.cumsum(-1) / k
        mean_square = (z * z).cumsum(-1) / k
        delta = torch.clamp((1 - k * (mean_square - mean * mean)) / k, min=0)
        tau = mean - torch.sqrt(delta)
        size = (tau <= z).sum(-1, keepdim=True)
        y = torch.clamp(x - tau.gather(-1, size - 1), min=0) ** 2
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx, grad):
        (y,) = ctx.saved_tensors
        root = y.sqrt()
        gx = grad * root
        q = gx.sum(-1, keepdim=True) / root.sum(-1, keepdim=True)
        return gx - q * root


class GumbelSoftmax(Function):
    """At a temperature, with the noise given."""

    @staticmethod
    def forward(ctx, logits, noise, temperature):
        y = torch.softmax((logits + noise) / temperature, -1)
        ctx.save_for_backward(y)
        ctx.temperature = temperature
        return y

    @staticmethod
    def backward(ctx, grad):
        (y,) = ctx.saved_tensors
        inner = y * (grad - (grad * y).sum(-1, keepdim=True))
        return inner / ctx.temperature, None, None


class Sinkhorn(Function):
    """Rows and columns normalised in turn, three times, in logarithms; the backward goes through the kept steps."""

    @staticmethod
    def forward(ctx, x):
        steps = []
        for _ in range(3):
            x = x - torch.logsumexp(x, 1, keepdim=True)
            steps.append(x)
            x = x - torch.logsumexp(x, 0, keepdim=True)
            steps.append(x)
        ctx.save_for_backward(*steps)
        return x.exp()

    @staticmethod
    def backward(ctx, grad):
        steps = ctx.saved_tensors
        g = grad * steps[-1].exp()
        for i in reversed(range(3)):
            g = g - steps[2 * i + 1].exp() * g.sum(0, keepdim=True)
            g = g - steps[2 * i].exp() * g.sum(1, keepdim=True)
        return g


class MaskedSoftmax(Function):
    @staticmethod
    def forward(ctx, x, mask):
        y = torch.softmax(x.masked_fill(~mask, -1e9), -1)
        y = y * mask
        ctx.save_for_backward(y, mask)
        return y

    @staticmethod
    def backward(ctx, grad):
        y, mask = ctx.saved_tensors
        gx = y * (grad - (grad * y).sum(-1, keepdim=True))
        return gx * mask, None


def sample_inputs():
    return {
        "Softmax": (normal(4, 6),),
        "LogSoftmax": (normal(4, 6),),
        "LogSumExp": (normal(4, 6),),
        "Sparsemax": (normal(4, 6),),
        "Entmax15": (normal(4, 6),),
        "GumbelSoftmax": (normal(3, 5), normal(3, 5, seed=3, grad=False), 0.5),
        "Sinkhorn": (normal(4, 4),),
        "MaskedSoftmax": (normal(3, 4), torch.tensor([[1, 1, 0, 1], [1, 0, 1, 1], [1, 1, 1, 1]], dtype=torch.bool)),
    }


PIECES = (
    Piece(
        Softmax,
        (
            Mistake("cut_path", "y * (grad - (grad * y).sum(-1, keepdim=True))", "y * grad"),
            Mistake("sign_of_term", "y * (grad - (grad * y)", "y * (grad + (grad * y)"),
            Mistake("factor", "return y *", "return -y *"),
            Mistake(
                "upstream_ignored zero",
                "y * (grad - (grad * y).sum(-1, keepdim=True))",
                "y * (1 - y.sum(-1, keepdim=True))",
            ),
            Mistake("diagonal", "y * (grad - (grad * y).sum(-1, keepdim=True))", "y * (1 - y) * grad"),
        ),
    ),
    Piece(
        LogSoftmax,
        (
            Mistake("cut_path", "grad - y.exp() * grad.sum(-1, keepdim=True)", "grad"),
            Mistake("unexplained", "y.exp() * grad.sum", "y * grad.sum"),
            Mistake("sign_of_term", "grad - y", "grad + y"),
            Mistake("scaled_path", "grad.sum(-1, keepdim=True)", "grad.mean(-1, keepdim=True)"),
            Mistake("saved_overwritten", "grad - y.exp() *", "grad - y.exp_() *"),
        ),
    ),
    Piece(
        LogSumExp,
        (
            Mistake("upstream_ignored", "grad[:, None] * torch.exp", "torch.exp"),
            Mistake("factor_of_input", "torch.exp(x - y[:, None])", "torch.exp(x)"),
            Mistake("factor", "return grad", "return grad.shape[0] * grad"),
            Mistake("upstream_ignored", "grad[:, None] *", "grad.sum() *"),
            Mistake("upstream_ignored", "grad[:, None] *", "grad.mean() *"),
        ),
    ),
    Piece(
        Sparsemax,
        (
            Mistake("cut_path", "support * (grad - mean)", "support * grad"),
            Mistake("wrong_slope", "/ support.sum(-1, keepdim=True)", "/ grad.shape[-1]"),
            Mistake("region", "support * (grad - mean)", "(grad - mean)"),
            Mistake("sign_of_term", "grad - mean", "grad + mean"),
            Mistake("unexplained", "(grad * support).sum", "(grad).sum"),
        ),
    ),
    Piece(
        Entmax15,
        (
            Mistake("cut_path", "gx - q * root", "gx"),
            Mistake("factor", "gx - q * root", "(gx - q * root) / 2"),
            Mistake("unexplained", "root = y.sqrt()", "root = y"),
            Mistake("sign_of_term", "gx - q", "gx + q"),
            Mistake("scaled_path axis_term", "/ root.sum(-1, keepdim=True)", ""),
        ),
    ),
    Piece(
        GumbelSoftmax,
        (
            Mistake("factor", "inner / ctx.temperature", "inner"),
            Mistake("factor", "inner / ctx.temperature", "inner * ctx.temperature"),
            Mistake("cut_path", "y * (grad - (grad * y).sum(-1, keepdim=True))", "y * grad"),
            Mistake("reduction_axis", "sum(-1, keepdim=True))", "sum(0, keepdim=True))"),
            Mistake("upstream_modified", "inner = y", "grad.mul_(2)\n        inner = y"),
        ),
    ),
    Piece(
        Sinkhorn,
        (
            Mistake(
                "cut_path",
                "range(3)):\n            g = g - steps",
                "range(1, 3)):\n            g = g - steps",
            ),
            Mistake("local_slope", "g = grad * steps[-1].exp()", "g = grad"),
            Mistake(
                "transposed unexplained",
                "g = g - steps[2 * i + 1].exp() * g.sum(0, keepdim=True)",
                "g = g - steps[2 * i + 1].exp() * g.sum(1, keepdim=True)",
            ),
            Mistake("unexplained", "g - steps[2 * i].exp() * g.sum(1, keepdim=True)", "g"),
            Mistake("factor", "return g\n", "return 0.5 * g\n"),
        ),
    ),
    Piece(
        MaskedSoftmax,
        (
            Mistake("zero mask_inverted", "gx * mask", "gx * ~mask"),
            Mistake("cut_path", "y * (grad - (grad * y).sum(-1, keepdim=True))", "y * grad"),
            Mistake("factor", "return gx", "return 2 * gx"),
            Mistake("inputs_modified", "return gx * mask, None", "mask.fill_(True)\n        return gx * mask, None"),
            Mistake("not_deterministic", "return gx * mask", "return gx * mask * torch.rand(())"),
        ),
    ),
)
