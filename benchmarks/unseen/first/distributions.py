"""Distributions: divergences, distances between samples, densities, a filter."""

from __future__ import annotations

import torch
from torch.autograd import Function

from benchmarks.unseen.plants import normal, plant


class GaussianKL(Function):
    @staticmethod
    def forward(ctx, mu, logvar):
        ctx.save_for_backward(mu, logvar)
        return -0.5 * (1 + logvar - mu**2 - torch.exp(logvar)).sum(1)

    @staticmethod
    def backward(ctx, g):
        mu, logvar = ctx.saved_tensors
        g = g[:, None]
        return g * mu, g * 0.5 * (torch.exp(logvar) - 1)


class EnergyDistance(Function):
    @staticmethod
    def forward(ctx, x, y):
        xy = x[:, None] - y[None]
        xx = x[:, None] - x[None]
        ctx.save_for_backward(xy, xx)
        return 2 * torch.sqrt(xy.pow(2).sum(-1) + 1e-2).mean() - torch.sqrt(xx.pow(2).sum(-1) + 1e-2).mean()

    @staticmethod
    def backward(ctx, grad):
        xy, xx = ctx.saved_tensors
        a = 2 * xy / torch.sqrt(xy.pow(2).sum(-1, keepdim=True) + 1e-2) / (xy.shape[0] * xy.shape[1])
        b = xx / torch.sqrt(xx.pow(2).sum(-1, keepdim=True) + 1e-2) / xx.shape[0] ** 2
        return grad * (a.sum(1) - 2 * b.sum(1)), -grad * a.sum(0)


class Wasserstein(Function):
    @staticmethod
    def forward(ctx, x, y):
        (xs, order), (ys, other) = x.sort(1), y.sort(1)
        ctx.save_for_backward(xs - ys, order, other)
        return ((xs - ys) ** 2).mean(1)

    @staticmethod
    def backward(ctx, grad):
        d, order, other = ctx.saved_tensors
        g = 2 * d * grad[:, None] / d.shape[1]
        gx = torch.zeros_like(d).scatter(1, order, g)
        gy = torch.zeros_like(d).scatter(1, other, -g)
        return gx, gy


class StudentT(Function):
    @staticmethod
    def forward(ctx, x, loc, log_scale, nu):
        z = (x - loc) * torch.exp(-log_scale)
        ctx.save_for_backward(z, log_scale)
        ctx.nu = nu
        return (0.5 * (nu + 1) * torch.log1p(z**2 / nu) + log_scale).sum(0)

    @staticmethod
    def backward(ctx, g):
        z, log_scale = ctx.saved_tensors
        gz = g * (ctx.nu + 1) * z / (ctx.nu + z**2)
        gx = gz * torch.exp(-log_scale)
        return gx, -gx.sum(0), (g - gz * z).sum(0), None


class KalmanStep(Function):
    @staticmethod
    def forward(ctx, mean, var, y, noise):
        gain = var / (var + noise)
        ctx.save_for_backward(mean, var, y, gain, noise)
        return mean + gain * (y - mean), (1 - gain) * var

    @staticmethod
    def backward(ctx, gm, gv):
        mean, var, y, gain, noise = ctx.saved_tensors
        total = var + noise
        ggain = gm * (y - mean) - gv * var
        gvar = gv * (1 - gain) + ggain * noise / total**2
        gnoise = -ggain * var / total**2
        return gm * (1 - gain), gvar, gm * gain, gnoise


def sample_inputs():
    """The arguments of each function above, by its name."""
    return {
        "GaussianKL": (normal(4, 5), normal(4, 5, seed=1)),
        "EnergyDistance": (normal(4, 3), normal(5, 3)),
        "Wasserstein": (normal(3, 6), normal(3, 6, seed=1)),
        "StudentT": (normal(6, 3), normal(3), normal(3, seed=1), 4.0),
        "KalmanStep": (
            normal(5),
            normal(5, seed=1).detach().exp().requires_grad_(),
            normal(5, seed=2),
            normal(5, seed=3).detach().exp().requires_grad_(),
        ),
    }


PLANTED = (
    plant("EnergyDistance", "scaled_path", "- 2 * b.sum(1)", "- b.sum(1)", "1/2|½"),
    plant("EnergyDistance", "sign_of_term", "- 2 * b.sum(1)", "+ 2 * b.sum(1)", "sign"),
    plant("EnergyDistance", "factor", ", -grad * a.sum(0)", ", grad * a.sum(0)", "sign"),
    plant("Wasserstein", "permuted", "scatter(1, order, g)", "gather(1, order) + g", "order"),
    plant("Wasserstein", "factor", "g = 2 * d", "g = d", "factor 2"),
    plant("GaussianKL", "wrong_slope operand_for_result local_slope", "(torch.exp(logvar) - 1)", "(logvar - 1)", "exp"),
    plant("GaussianKL", "cut_path", "(torch.exp(logvar) - 1)", "torch.exp(logvar)", "logvar"),
    plant("StudentT", "scaled_path factor wrong_constant", "g * (ctx.nu + 1) * z", "g * ctx.nu * z", "4/5|0.8|nu"),
    plant("StudentT", "cut_path", "(g - gz * z).sum(0)", "(-gz * z).sum(0)", "log_scale"),
    plant("StudentT", "wrong_constant", "(ctx.nu + z**2)", "(1 + z**2)", "4"),
    plant("KalmanStep", "cut_path", "ggain = gm * (y - mean) - gv * var", "ggain = -gv * var", "gain"),
    plant(
        "KalmanStep",
        "wrong_operand operand_for_result",
        "gnoise = -ggain * var",
        "gnoise = -ggain * noise",
        "noise|var",
    ),
    plant("KalmanStep", "cut_path factor_of_input", "gm * (1 - gain), gvar", "gm, gvar", "gain|mean"),
)
