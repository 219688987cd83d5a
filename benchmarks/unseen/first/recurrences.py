"""Recurrences and running products."""

from __future__ import annotations

import torch
from torch.autograd import Function

from benchmarks.unseen.plants import normal, plant


class SoftplusChain(Function):
    @staticmethod
    def forward(ctx, x, decay):
        h, states = torch.zeros_like(x[:, 0]), []
        for t in range(x.shape[1]):
            h = torch.nn.functional.softplus(decay * h + x[:, t])
            states.append(h)
        ctx.save_for_backward(x, decay, *states)
        return torch.stack(states, 1)

    @staticmethod
    def backward(ctx, grad):
        x, decay, *states = ctx.saved_tensors
        gx, gd, carry = torch.zeros_like(x), torch.zeros_like(decay), torch.zeros_like(x[:, 0])
        for t in reversed(range(x.shape[1])):
            before = states[t - 1] if t else torch.zeros_like(x[:, 0])
            g = (grad[:, t] + carry) * (1 - torch.exp(-states[t]))
            gx[:, t] = g
            gd += (g * before).sum()
            carry = g * decay
        return gx, gd


class DiagonalScan(Function):
    @staticmethod
    def forward(ctx, x, a, b, c):
        h, hs = torch.zeros(x.shape[0], len(a), dtype=x.dtype), []
        for t in range(x.shape[1]):
            h = a * h + b * x[:, t, None]
            hs.append(h)
        ctx.save_for_backward(x, a, b, c, torch.stack(hs, 1))
        return torch.stack(hs, 1) @ c

    @staticmethod
    def backward(ctx, grad):
        x, a, b, c, hs = ctx.saved_tensors
        gx, ga, gb = torch.zeros_like(x), torch.zeros_like(a), torch.zeros_like(b)
        gh = torch.zeros_like(hs[:, 0])
        gc = (grad[:, :, None] * hs).sum((0, 1))
        for t in reversed(range(x.shape[1])):
            gh = a * gh + grad[:, t, None] * c
            gx[:, t] = gh @ b
            gb += (gh * x[:, t, None]).sum(0)
            if t:
                ga += (gh * hs[:, t - 1]).sum(0)
        return gx, ga, gb, gc


class RunningProduct(Function):
    @staticmethod
    def forward(ctx, x):
        y = torch.cumprod(x, 1)
        ctx.save_for_backward(x, y)
        return y

    @staticmethod
    def backward(ctx, g):
        x, y = ctx.saved_tensors
        return (g * y).flip(1).cumsum(1).flip(1) / x


def sample_inputs():
    """The arguments of each function above, by its name."""
    return {
        "SoftplusChain": (normal(3, 5), normal(1)),
        "DiagonalScan": (normal(3, 5), normal(4), normal(4, seed=1), normal(4, seed=2)),
        "RunningProduct": (normal(3, 5),),
    }


PLANTED = (
    plant("SoftplusChain", "cut_path", "(grad[:, t] + carry)", "grad[:, t]", "decay \\* h"),
    plant(
        "SoftplusChain",
        "local_slope wrong_slope",
        "(1 - torch.exp(-states[t]))",
        "torch.sigmoid(states[t])",
        "softplus",
    ),
    plant("SoftplusChain", "overwritten", "gd += (g * before).sum()", "gd = (g * before).sum()[None]", "overwritten"),
    plant(
        "DiagonalScan",
        "factor_of_input cut_path scaled_path wrong_operand",
        "gh = a * gh + grad",
        "gh = gh + grad",
        "a \\* h|`a",
    ),
    plant(
        "DiagonalScan",
        "wrong_operand operand_for_result permuted",
        "ga += (gh * hs[:, t - 1])",
        "ga += (gh * hs[:, t])",
        "h",
    ),
    plant("DiagonalScan", "wrong_operand", "gx[:, t] = gh @ b", "gx[:, t] = gh @ c", "\\bc\\b"),
    plant("RunningProduct", "factor_of_input", ".flip(1) / x", ".flip(1)", "\\bx\\b"),
    plant("RunningProduct", "diagonal", "(g * y).flip(1).cumsum(1).flip(1) / x", "g * y / x", "diagonal"),
)
