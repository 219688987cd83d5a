"""Normalisations in the style of model repositories."""

from __future__ import annotations

import torch
from torch.autograd import Function

from handwritten.pieces import Mistake, Piece, normal


class LayerNorm(Function):
    @staticmethod
    def forward(ctx, x, weight, bias):
        mean = x.mean(-1, keepdim=True)
        rstd = torch.rsqrt(x.var(-1, keepdim=True, unbiased=False) + 1e-5)
        xhat = (x - mean) * rstd
        ctx.save_for_backward(xhat, rstd, weight)
        return xhat * weight + bias

    @staticmethod
    def backward(ctx, grad):
        xhat, rstd, weight = ctx.saved_tensors
        g = grad * weight
        through_mean = g.mean(-1, keepdim=True)
        through_var = xhat * (g * xhat).mean(-1, keepdim=True)
        gx = rstd * (g - through_mean - through_var)
        gw = (grad * xhat).sum((0, 1))
        gb = grad.sum((0, 1))
        return gx, gw, gb


class RMSNorm(Function):
    @staticmethod
    def forward(ctx, x, weight):
        rrms = torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6)
        ctx.save_for_backward(x, rrms, weight)
        return x * rrms * weight

    @staticmethod
    def backward(ctx, grad):
        x, rrms, weight = ctx.saved_tensors
        g = grad * weight
        dot = (g * x).sum(-1, keepdim=True) / x.shape[-1]
        gx = g * rrms - x * rrms**3 * dot
        gw = (grad * x * rrms).sum(0)
        return gx, gw


class BatchNorm(Function):
    @staticmethod
    def forward(ctx, x, gamma, beta):
        mean = x.mean((0, 2, 3), keepdim=True)
        var = x.var((0, 2, 3), keepdim=True, unbiased=False)
        xhat = (x - mean) / torch.sqrt(var + 1e-5)
        ctx.save_for_backward(xhat, var, gamma)
        return gamma.view(1, -1, 1, 1) * xhat + beta.view(1, -1, 1, 1)

    @staticmethod
    def backward(ctx, grad):
        xhat, var, gamma = ctx.saved_tensors
        count = grad.numel() // grad.shape[1]
        gg = (grad * xhat).sum((0, 2, 3))
        gb = grad.sum((0, 2, 3))
        scale = gamma.view(1, -1, 1, 1) / torch.sqrt(var + 1e-5)
        gx = scale * (grad - gb.view(1, -1, 1, 1) / count - xhat * gg.view(1, -1, 1, 1) / count)
        return gx, gg, gb


class GroupNorm(Function):
    @staticmethod
    def forward(ctx, x, weight, groups):
        n, c = x.shape[:2]
        grouped = x.reshape(n, groups, -1)
        mean = grouped.mean(-1, keepdim=True)
        std = torch.sqrt(((grouped - mean) ** 2).mean(-1, keepdim=True) + 1e-5)
        xhat = ((grouped - mean) / std).reshape(x.shape)
        ctx.save_for_backward(xhat, std, weight)
        ctx.groups = groups
        return xhat * weight.view(1, c, 1)

    @staticmethod
    def backward(ctx, grad):
        xhat, std, weight = ctx.saved_tensors
        n, c = grad.shape[:2]
        g = (grad * weight.view(1, c, 1)).reshape(n, ctx.groups, -1)
        h = xhat.reshape(n, ctx.groups, -1)
        gx = (g - g.mean(-1, keepdim=True) - h * (g * h).mean(-1, keepdim=True)) / std
        gw = (grad * xhat).sum((0, 2))
        return gx.reshape(grad.shape), gw, None


class InstanceNorm(Function):
    @staticmethod
    def forward(ctx, x):
        mean = x.mean((2, 3), keepdim=True)
        centred = x - mean
        rstd = 1 / torch.sqrt((centred * centred).mean((2, 3), keepdim=True) + 1e-5)
        ctx.save_for_backward(centred, rstd)
        return centred * rstd

    @staticmethod
    def backward(ctx, grad):
        centred, rstd = ctx.saved_tensors
        m = centred.shape[2] * centred.shape[3]
        gvar = (grad * centred).sum((2, 3), keepdim=True) * -0.5 * rstd**3
        gc = grad * rstd + 2 * centred * gvar / m
        return gc - gc.mean((2, 3), keepdim=True)


class L2Normalize(Function):
    @staticmethod
    def forward(ctx, x):
        norm = x.norm(dim=1, keepdim=True)
        y = x / norm
        ctx.save_for_backward(y, norm)
        return y

    @staticmethod
    def backward(ctx, grad):
        y, norm = ctx.saved_tensors
        return (grad - y * (y * grad).sum(1, keepdim=True)) / norm


class WeightNorm(Function):
    """w = g · v/‖v‖, a norm a row."""

    @staticmethod
    def forward(ctx, v, g):
        norm = v.norm(dim=1, keepdim=True)
        ctx.save_for_backward(v, g, norm)
        return g * v / norm

    @staticmethod
    def backward(ctx, grad):
        v, g, norm = ctx.saved_tensors
        gg = (grad * v).sum(1, keepdim=True) / norm
        gv = g / norm * grad - g * gg / norm**2 * v
        return gv, gg


