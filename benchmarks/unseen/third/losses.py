"""Losses over distributions, pairs and labels."""

from __future__ import annotations

import torch
from torch.autograd import Function
from torch.nn import functional

from benchmarks.unseen.plants import normal, plant


class TwoGaussiansKL(Function):
    @staticmethod
    def forward(ctx, m1, s1, m2, s2):
        ctx.save_for_backward(m1, s1, m2, s2)
        return (s2 - s1 + (torch.exp(2 * s1) + (m1 - m2) ** 2) / (2 * torch.exp(2 * s2)) - 0.5).sum(1)

    @staticmethod
    def backward(ctx, g):
        m1, s1, m2, s2 = ctx.saved_tensors
        g, inverse = g[:, None], torch.exp(-2 * s2)
        gm = g * (m1 - m2) * inverse
        gs1 = g * (torch.exp(2 * s1 - 2 * s2) - 1)
        gs2 = g * (1 - (torch.exp(2 * s1) + (m1 - m2) ** 2) * inverse)
        return gm, gs1, -gm, gs2


class PairedContrast(Function):
    @staticmethod
    def forward(ctx, a, b, scale):
        s = scale * (a @ b.t())
        rows, columns = torch.log_softmax(s, 1), torch.log_softmax(s, 0)
        ctx.save_for_backward(a, b, scale, s)
        return -(rows.diagonal().mean() + columns.diagonal().mean()) / 2

    @staticmethod
    def backward(ctx, g):
        a, b, scale, s = ctx.saved_tensors
        p, q, eye = torch.softmax(s, 1), torch.softmax(s, 0), torch.eye(len(a), dtype=a.dtype)
        gs = g * (p + q - 2 * eye) / (2 * len(a))
        return scale * gs @ b, scale * gs.t() @ a, (gs * (a @ b.t())).sum()


class HuberTriplet(Function):
    @staticmethod
    def forward(ctx, anchor, positive, negative, margin):
        d, e = anchor - positive, anchor - negative
        near, far = (torch.sqrt(1 + d**2) - 1).sum(1), (torch.sqrt(1 + e**2) - 1).sum(1)
        gap = near - far + margin
        ctx.save_for_backward(d, e, gap)
        return gap.clamp(min=0).mean()

    @staticmethod
    def backward(ctx, g):
        d, e, gap = ctx.saved_tensors
        on = (gap > 0).to(d.dtype)[:, None] * g / len(d)
        gd, ge = on * d / torch.sqrt(1 + d**2), on * e / torch.sqrt(1 + e**2)
        return gd - ge, -gd, ge, None


class FocalTversky(Function):
    @staticmethod
    def forward(ctx, logits, target, alpha, gamma):
        p = torch.sigmoid(logits)
        tp, fn, fp = (p * target).sum(1), ((1 - p) * target).sum(1), (p * (1 - target)).sum(1)
        top, bottom = tp + 1, tp + alpha * fn + (1 - alpha) * fp + 1
        ctx.save_for_backward(p, target, top, bottom)
        ctx.alpha, ctx.gamma = alpha, gamma
        return ((1 - top / bottom) ** gamma).mean()

    @staticmethod
    def backward(ctx, g):
        p, t, top, bottom = ctx.saved_tensors
        alpha, gamma = ctx.alpha, ctx.gamma
        outer = -gamma * (1 - top / bottom) ** (gamma - 1) * g / len(p)
        inner = t - alpha * t + (1 - alpha) * (1 - t)
        ratio = t / bottom[:, None] - inner * (top / bottom**2)[:, None]
        return outer[:, None] * ratio * p * (1 - p), None, None, None


class PoissonLoss(Function):
    @staticmethod
    def forward(ctx, rate, count, weight):
        ctx.save_for_backward(rate, count, weight)
        return (weight * (rate - count * torch.log(rate + 0.1))).mean(0)

    @staticmethod
    def backward(ctx, g):
        rate, count, weight = ctx.saved_tensors
        g = g / len(rate)
        gr = g * weight * (1 - count / (rate + 0.1))
        return gr, None, g * (rate - count * torch.log(rate + 0.1)).sum(0)


