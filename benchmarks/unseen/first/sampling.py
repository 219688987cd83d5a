"""Windows, tables, places and roundings."""

from __future__ import annotations

import math

import torch
from torch.autograd import Function

from benchmarks.unseen.plants import normal, plant


class LinearSampling(Function):
    @staticmethod
    def forward(ctx, table, where):
        low = where.detach().floor().long()
        t = where - low
        ctx.save_for_backward(table, low, t)
        return table[low] * (1 - t)[:, None] + table[low + 1] * t[:, None]

    @staticmethod
    def backward(ctx, g):
        table, low, t = ctx.saved_tensors
        gt = torch.zeros_like(table)
        gt.index_add_(0, low, g * (1 - t)[:, None])
        gt.index_add_(0, low + 1, g * t[:, None])
        gw = (g * (table[low + 1] - table[low])).sum(1)
        return gt, gw


class SoftArgmax(Function):
    @staticmethod
    def forward(ctx, x, sharpness):
        p = torch.softmax(x * sharpness, -1)
        place = torch.arange(x.shape[-1], dtype=x.dtype)
        mean = (p * place).sum(-1)
        ctx.save_for_backward(p, mean, place)
        ctx.sharpness = sharpness
        return mean

    @staticmethod
    def backward(ctx, g):
        p, mean, place = ctx.saved_tensors
        return g[..., None] * ctx.sharpness * p * (place - mean[..., None]), None


class UnfoldConv(Function):
    @staticmethod
    def forward(ctx, x, w):
        k = w.shape[-1]
        padded = torch.nn.functional.pad(x, (k // 2, k // 2))
        columns = padded.unfold(-1, k, 1)
        ctx.save_for_backward(columns, w)
        return torch.einsum("nclk,ock->nol", columns, w)

    @staticmethod
    def backward(ctx, g):
        columns, w = ctx.saved_tensors
        k, length = w.shape[-1], g.shape[-1]
        gw = torch.einsum("nol,nclk->ock", g, columns)
        spread = torch.zeros(g.shape[0], w.shape[1], length + k - 1, dtype=g.dtype)
        for i in range(k):
            spread[..., i : i + length] += torch.einsum("nol,oc->ncl", g, w[..., i])
        return spread[..., k // 2 : k // 2 + length].clone(), gw


class WindowMean(Function):
    @staticmethod
    def forward(ctx, x, width):
        ctx.width, ctx.length = width, x.shape[-1]
        return x.unfold(-1, width, 2).mean(-1)

    @staticmethod
    def backward(ctx, g):
        gx = torch.zeros(*g.shape[:-1], ctx.length, dtype=g.dtype)
        for i in range(g.shape[-1]):
            gx[..., 2 * i : 2 * i + ctx.width] += g[..., i : i + 1] / ctx.width
        return gx, None


class WeightedBag(Function):
    @staticmethod
    def forward(ctx, table, ids, weight):
        ctx.save_for_backward(table, ids, weight)
        return (table[ids] * weight[..., None]).sum(1)

    @staticmethod
    def backward(ctx, g):
        table, ids, weight = ctx.saved_tensors
        each = g[:, None] * weight[..., None]
        gt = torch.zeros_like(table).index_add(0, ids.reshape(-1), each.reshape(-1, table.shape[1]))
        gw = (table[ids] * g[:, None]).sum(-1)
        return gt, None, gw


class SoftRounding(Function):
    @staticmethod
    def forward(ctx, x, alpha):
        middle = x.detach().floor() + 0.5
        r = x - middle
        ctx.save_for_backward(r)
        ctx.alpha = alpha
        return middle + torch.tanh(alpha * r) / (2 * math.tanh(alpha / 2))

    @staticmethod
    def backward(ctx, g):
        (r,) = ctx.saved_tensors
        t = torch.tanh(ctx.alpha * r)
        return g * ctx.alpha * (1 - t**2) / (2 * math.tanh(ctx.alpha / 2)), None


def sample_inputs():
    """The arguments of each function above, by its name."""
    return {
        "LinearSampling": (
            normal(6, 3),
            torch.tensor([0.3, 1.7, 2.2, 4.6, 1.1], dtype=torch.float64, requires_grad=True),
        ),
        "SoftArgmax": (normal(3, 6), 1.7),
        "UnfoldConv": (normal(2, 3, 7), normal(4, 3, 3)),
        "WindowMean": (normal(2, 3, 9), 3),
        "WeightedBag": (normal(6, 3), torch.tensor([[0, 2, 2], [1, 4, 0], [5, 5, 3], [0, 1, 1]]), normal(4, 3)),
        "SoftRounding": (normal(4, 5), 3.0),
    }


PLANTED = (
    plant(
        "LinearSampling",
        "overwritten",
        "gt.index_add_(0, low + 1, g * t[:, None])",
        "gt[low + 1] += g * t[:, None]",
        "overwritten",
    ),
    plant("LinearSampling", "factor", "table[low + 1] - table[low]", "table[low] - table[low + 1]", "sign"),
    plant("LinearSampling", "cut_path", "gt.index_add_(0, low + 1, g * t[:, None])", "pass", "low \\+ 1"),
    plant("SoftArgmax", "cut_path", "(place - mean[..., None])", "place", "softmax"),
    plant("SoftArgmax", "factor", "* ctx.sharpness * p", "* p", "0.588|10/17"),
    plant(
        "UnfoldConv",
        "transposed",
        "spread[..., i : i + length]",
        "spread[..., k - 1 - i : k - 1 - i + length]",
        "revers|kernel|flip",
    ),
    plant(
        "UnfoldConv",
        "transposed",
        "return spread[..., k // 2 : k // 2 + length].clone()",
        "return spread[..., :length].clone()",
        "shift",
    ),
    plant(
        "UnfoldConv", "overwritten", "spread[..., i : i + length] +=", "spread[..., i : i + length] =", "overwritten"
    ),
    plant("WindowMean", "factor", " / ctx.width", "", "mean|3"),
    plant("WindowMean", "overwritten", "2 * i + ctx.width] +=", "2 * i + ctx.width] =", "overwritten"),
    plant(
        "WeightedBag",
        "overwritten",
        "index_add(0, ids.reshape(-1), each.reshape(-1, table.shape[1]))",
        "index_copy(0, ids.reshape(-1), each.reshape(-1, table.shape[1]))",
        "overwritten",
    ),
    plant(
        "WeightedBag",
        "factor_of_input",
        "each = g[:, None] * weight[..., None]",
        "each = (g[:, None] * torch.ones_like(weight)[..., None])",
        "weight",
    ),
    plant("WeightedBag", "upstream_ignored", "(table[ids] * g[:, None]).sum(-1)", "table[ids].sum(-1)", "ignored"),
    plant("SoftRounding", "wrong_slope", "(1 - t**2)", "(1 - t)", "tanh"),
    plant("SoftRounding", "factor", "g * ctx.alpha *", "g *", "1/3|3"),
)
