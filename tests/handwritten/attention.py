"""Linear maps, attention and their surroundings."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch.autograd import Function

from handwritten.pieces import Mistake, Piece, normal


class Linear(Function):
    """As in torch's own notes on extending autograd."""

    @staticmethod
    def forward(ctx, x, weight, bias):
        ctx.save_for_backward(x, weight)
        return x @ weight.t() + bias

    @staticmethod
    def backward(ctx, grad):
        x, weight = ctx.saved_tensors
        return grad @ weight, grad.t() @ x, grad.sum(0)


class Bilinear(Function):
    @staticmethod
    def forward(ctx, x, w, y):
        ctx.save_for_backward(x, w, y)
        return torch.einsum("ni,ij,nj->n", x, w, y)

    @staticmethod
    def backward(ctx, grad):
        x, w, y = ctx.saved_tensors
        g = grad[:, None]
        return g * (y @ w.t()), (g * x).t() @ y, g * (x @ w)


class Attention(Function):
    """Heads first: (batch, heads, length, width)."""

    @staticmethod
    def forward(ctx, q, k, v):
        scale = 1 / math.sqrt(q.shape[-1])
        p = torch.softmax(q @ k.transpose(-1, -2) * scale, -1)
        ctx.save_for_backward(q, k, v, p)
        ctx.scale = scale
        return p @ v

    @staticmethod
    def backward(ctx, grad):
        q, k, v, p = ctx.saved_tensors
        gv = p.transpose(-1, -2) @ grad
        gp = grad @ v.transpose(-1, -2)
        gs = p * (gp - (gp * p).sum(-1, keepdim=True)) * ctx.scale
        return gs @ k, gs.transpose(-1, -2) @ q, gv


class CausalAttention(Function):
    @staticmethod
    def forward(ctx, q, k, v):
        length = q.shape[-2]
        hidden = torch.ones(length, length, dtype=torch.bool).triu(1)
        s = (q @ k.transpose(-1, -2)).masked_fill(hidden, float("-inf"))
        p = torch.softmax(s, -1)
        ctx.save_for_backward(q, k, v, p)
        return p @ v

    @staticmethod
    def backward(ctx, grad):
        q, k, v, p = ctx.saved_tensors
        gv = p.transpose(-1, -2) @ grad
        gp = grad @ v.transpose(-1, -2)
        gs = p * (gp - (gp * p).sum(-1, keepdim=True))
        gq = gs @ k
        gk = gs.transpose(-1, -2) @ q
        return gq, gk, gv


class RoPE(Function):
    @staticmethod
    def forward(ctx, x, cos, sin):
        ctx.save_for_backward(cos, sin)
        a, b = x.chunk(2, -1)
        return torch.cat([a * cos - b * sin, b * cos + a * sin], -1)

    @staticmethod
    def backward(ctx, grad):
        cos, sin = ctx.saved_tensors
        a, b = grad.chunk(2, -1)
        return torch.cat([a * cos + b * sin, b * cos - a * sin], -1), None, None


class Embedding(Function):
    """With an index of padding, whose row gets no gradient."""

    @staticmethod
    def forward(ctx, weight, index, padding):
        ctx.save_for_backward(index)
        ctx.rows, ctx.padding = weight.shape[0], padding
        return F.embedding(index, weight, padding)

    @staticmethod
    def backward(ctx, grad):
        (index,) = ctx.saved_tensors
        g = torch.zeros(ctx.rows, grad.shape[-1], dtype=grad.dtype)
        g.index_add_(0, index.reshape(-1), grad.reshape(-1, grad.shape[-1]))
        g[ctx.padding] = 0
        return g, None, None


class AddBias(Function):
    """Broadcast over batch and places."""

    @staticmethod
    def forward(ctx, x, bias):
        return x + bias[None, :, None]

    @staticmethod
    def backward(ctx, grad):
        return grad, grad.sum((0, 2))


class MixtureGate(Function):
    @staticmethod
    def forward(ctx, x, experts, gate):
        p = torch.softmax(gate, -1)
        y = torch.einsum("ni,eij->nej", x, experts)
        ctx.save_for_backward(x, experts, p, y)
        return (p[:, :, None] * y).sum(1)

    @staticmethod
    def backward(ctx, grad):
        x, experts, p, y = ctx.saved_tensors
        gy = p[:, :, None] * grad[:, None, :]
        gp = (y * grad[:, None, :]).sum(-1)
        gate = p * (gp - (p * gp).sum(-1, keepdim=True))
        return torch.einsum("nej,eij->ni", gy, experts), torch.einsum("ni,nej->eij", x, gy), gate


def sample_inputs():
    angles = torch.arange(5, dtype=torch.float64)[:, None] / torch.tensor([1.0, 10.0]).double()
    return {
        "Linear": (normal(4, 5), normal(3, 5), normal(3, seed=2)),
        "Bilinear": (normal(4, 3), normal(3, 3, seed=1), normal(4, 3, seed=2)),
        "Attention": (normal(2, 2, 4, 3), normal(2, 2, 4, 3, seed=1), normal(2, 2, 4, 3, seed=2)),
        "CausalAttention": (normal(2, 4, 3), normal(2, 4, 3, seed=1), normal(2, 4, 3, seed=2)),
        "RoPE": (normal(2, 5, 4), angles.cos(), angles.sin()),
        "Embedding": (normal(6, 3), torch.tensor([[1, 4, 0], [4, 2, 5]]), 0),
        "AddBias": (normal(3, 4, 2), normal(4)),
        "MixtureGate": (normal(4, 3), normal(2, 3, 3), normal(4, 2)),
    }