class SmoothedBCE(Function):
    @staticmethod
    def forward(ctx, logits, target, smoothing, weight):
        soft = target * (1 - smoothing) + smoothing / 2
        ctx.save_for_backward(logits, soft, weight)
        return (weight * (functional.softplus(logits) - soft * logits)).sum() / weight.sum()

    @staticmethod
    def backward(ctx, g):
        logits, soft, weight = ctx.saved_tensors
        each = functional.softplus(logits) - soft * logits
        total = weight.sum()
        gw = (each.sum(0) * total - (weight * each).sum()) / total**2
        return g * weight * (torch.sigmoid(logits) - soft) / total, None, None, g * gw


def sample_inputs():
    """The arguments of each function above, by its name."""
    positive = normal(4, 3).detach().exp().requires_grad_()
    counts = torch.tensor([[0.0, 2, 1], [3, 1, 0], [1, 1, 4], [2, 0, 5]], dtype=torch.float64)
    labels = (normal(3, 6, seed=1, grad=False) > 0).double()
    return {
        "TwoGaussiansKL": tuple(normal(4, 3, seed=seed) for seed in range(4)),
        "PairedContrast": (normal(4, 3), normal(4, 3, seed=1), torch.tensor(1.3, dtype=torch.float64).requires_grad_()),
        "HuberTriplet": (*(normal(5, 3, seed=seed) for seed in range(3)), 0.4),
        "FocalTversky": (normal(3, 6), labels, 0.3, 1.5),
        "PoissonLoss": (positive, counts, normal(3)),
        "SmoothedBCE": (normal(3, 6), labels, 0.2, normal(6).detach().exp().requires_grad_()),
    }


PLANTED = (
    plant("TwoGaussiansKL", "cut_path", "(torch.exp(2 * s1 - 2 * s2) - 1)", "torch.exp(2 * s1 - 2 * s2)", "s1"),
    plant(
        "TwoGaussiansKL",
        "factor_of_input wrong_slope local_slope wrong_operand",
        "(m1 - m2) ** 2) * inverse)",
        "(m1 - m2) ** 2) * inverse**2)",
        "exp|s2",
    ),
    plant("TwoGaussiansKL", "factor", "gs1, -gm,", "gs1, gm,", "sign"),
    plant(
        "PairedContrast",
        "reduction_axis",
        "q, eye = torch.softmax(s, 1), torch.softmax(s, 0)",
        "q, eye = torch.softmax(s, 1), torch.softmax(s, 1)",
        "ax",
    ),
    plant("PairedContrast", "transposed", "scale * gs.t() @ a", "scale * gs @ a", "transpose"),
    plant("PairedContrast", "scaled_path cut_path", "p + q - 2 * eye", "p + q - eye", "log_softmax|diagonal"),
    plant(
        "HuberTriplet", "wrong_operand wrong_slope", "e / torch.sqrt(1 + e**2)", "e / torch.sqrt(1 + d**2)", "d\\*\\*2"
    ),
    plant(
        "HuberTriplet",
        "local_slope region cut_path mask_inverted",
        "(gap > 0).to(d.dtype)",
        "torch.ones_like(gap)",
        "clamp|gradient is 0",
    ),
    plant("HuberTriplet", "sign_of_term", "gd - ge,", "gd + ge,", "sign"),
    plant("FocalTversky", "factor_of_input wrong_slope", "** (gamma - 1)", "** gamma", "top / bottom"),
    plant("FocalTversky", "cut_path", "t - alpha * t +", "t +", "fn|1 - p"),
    plant("FocalTversky", "wrong_slope wrong_operand", "p * (1 - p), None", "p * (1 - t), None", "sigmoid"),
    plant("PoissonLoss", "wrong_constant", "(1 - count / (rate + 0.1))", "(1 - count / rate)", "0\\.1"),
    plant("PoissonLoss", "factor", "g = g / len(rate)", "pass", "axis 0"),
    plant("PoissonLoss", "wrong_slope", "count / (rate + 0.1))\n", "count * (rate + 0.1))\n", "log"),
    plant(
        "SmoothedBCE",
        "wrong_constant wrong_operand",
        "(torch.sigmoid(logits) - soft)",
        "(torch.sigmoid(logits) - (soft - 0.1) / 0.8)",
        "soft|0\\.2|0\\.1|0\\.8|smoothing",
    ),
    plant(
        "SmoothedBCE",
        "cut_path",
        "(each.sum(0) * total - (weight * each).sum()) / total**2",
        "each.sum(0) / total",
        "weight.sum",
    ),
    plant("SmoothedBCE", "factor_of_input", "g * weight * (torch", "g * (torch", "weight"),
)
