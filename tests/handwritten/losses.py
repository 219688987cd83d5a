"""Losses over logits, images and embeddings."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch.autograd import Function

from handwritten.pieces import Mistake, Piece, labels, normal


class FocalLoss(Function):
    """−(1 − p)^γ log p of the labelled class, the mean of the batch."""

    @staticmethod
    def forward(ctx, logits, target, gamma):
        logp = torch.log_softmax(logits, -1).gather(1, target[:, None])[:, 0]
        p = logp.exp()
        ctx.save_for_backward(logits, target, p, logp)
        ctx.gamma = gamma
        return (-((1 - p) ** gamma) * logp).mean()

    @staticmethod
    def backward(ctx, grad):
        logits, target, p, logp = ctx.saved_tensors
        gamma = ctx.gamma
        slope = gamma * (1 - p) ** (gamma - 1) * p * logp - (1 - p) ** gamma
        onehot = F.one_hot(target, logits.shape[1]).to(logits.dtype)
        centred = onehot - torch.softmax(logits, -1)
        return grad * slope[:, None] * centred / logits.shape[0], None, None


class DiceLoss(Function):
    @staticmethod
    def forward(ctx, logits, target):
        p = torch.sigmoid(logits)
        overlap = (p * target).sum((1, 2))
        size = p.sum((1, 2)) + target.sum((1, 2))
        ctx.save_for_backward(p, target, overlap, size)
        return 1 - (2 * overlap + 1) / (size + 1)

    @staticmethod
    def backward(ctx, grad):
        p, target, overlap, size = ctx.saved_tensors
        grad, overlap, size = (t[:, None, None] for t in (grad, overlap, size))
        by_p = (2 * overlap + 1) / (size + 1) ** 2 - 2 * target / (size + 1)
        return grad * by_p * p * (1 - p), None


class LovaszHinge(Function):
    """Berman, Triki and Blaschko 2018, one image."""

    @staticmethod
    def forward(ctx, logits, target):
        signs = 2 * target - 1
        errors = 1 - logits * signs
        ordered, order = torch.sort(errors, descending=True)
        truth = target[order]
        inter = truth.sum() - truth.cumsum(0)
        union = truth.sum() + (1 - truth).cumsum(0)
        jaccard = 1 - inter / union
        weights = torch.cat([jaccard[:1], jaccard[1:] - jaccard[:-1]])
        ctx.save_for_backward(ordered, order, weights, signs)
        return (F.relu(ordered) * weights).sum()

    @staticmethod
    def backward(ctx, grad):
        ordered, order, weights, signs = ctx.saved_tensors
        by_error = grad * weights * (ordered > 0)
        back = torch.empty_like(by_error)
        back[order] = by_error
        return -signs * back, None


class LabelSmoothing(Function):
    @staticmethod
    def forward(ctx, logits, target, smoothing):
        logp = torch.log_softmax(logits, -1)
        ctx.save_for_backward(logp, target)
        ctx.smoothing = smoothing
        nll = -logp.gather(1, target[:, None])[:, 0]
        return ((1 - smoothing) * nll - smoothing * logp.mean(-1)).mean()

    @staticmethod
    def backward(ctx, grad):
        logp, target = ctx.saved_tensors
        n, classes = logp.shape
        wanted = torch.full_like(logp, ctx.smoothing / classes)
        wanted[torch.arange(n), target] += 1 - ctx.smoothing
        return grad * (logp.exp() - wanted) / n, None, None


class CrossEntropy(Function):
    """With labels to be ignored."""

    @staticmethod
    def forward(ctx, logits, target):
        keep = target >= 0
        logp = torch.log_softmax(logits, -1)
        picked = logp.gather(1, target.clamp(min=0)[:, None])[:, 0]
        ctx.save_for_backward(logp, target, keep)
        return -(picked * keep).sum() / keep.sum()

    @staticmethod
    def backward(ctx, grad):
        logp, target, keep = ctx.saved_tensors
        g = logp.exp()
        rows = torch.arange(len(target))
        g[rows, target.clamp(min=0)] -= 1
        g = g * keep[:, None] / keep.sum()
        return g * grad, None


class BCEWithLogits(Function):
    @staticmethod
    def forward(ctx, logits, target, pos_weight):
        ctx.save_for_backward(logits, target, pos_weight)
        return -(pos_weight * target * F.logsigmoid(logits) + (1 - target) * F.logsigmoid(-logits)).mean()

    @staticmethod
    def backward(ctx, grad):
        logits, target, pos_weight = ctx.saved_tensors
        s = torch.sigmoid(logits)
        g = pos_weight * target * (s - 1) + (1 - target) * s
        return grad * g / logits.numel(), None, None


class Huber(Function):
    @staticmethod
    def forward(ctx, x, y, delta):
        r = x - y
        ctx.save_for_backward(r)
        ctx.delta = delta
        return torch.where(r.abs() < delta, 0.5 * r * r, delta * (r.abs() - 0.5 * delta))

    @staticmethod
    def backward(ctx, grad):
        (r,) = ctx.saved_tensors
        g = grad * torch.clamp(r, -ctx.delta, ctx.delta)
        return g, -g, None


class InfoNCE(Function):
    """Of two views of a batch."""

    @staticmethod
    def forward(ctx, a, b, temperature):
        logp = torch.log_softmax(a @ b.t() / temperature, 1)
        ctx.save_for_backward(a, b, logp)
        ctx.temperature = temperature
        return -logp.diagonal().mean()

    @staticmethod
    def backward(ctx, grad):
        a, b, logp = ctx.saved_tensors
        g = (logp.exp() - torch.eye(len(a), dtype=a.dtype)) / len(a) / ctx.temperature * grad
        return g @ b, g.t() @ a, None


class CosineLoss(Function):
    @staticmethod
    def forward(ctx, x, y):
        nx, ny = x.norm(dim=1, keepdim=True), y.norm(dim=1, keepdim=True)
        cos = (x * y).sum(1, keepdim=True) / (nx * ny)
        ctx.save_for_backward(x, y, nx, ny, cos)
        return 1 - cos[:, 0]

    @staticmethod
    def backward(ctx, grad):
        x, y, nx, ny, cos = ctx.saved_tensors
        g = -grad[:, None]
        gx = g * (y / (nx * ny) - cos * x / nx**2)
        gy = g * (x / (nx * ny) - cos * y / ny**2)
        return gx, gy


class TotalVariation(Function):
    @staticmethod
    def forward(ctx, x):
        dh = x[:, 1:, :] - x[:, :-1, :]
        dw = x[:, :, 1:] - x[:, :, :-1]
        ctx.save_for_backward(dh, dw)
        return (dh * dh).sum() + (dw * dw).sum()

    @staticmethod
    def backward(ctx, grad):
        dh, dw = ctx.saved_tensors
        g = torch.zeros(dh.shape[0], dh.shape[1] + 1, dh.shape[2], dtype=dh.dtype)
        g[:, 1:, :] += 2 * dh
        g[:, :-1, :] -= 2 * dh
        g[:, :, 1:] += 2 * dw
        g[:, :, :-1] -= 2 * dw
        return grad * g


def sample_inputs():
    mask = (normal(2, 3, 4, grad=False) > 0).double()
    return {
        "FocalLoss": (normal(5, 4), labels(5, 4), 2.0),
        "DiceLoss": (normal(2, 3, 4), mask),
        "LovaszHinge": ((normal(9, grad=False) * 3).requires_grad_(), (torch.arange(9) % 3 == 0).double()),
        "LabelSmoothing": (normal(5, 4), labels(5, 4), 0.1),
        "CrossEntropy": (normal(5, 4), torch.tensor([1, 0, -1, 3, 2])),
        "BCEWithLogits": (
            normal(4, 3),
            (normal(4, 3, seed=2, grad=False) > 0).double(),
            torch.tensor([1.0, 2.0, 3.0]).double(),
        ),
        "Huber": (normal(4, 5), normal(4, 5, seed=3), 1.0),
        "InfoNCE": (normal(4, 3), normal(4, 3, seed=1), 0.5),
        "CosineLoss": (normal(4, 5), normal(4, 5, seed=1)),
        "TotalVariation": (normal(2, 4, 3),),
    }


PIECES = (
    Piece(
        FocalLoss,
        (
            Mistake("cut_path", "gamma * (1 - p) ** (gamma - 1) * p * logp - (1 - p) ** gamma", "-((1 - p) ** gamma)"),
            Mistake("factor", " / logits.shape[0], None", ", None"),
            Mistake("factor", "onehot - torch.softmax(logits, -1)", "torch.softmax(logits, -1) - onehot"),
            Mistake("scaled_path", "slope = gamma * (1 - p)", "slope = (1 - p)"),
            Mistake("upstream_ignored", "grad * slope", "slope"),
        ),
    ),
    Piece(
        DiceLoss,
        (
            Mistake("local_slope", "by_p * p * (1 - p)", "by_p"),
            Mistake(
                "cut_path", "(2 * overlap + 1) / (size + 1) ** 2 - 2 * target / (size + 1)", "-2 * target / (size + 1)"
            ),
            Mistake("scaled_path local_slope", "- 2 * target / (size + 1)", "- target / (size + 1)"),
            Mistake("sign_of_term", "** 2 - 2 * target", "** 2 + 2 * target"),
            Mistake("upstream_ignored", "grad * by_p", "by_p"),
        ),
    ),
    Piece(
        LovaszHinge,
        (
            Mistake("permuted unexplained", "back[order] = by_error", "back = by_error[order]"),
            Mistake("factor_of_input local_slope", "-signs * back", "-back"),
            Mistake("region local_slope", " * (ordered > 0)", ""),
            Mistake("factor", "-signs * back", "signs * back"),
            Mistake("upstream_ignored", "grad * weights", "weights"),
        ),
    ),
    Piece(
        LabelSmoothing,
        (
            Mistake("factor", " / n, None", ", None"),
            Mistake("scaled_path axis_term extra_term", "ctx.smoothing / classes)", "ctx.smoothing)"),
            Mistake("cut_path", "(logp.exp() - wanted)", "(-wanted)"),
            Mistake("factor", "/ n, None", "/ (n * classes), None"),
            Mistake("unexplained", "logp.exp() - wanted", "logp - wanted"),
        ),
    ),
    Piece(
        CrossEntropy,
        (
            Mistake("region one_sample local_slope", "g * keep[:, None] / keep.sum()", "g / keep.sum()"),
            Mistake("factor", "keep[:, None] / keep.sum()", "keep[:, None] / len(keep)"),
            Mistake("factor", "keep[:, None] / keep.sum()\n        return", "keep[:, None]\n        return"),
            Mistake("cut_path", "-= 1", "-= 0"),
            Mistake("sign_of_term", "-= 1", "+= 1"),
        ),
    ),
    Piece(
        BCEWithLogits,
        (
            Mistake("factor", "g / logits.numel()", "g / logits.shape[0]"),
            Mistake("region cut_path local_slope factor_of_input", "pos_weight * target * (s - 1)", "target * (s - 1)"),
            Mistake("region cut_path", " + (1 - target) * s", ""),
            Mistake("factor", "grad * g", "-grad * g"),
            Mistake("region sign_of_term", "(s - 1)", "(1 - s)"),
        ),
    ),
    Piece(
        Huber,
        (
            Mistake("factor", "return g, -g, None", "return g, g, None"),
            Mistake("region factor_of_input wrong_slope", "torch.clamp(r, -ctx.delta, ctx.delta)", "r"),
            Mistake("region clipped", "-ctx.delta, ctx.delta)", "-ctx.delta / 2, ctx.delta / 2)"),
            Mistake("sign_only region factor_of_input", "torch.clamp(r, -ctx.delta, ctx.delta)", "torch.sign(r)"),
            Mistake("zero", "return g, -g, None", "return g, None, None"),
        ),
    ),
    Piece(
        InfoNCE,
        (
            Mistake("factor", " / ctx.temperature * grad", " * grad"),
            Mistake("transposed", "g.t() @ a", "g @ a"),
            Mistake("swapped", "return g @ b, g.t() @ a, None", "return g.t() @ a, g @ b, None"),
            Mistake("cut_path", "(logp.exp() - torch.eye(len(a), dtype=a.dtype))", "logp.exp()"),
            Mistake("factor", " / len(a) / ctx", " / ctx"),
        ),
    ),
    Piece(
        CosineLoss,
        (
            Mistake("cut_path", "(y / (nx * ny) - cos * x / nx**2)", "(y / (nx * ny))"),
            Mistake("swapped", "return gx, gy", "return gy, gx"),
            Mistake("factor", "return gx, gy", "return gx, -gy"),
            Mistake("sign_of_term", "x / (nx * ny) - cos", "x / (nx * ny) + cos"),
            Mistake("wrong_slope", "cos * x / nx**2", "cos * x / nx"),
        ),
    ),
    Piece(
        TotalVariation,
        (
            Mistake("cut_path", "g[:, :-1, :] -= 2 * dh\n", "\n"),
            Mistake("sign_of_term", "g[:, :, :-1] -= 2 * dw", "g[:, :, :-1] += 2 * dw"),
            Mistake("factor", "return grad * g", "return grad * g / 2"),
            Mistake("scaled_path", "g[:, :, 1:] += 2 * dw", "g[:, :, 1:] += dw"),
            Mistake("region", "return grad * g", "g[:, 0] = 0\n        return grad * g"),
        ),
    ),
)
