"""Layers of models: norms of weights, convolutions, attention, gates."""

from __future__ import annotations

import torch
from torch.autograd import Function
from torch.nn import functional

from benchmarks.unseen.plants import normal, plant


class WeightNorm(Function):
    @staticmethod
    def forward(ctx, x, v, s):
        n = v.norm(dim=1, keepdim=True)
        w = s[:, None] * v / n
        ctx.save_for_backward(x, v, s, n, w)
        return x @ w.t()

    @staticmethod
    def backward(ctx, g):
        x, v, s, n, w = ctx.saved_tensors
        gw = g.t() @ x
        gv = s[:, None] / n * (gw - v * (gw * v).sum(1, keepdim=True) / n**2)
        return g @ w, gv, (gw * v / n).sum(1)


class SpectralLinear(Function):
    @staticmethod
    def forward(ctx, x, w, u, v):
        sigma = u @ w @ v
        y = x @ w.t() / sigma
        ctx.save_for_backward(x, w, u, v, sigma, y)
        return y

    @staticmethod
    def backward(ctx, g):
        x, w, u, v, sigma, y = ctx.saved_tensors
        gw = g.t() @ x / sigma - (g * y).sum() / sigma * torch.outer(u, v)
        return g @ w / sigma, gw, None, None


class PixelShuffleConv(Function):
    @staticmethod
    def forward(ctx, x, w, r):
        ctx.save_for_backward(x, w)
        ctx.r = r
        return functional.pixel_shuffle(torch.einsum("oc,nchw->nohw", w, x), r)

    @staticmethod
    def backward(ctx, g):
        x, w = ctx.saved_tensors
        g = functional.pixel_unshuffle(g, ctx.r)
        return torch.einsum("oc,nohw->nchw", w, g), torch.einsum("nohw,nchw->oc", g, x), None


class AlibiAttention(Function):
    @staticmethod
    def forward(ctx, q, k, v, slopes, dist):
        scale = q.shape[-1] ** -0.5
        s = q @ k.mT * scale - slopes[:, None, None] * dist
        p = torch.softmax(s.masked_fill(dist < 0, float("-inf")), -1)
        ctx.save_for_backward(q, k, v, dist, p)
        ctx.scale = scale
        return p @ v

    @staticmethod
    def backward(ctx, g):
        q, k, v, dist, p = ctx.saved_tensors
        gp = g @ v.mT
        gs = p * (gp - (gp * p).sum(-1, keepdim=True))
        gslopes = -(gs * dist).sum((1, 2))
        return gs @ k * ctx.scale, gs.mT @ q * ctx.scale, p.mT @ g, gslopes, None


class TopKGate(Function):
    @staticmethod
    def forward(ctx, x, w, experts, k):
        values, chosen = (x @ w).topk(k, 1)
        p, e = torch.softmax(values, 1), experts.gather(1, chosen)
        ctx.save_for_backward(x, w, e, p, chosen)
        return (p * e).sum(1)

    @staticmethod
    def backward(ctx, g):
        x, w, e, p, chosen = ctx.saved_tensors
        gp = g[:, None] * e
        gv = p * (gp - (p * gp).sum(1, keepdim=True))
        gl = torch.zeros(len(x), w.shape[1], dtype=x.dtype).scatter(1, chosen, gv)
        ge = torch.zeros_like(gl).scatter(1, chosen, g[:, None] * p)
        return gl @ w.t(), x.t() @ gl, ge, None


class ChebyshevConv(Function):
    @staticmethod
    def forward(ctx, x, laplacian, w):
        t1 = laplacian @ x
        t2 = 2 * (laplacian @ t1) - x
        ctx.save_for_backward(x, t1, t2, laplacian, w)
        return x @ w[0] + t1 @ w[1] + t2 @ w[2]

    @staticmethod
    def backward(ctx, g):
        x, t1, t2, laplacian, w = ctx.saved_tensors
        g2 = g @ w[2].t()
        g1 = g @ w[1].t() + 2 * laplacian.t() @ g2
        gx = g @ w[0].t() - g2 + laplacian.t() @ g1
        return gx, None, torch.stack([x.t() @ g, t1.t() @ g, t2.t() @ g])


def turned(x, angle):
    """Pairs of entries rotated by angles."""
    a, b = x.chunk(2, -1)
    c, s = torch.cos(angle), torch.sin(angle)
    return torch.cat([a * c - b * s, a * s + b * c], -1)


