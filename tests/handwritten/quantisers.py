"""Quantisers, spikes and other functions whose backward is another's on purpose: each names its surrogate."""

from __future__ import annotations

import math

import torch
from torch.autograd import Function

from handwritten.pieces import Mistake, Piece, normal


def rounded(x):
    """Rounding that passes gradients through."""
    return x + (torch.round(x) - x).detach()


class RoundSTE(Function):
    @staticmethod
    def forward(ctx, x):
        return torch.round(x)

    @staticmethod
    def backward(ctx, grad):
        return grad


class LSQ(Function):
    """Learned step size: Esser et al. 2020."""

    @staticmethod
    def forward(ctx, x, step, low, high):
        ctx.save_for_backward(x, step)
        ctx.range = low, high
        return torch.round(torch.clamp(x / step, low, high)) * step

    @staticmethod
    def backward(ctx, grad):
        x, step = ctx.saved_tensors
        low, high = ctx.range
        q = x / step
        below, above = (q < low).to(x.dtype), (q > high).to(x.dtype)
        middle = 1 - below - above
        by_step = below * low + above * high + middle * (torch.round(q) - q)
        return grad * middle, (grad * by_step).sum().reshape(step.shape), None, None


def lsq(x, step, low, high):
    return rounded(torch.clamp(x / step, low, high)) * step


class DoReFa(Function):
    """Weights of k bits: Zhou et al. 2016."""

    @staticmethod
    def forward(ctx, w, bits):
        t = torch.tanh(w)
        top = t.abs().max()
        levels = 2**bits - 1
        ctx.save_for_backward(t, top)
        return 2 * torch.round((t / (2 * top) + 0.5) * levels) / levels - 1

    @staticmethod
    def backward(ctx, grad):
        t, top = ctx.saved_tensors
        slope = 1 - t * t
        g = grad / top
        flat = g.reshape(-1).clone()
        place = t.abs().argmax()
        flat[place] -= (grad * t).sum() / top**2 * t.reshape(-1)[place].sign()
        return flat.reshape(t.shape) * slope, None


def dorefa(w, bits):
    t = torch.tanh(w)
    levels = 2**bits - 1
    return 2 * rounded((t / (2 * t.abs().max()) + 0.5) * levels) / levels - 1


class SigmoidSpike(Function):
    """A Heaviside step with the slope of a sigmoid of width 1/4."""

    @staticmethod
    def forward(ctx, v):
        ctx.save_for_backward(v)
        return (v > 0).to(v.dtype)

    @staticmethod
    def backward(ctx, grad):
        (v,) = ctx.saved_tensors
        s = torch.sigmoid(4 * v)
        return grad * 4 * s * (1 - s)


class ATanSpike(Function):
    @staticmethod
    def forward(ctx, v, alpha):
        ctx.save_for_backward(v)
        ctx.alpha = alpha
        return (v > 0).to(v.dtype)

    @staticmethod
    def backward(ctx, grad):
        (v,) = ctx.saved_tensors
        alpha = ctx.alpha
        return grad * alpha / 2 / (1 + (math.pi / 2 * alpha * v) ** 2), None


class GradientReversal(Function):
    @staticmethod
    def forward(ctx, x, strength):
        ctx.strength = strength
        return x.view_as(x)

    @staticmethod
    def backward(ctx, grad):
        return -ctx.strength * grad, None


class StraightThroughVQ(Function):
    """The nearest of a codebook; the gradient goes to the input, and each code gets that of those which took it."""

    @staticmethod
    def forward(ctx, x, codes):
        index = torch.cdist(x, codes).argmin(1)
        ctx.save_for_backward(index)
        ctx.count = codes.shape[0]
        return codes[index]

    @staticmethod
    def backward(ctx, grad):
        (index,) = ctx.saved_tensors
        by_code = torch.zeros(ctx.count, grad.shape[1], dtype=grad.dtype)
        by_code.index_add_(0, index, grad)
        return grad, by_code


def vector_quantised(x, codes):
    index = ((x[:, None] - codes[None]) ** 2).sum(-1).detach().argmin(1)
    return codes[index] + x - x.detach()


class BinaryWeights(Function):
    """XNOR-Net: the sign times the mean size of a row, passed where the weight is below 1."""

    @staticmethod
    def forward(ctx, w):
        ctx.save_for_backward(w)
        return w.sign() * w.abs().mean(1, keepdim=True)

    @staticmethod
    def backward(ctx, grad):
        (w,) = ctx.saved_tensors
        size = w.abs().mean(1, keepdim=True)
        passed = grad * size * (w.abs() < 1).to(w.dtype)
        return passed + w.sign() * (grad * w.sign()).mean(1, keepdim=True)


def binary_weights(w):
    clipped = torch.clamp(w, -1, 1)
    return (clipped + (w.sign() - clipped).detach()) * w.abs().mean(1, keepdim=True)