def sample_inputs():
    return {
        "LayerNorm": (normal(2, 3, 8), normal(8, seed=1), normal(8, seed=2)),
        "RMSNorm": (normal(4, 8), normal(8)),
        "BatchNorm": (normal(3, 2, 2, 2), normal(2, seed=1), normal(2, seed=2)),
        "GroupNorm": (normal(2, 4, 3), normal(4), 2),
        "InstanceNorm": (normal(2, 3, 3, 2),),
        "L2Normalize": (normal(4, 5),),
        "WeightNorm": (normal(4, 5), normal(4, 1)),
    }


PIECES = (
    Piece(
        LayerNorm,
        (
            Mistake("cut_path", "g - through_mean - through_var", "g - through_mean"),
            Mistake("cut_path", "g - through_mean - through_var", "g - through_var"),
            Mistake("cut_path", "g - through_mean - through_var", "g"),
            Mistake("factor", "gb = grad.sum((0, 1))", "gb = grad.mean((0, 1))"),
            Mistake("sign_of_term", "g - through_mean - through_var", "g - through_mean + through_var"),
        ),
    ),
    Piece(
        RMSNorm,
        (
            Mistake(
                "scaled_path",
                "dot = (g * x).sum(-1, keepdim=True) / x.shape[-1]",
                "dot = (g * x).sum(-1, keepdim=True)",
            ),
            Mistake("cut_path", "g * rrms - x * rrms**3 * dot", "g * rrms"),
            Mistake("wrong_slope", "x * rrms**3 * dot", "x * rrms**2 * dot"),
            Mistake("factor_of_input", "(grad * x * rrms).sum(0)", "(grad * x * rrms).sum(0) * weight"),
            Mistake("one_sample some_samples region", "(grad * x * rrms).sum(0)", "(grad * x * rrms)[:-1].sum(0)"),
        ),
    ),
    Piece(
        BatchNorm,
        (
            Mistake("cut_path", " - xhat * gg.view(1, -1, 1, 1) / count", ""),
            Mistake("cut_path", "grad - gb.view(1, -1, 1, 1) / count -", "grad -"),
            Mistake("swapped", "return gx, gg, gb", "return gx, gb, gg"),
            Mistake("factor_of_input local_slope", "scale = gamma.view(1, -1, 1, 1) /", "scale = 1 /"),
            Mistake("scaled_path", "count = grad.numel() // grad.shape[1]", "count = grad.shape[0]"),
        ),
    ),
    Piece(
        GroupNorm,
        (
            Mistake("cut_path", " - g.mean(-1, keepdim=True)", ""),
            Mistake("cut_path", " - h * (g * h).mean(-1, keepdim=True)", ""),
            Mistake("factor_of_input", "/ std\n", "\n"),
            Mistake("local_slope", "g = (grad * weight.view(1, c, 1))", "g = (grad)"),
            Mistake("reduction_axis some_samples one_sample", "(grad * xhat).sum((0, 2))", "(grad * xhat)[0].sum(1)"),
        ),
    ),
    Piece(
        InstanceNorm,
        (
            Mistake("cut_path", "return gc - gc.mean((2, 3), keepdim=True)", "return gc"),
            Mistake("scaled_path", "2 * centred * gvar / m", "centred * gvar / m"),
            Mistake("sign_of_term", "* -0.5 *", "* 0.5 *"),
            Mistake("scaled_path", "gvar / m", "gvar"),
            Mistake(
                "precision",
                "return gc - gc.mean((2, 3), keepdim=True)",
                "return (gc - gc.mean((2, 3), keepdim=True)).to(torch.float32).double()",
            ),
        ),
    ),
    Piece(
        L2Normalize,
        (
            Mistake("cut_path", "(grad - y * (y * grad).sum(1, keepdim=True)) / norm", "grad / norm"),
            Mistake("factor_of_input", ".sum(1, keepdim=True)) / norm", ".sum(1, keepdim=True))"),
            Mistake("sign_of_term", "grad - y *", "grad + y *"),
            Mistake("reduction_axis", "(y * grad).sum(1, keepdim=True)", "(y * grad).sum(0, keepdim=True)"),
            Mistake("factor_of_input", "keepdim=True)) / norm", "keepdim=True)) / norm**2"),
        ),
    ),
    Piece(
        WeightNorm,
        (
            Mistake("cut_path", " - g * gg / norm**2 * v", ""),
            Mistake(
                "factor_of_input", "gg = (grad * v).sum(1, keepdim=True) / norm", "gg = (grad * v).sum(1, keepdim=True)"
            ),
            Mistake("sign_of_term", " - g * gg / norm**2 * v", " + g * gg / norm**2 * v"),
            Mistake("factor_of_input", "return gv, gg", "return gv / g, gg"),
            Mistake("zero", "return gv, gg", "return gv, None"),
        ),
    ),
)