class AxialRotary(Function):
    @staticmethod
    def forward(ctx, x, frequency):
        rows = torch.arange(x.shape[0], dtype=x.dtype)[:, None, None] * frequency
        columns = torch.arange(x.shape[1], dtype=x.dtype)[:, None] * frequency
        u, v = x.chunk(2, -1)
        y = torch.cat([turned(u, rows), turned(v, columns)], -1)
        ctx.save_for_backward(y, rows, columns, frequency)
        return y

    @staticmethod
    def backward(ctx, g):
        y, rows, columns, _ = ctx.saved_tensors
        gu, gv = g.chunk(2, -1)
        ua, ub, va, vb = y.chunk(4, -1)
        gua, gub, gva, gvb = g.chunk(4, -1)
        by_row = (gub * ua - gua * ub).sum(1)
        by_column = (gvb * va - gva * vb).sum(0)
        gf = torch.arange(y.shape[0], dtype=g.dtype) @ by_row + torch.arange(y.shape[1], dtype=g.dtype) @ by_column
        gx = torch.cat([turned(gu, -rows), turned(gv, -columns)], -1)
        return gx, gf


def sample_inputs():
    """The arguments of each function above, by its name."""
    place = torch.arange(5)
    return {
        "WeightNorm": (normal(4, 3), normal(5, 3), normal(5)),
        "SpectralLinear": (normal(4, 3), normal(5, 3), normal(5, grad=False), normal(3, grad=False)),
        "PixelShuffleConv": (normal(2, 3, 4, 3), normal(8, 3), 2),
        "AlibiAttention": (
            normal(2, 5, 3),
            normal(2, 5, 3, seed=1),
            normal(2, 5, 3, seed=2),
            normal(2),
            (place[:, None] - place).double(),
        ),
        "TopKGate": (normal(5, 3), normal(3, 6), normal(5, 6), 3),
        "ChebyshevConv": (normal(5, 3), normal(5, 5, grad=False), normal(3, 3, 2)),
        "AxialRotary": (normal(4, 5, 8), normal(2)),
    }


PLANTED = (
    plant("WeightNorm", "cut_path", "(gw - v * (gw * v).sum(1, keepdim=True) / n**2)", "gw", "norm"),
    plant("WeightNorm", "factor_of_input wrong_slope", " / n**2)", " / n)", "norm"),
    plant("WeightNorm", "factor", "(gw * v / n).sum(1)", "(gw * v / n).mean(1)", "axis 1"),
    plant("SpectralLinear", "cut_path", " - (g * y).sum() / sigma * torch.outer(u, v)", "", "sigma|u @ w"),
    plant(
        "SpectralLinear",
        "factor_of_input wrong_slope wrong_operand",
        "(g * y).sum() / sigma *",
        "(g * y).sum() / sigma**2 *",
        "sigma|u @ w|u @ w @ v",
    ),
    plant("SpectralLinear", "sign_of_term", "/ sigma - (g * y)", "/ sigma + (g * y)", "sign"),
    plant(
        "PixelShuffleConv",
        "permuted transposed local_slope",
        "functional.pixel_unshuffle(g, ctx.r)",
        "g.reshape(len(x), len(w), *x.shape[2:])",
        "order|pixel_shuffle",
    ),
    plant("PixelShuffleConv", "factor", '"nohw,nchw->oc", g, x)', '"nohw,nchw->oc", g, x) / len(x)', "axis 0"),
    plant(
        "PixelShuffleConv",
        "transposed",
        "        return torch.einsum",
        "        w = w.flip(1)\n        return torch.einsum",
        "revers|axis 1",
    ),
    plant("AlibiAttention", "reduction_axis", "(gp * p).sum(-1, keepdim=True)", "(gp * p).sum(1, keepdim=True)", "ax"),
    plant("AlibiAttention", "factor", "gs.mT @ q * ctx.scale", "gs.mT @ q", "√3|scale"),
    plant("AlibiAttention", "factor", "-(gs * dist)", "(gs * dist)", "sign"),
    plant(
        "TopKGate",
        "permuted region transposed wrong_operand local_slope",
        "gl = torch.zeros(len(x), w.shape[1], dtype=x.dtype).scatter(1, chosen, gv)",
        "gl = torch.zeros(len(x), w.shape[1], dtype=x.dtype).scatter(1, chosen.sort(1).values, gv)",
        "topk|index|order",
    ),
    plant("TopKGate", "cut_path", "p * (gp - (p * gp).sum(1, keepdim=True))", "p * gp", "softmax"),
    plant(
        "TopKGate",
        "local_slope factor_of_input",
        "chosen, g[:, None] * p)",
        "chosen, g[:, None] + 0 * p)",
        "p \\* e|softmax",
    ),
    plant("ChebyshevConv", "cut_path", " - g2 +", " +", "- x"),
    plant("ChebyshevConv", "scaled_path", "2 * laplacian.t() @ g2", "laplacian.t() @ g2", "1/2|½"),
    plant("ChebyshevConv", "transposed", "laplacian.t() @ g1", "laplacian @ g1", "transpose|exchanged"),
    plant("AxialRotary", "sign_of_term", "turned(gu, -rows)", "turned(gu, rows)", "sign"),
    plant("AxialRotary", "cut_path", " + torch.arange(y.shape[1], dtype=g.dtype) @ by_column", "", "frequency|columns"),
    plant("AxialRotary", "wrong_operand", "turned(gv, -columns)", "turned(gv, -rows)", "rows|cos|sin"),
)