def sample_inputs():
    return {
        "RoundSTE": (normal(4, 5),),
        "LSQ": (normal(4, 6), torch.tensor([0.3], dtype=torch.float64, requires_grad=True), -4, 3),
        "DoReFa": (normal(4, 5), 3),
        "SigmoidSpike": (normal(4, 6),),
        "ATanSpike": (normal(4, 6), 2.0),
        "GradientReversal": (normal(4, 6), 0.5),
        "StraightThroughVQ": (normal(6, 3), normal(4, 3)),
        "BinaryWeights": (normal(4, 6),),
    }


PIECES = (
    Piece(
        RoundSTE,
        (
            Mistake("factor", "return grad", "return 2 * grad"),
            Mistake("factor", "return grad", "return -grad"),
            Mistake("zero", "return grad", "return grad * 0"),
            Mistake("upstream_ignored", "return grad", "return torch.ones_like(grad)"),
            Mistake("clipped", "return grad", "return grad.clamp(-1, 1)"),
        ),
        surrogate=lambda x: x,
    ),
    Piece(
        LSQ,
        (
            Mistake("factor", "(grad * by_step).sum()", "(grad * by_step).mean()"),
            Mistake(
                "unexplained one_sample some_samples region scaled_path cut_path",
                "middle * (torch.round(q) - q)",
                "middle * (q - torch.round(q))",
            ),
            Mistake("region local_slope", "return grad * middle", "return grad"),
            Mistake("unexplained cut_path scaled_path", "below * low + above * high +", "above * high +"),
            Mistake("mask_inverted", "return grad * middle", "return grad * (1 - middle)"),
        ),
        surrogate=lsq,
    ),
    Piece(
        DoReFa,
        (
            Mistake("local_slope factor_of_input", "* slope, None", ", None"),
            Mistake(
                "cut_path region one_sample",
                "        flat[place] -= (grad * t).sum() / top**2 * t.reshape(-1)[place].sign()\n",
                "",
            ),
            Mistake("sign_of_term region one_sample", "flat[place] -=", "flat[place] +="),
            Mistake("factor", "return flat", "return 7 * flat"),
            Mistake(
                "upstream_ignored",
                "t, top = ctx.saved_tensors",
                "t, top = ctx.saved_tensors\n        grad = torch.ones_like(grad)",
            ),
        ),
        surrogate=dorefa,
    ),
    Piece(
        SigmoidSpike,
        (
            Mistake("factor", "grad * 4 *", "grad *"),
            Mistake("factor_of_input local_slope", "s * (1 - s)", "(1 - s)"),
            Mistake("upstream_ignored", "grad * 4", "4"),
            Mistake("unexplained", "torch.sigmoid(4 * v)", "torch.sigmoid(v)"),
            Mistake("factor", "return grad", "return -grad"),
        ),
        surrogate=lambda v: torch.sigmoid(4 * v),
    ),
    Piece(
        ATanSpike,
        (
            Mistake("factor", "alpha / 2 /", "alpha /"),
            Mistake("factor", "grad * alpha / 2", "grad / 2"),
            Mistake("unexplained", "(math.pi / 2 * alpha * v)", "(alpha * v)"),
            Mistake("wrong_slope", "** 2), None", "), None"),
            Mistake("upstream_ignored", "grad * alpha", "alpha"),
        ),
        surrogate=lambda v, alpha: torch.atan(math.pi / 2 * alpha * v) / math.pi,
    ),
    Piece(
        GradientReversal,
        (
            Mistake("factor", "-ctx.strength * grad", "ctx.strength * grad"),
            Mistake("factor", "-ctx.strength * grad", "-grad"),
            Mistake("zero", "-ctx.strength * grad", "None"),
            Mistake("upstream_not_linear", "-ctx.strength * grad", "-ctx.strength * grad * grad"),
            Mistake("sign_lost", "-ctx.strength * grad", "ctx.strength * grad.abs()"),
        ),
        surrogate=lambda x, strength: -strength * x,
    ),
    Piece(
        StraightThroughVQ,
        (
            Mistake("zero", "return grad, by_code", "return grad, None"),
            Mistake("factor", "return grad,", "return -grad,"),
            Mistake("transposed", "index_add_(0, index, grad)", "index_add_(0, index.flip(0), grad)"),
            Mistake("overwritten", "by_code.index_add_(0, index, grad)", "by_code[index] = grad"),
            Mistake("factor", "return grad, by_code", "return grad, by_code / len(index)"),
        ),
        surrogate=vector_quantised,
    ),
    Piece(
        BinaryWeights,
        (
            Mistake("cut_path", "passed + w.sign() * (grad * w.sign()).mean(1, keepdim=True)", "passed"),
            Mistake("cut_path", "passed + w.sign()", "w.sign()"),
            Mistake("scaled_path", "(grad * w.sign()).mean", "(grad * w.sign()).sum"),
            Mistake("region local_slope", " * (w.abs() < 1).to(w.dtype)", ""),
            Mistake("factor_of_input local_slope scaled_path", "grad * size *", "grad *"),
        ),
        surrogate=binary_weights,
    ),
)