PIECES = (
    Piece(
        Linear,
        (
            Mistake("reduction_axis one_sample some_samples", "grad.sum(0)", "grad[0]"),
            Mistake("factor", "grad.sum(0)", "grad.mean(0)"),
            Mistake("factor", "grad.t() @ x,", "grad.t() @ x / x.shape[0],"),
            Mistake(
                "zero", "return grad @ weight, grad.t() @ x, grad.sum(0)", "return grad @ weight, grad.t() @ x, None"
            ),
            Mistake(
                "upstream_modified",
                "return grad @ weight, grad.t() @ x, grad.sum(0)",
                "out = grad @ weight, grad.t() @ x, grad.sum(0)\n        grad.zero_()\n        return out",
            ),
        ),
    ),
    Piece(
        Bilinear,
        (
            Mistake("transposed", "(g * x).t() @ y", "y.t() @ (g * x)"),
            Mistake("transposed", "y @ w.t()", "y @ w"),
            Mistake(
                "swapped",
                "return g * (y @ w.t()), (g * x).t() @ y, g * (x @ w)",
                "return g * (x @ w), (g * x).t() @ y, g * (y @ w.t())",
            ),
            Mistake("upstream_ignored", "(g * x).t() @ y", "x.t() @ y"),
            Mistake("upstream_not_linear", "g * (x @ w)", "g * g * (x @ w)"),
        ),
    ),
    Piece(
        Attention,
        (
            Mistake("factor", " * ctx.scale\n", "\n"),
            Mistake("cut_path", "gp - (gp * p).sum(-1, keepdim=True)", "gp"),
            Mistake(
                "swapped", "return gs @ k, gs.transpose(-1, -2) @ q, gv", "return gs.transpose(-1, -2) @ q, gs @ k, gv"
            ),
            Mistake("transposed", "gs.transpose(-1, -2) @ q", "gs @ q"),
            Mistake(
                "region one_sample",
                "return gs @ k,",
                "gv = torch.cat([gv[:, :1], 0 * gv[:, 1:]], 1)\n        return gs @ k,",
            ),
        ),
    ),
    Piece(
        CausalAttention,
        (
            Mistake(
                "region",
                "gk = gs.transpose(-1, -2) @ q",
                "gk = gs.transpose(-1, -2) @ q\n        gk = torch.cat([gk[:, :3], 0 * gk[:, 3:]], 1)",
            ),
            Mistake("cut_path", "gp - (gp * p).sum(-1, keepdim=True)", "gp"),
            Mistake("transposed", "gv = p.transpose(-1, -2) @ grad", "gv = p @ grad"),
            Mistake("factor", "gq = gs @ k", "gq = gs @ k / 3**0.5"),
            Mistake("swapped", "return gq, gk, gv", "return gk, gq, gv"),
        ),
    ),
    Piece(
        RoPE,
        (
            Mistake("sign_of_term", "a * cos + b * sin, b * cos - a * sin", "a * cos - b * sin, b * cos + a * sin"),
            Mistake("sign_of_term", "b * cos - a * sin], -1), None", "b * cos + a * sin], -1), None"),
            Mistake(
                "permuted transposed",
                "[a * cos + b * sin, b * cos - a * sin]",
                "[b * cos - a * sin, a * cos + b * sin]",
            ),
            Mistake("cut_path", "a * cos + b * sin,", "a * cos,"),
            Mistake("region cut_path", "b * cos - a * sin], -1), None", "0 * b], -1), None"),
        ),
    ),
    Piece(
        Embedding,
        (
            Mistake("region", "        g[ctx.padding] = 0\n", ""),
            Mistake(
                "overwritten",
                "g.index_add_(0, index.reshape(-1), grad.reshape(-1, grad.shape[-1]))",
                "g[index.reshape(-1)] = grad.reshape(-1, grad.shape[-1])",
            ),
            Mistake("region one_sample", "g[ctx.padding] = 0", "g[ctx.padding] = 0\n        g[5] = 0"),
            Mistake("factor", "return g, None", "return g / 2, None"),
            Mistake("permuted transposed", "index.reshape(-1), grad", "index.reshape(-1).flip(0), grad"),
        ),
    ),
    Piece(
        AddBias,
        (
            Mistake("factor", "grad.sum((0, 2))", "grad.mean((0, 2))"),
            Mistake("factor", "grad.sum((0, 2))", "grad.mean(2).sum(0)"),
            Mistake("reduction_axis some_samples one_sample", "grad.sum((0, 2))", "grad[0].sum(1)"),
            Mistake("upstream_ignored", "grad.sum((0, 2))", "torch.full((4,), 6.0).double()"),
            Mistake("precision wrong_dtype", "grad.sum((0, 2))", "grad.sum((0, 2)).float()"),
        ),
    ),
    Piece(
        MixtureGate,
        (
            Mistake("local_slope", "p * (gp - (p * gp).sum(-1, keepdim=True))", "gp"),
            Mistake("cut_path", "p * (gp - (p * gp).sum(-1, keepdim=True))", "p * gp"),
            Mistake(
                "local_slope factor_of_input cut_path",
                "gy = p[:, :, None] * grad[:, None, :]",
                "gy = grad[:, None, :].expand_as(y)",
            ),
            Mistake("transposed", "x, gy), gate", "x, gy).transpose(1, 2), gate"),
            Mistake("region", "x, gy), gate", "x, gy) * torch.tensor([1.0, 0.0])[:, None, None], gate"),
        ),
    ),
)
