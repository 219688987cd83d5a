"""Layers written in NumPy, as in the assignments of cs231n; a plain version in torch stands beside each."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch.autograd import Function

from handwritten.pieces import Mistake, Piece, labels, normal


def arrays(*tensors):
    return tuple(t.detach().numpy() for t in tensors)


class Affine(Function):
    @staticmethod
    def forward(ctx, x, w, b):
        ctx.save_for_backward(x, w)
        x, w, b = arrays(x, w, b)
        return torch.from_numpy(x.reshape(len(x), -1) @ w + b)

    @staticmethod
    def backward(ctx, dout):
        x, w = arrays(*ctx.saved_tensors)
        (dout,) = arrays(dout)
        dx = (dout @ w.T).reshape(x.shape)
        dw = x.reshape(len(x), -1).T @ dout
        db = dout.sum(0)
        return tuple(torch.from_numpy(g) for g in (dx, dw, db))


class NaiveConv(Function):
    """Stride 1, with padding."""

    @staticmethod
    def forward(ctx, x, w, pad):
        ctx.save_for_backward(x, w)
        ctx.pad = pad
        x, w = arrays(x, w)
        padded = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
        height, width = x.shape[2] + 2 * pad - w.shape[2] + 1, x.shape[3] + 2 * pad - w.shape[3] + 1
        out = np.zeros((len(x), len(w), height, width))
        for i in range(height):
            for j in range(width):
                out[:, :, i, j] = np.tensordot(
                    padded[:, :, i : i + w.shape[2], j : j + w.shape[3]], w, ([1, 2, 3], [1, 2, 3])
                )
        return torch.from_numpy(out)

    @staticmethod
    def backward(ctx, dout):
        x, w = arrays(*ctx.saved_tensors)
        (dout,) = arrays(dout)
        pad = ctx.pad
        padded = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
        dpadded, dw = np.zeros_like(padded), np.zeros_like(w)
        for i in range(dout.shape[2]):
            for j in range(dout.shape[3]):
                window = padded[:, :, i : i + w.shape[2], j : j + w.shape[3]]
                dw += np.tensordot(dout[:, :, i, j], window, ([0], [0]))
                dpadded[:, :, i : i + w.shape[2], j : j + w.shape[3]] += np.tensordot(dout[:, :, i, j], w, ([1], [0]))
        dx = dpadded[:, :, pad:-pad, pad:-pad]
        return torch.from_numpy(dx.copy()), torch.from_numpy(dw), None


class MaxPool(Function):
    """Windows of 2 × 2."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        (x,) = arrays(x)
        n, c, h, w = x.shape
        return torch.from_numpy(x.reshape(n, c, h // 2, 2, w // 2, 2).max((3, 5)))

    @staticmethod
    def backward(ctx, dout):
        (x,) = arrays(*ctx.saved_tensors)
        (dout,) = arrays(dout)
        n, c, h, w = x.shape
        windows = x.reshape(n, c, h // 2, 2, w // 2, 2)
        mask = windows == windows.max((3, 5), keepdims=True)
        dx = mask * dout[:, :, :, None, :, None]
        return torch.from_numpy(dx.reshape(x.shape))


class BatchNormByNodes(Function):
    """The graph of the lecture notes, node by node."""

    @staticmethod
    def forward(ctx, x, gamma):
        ctx.save_for_backward(x, gamma)
        x, gamma = arrays(x, gamma)
        mu = x.mean(0)
        xmu = x - mu
        return torch.from_numpy(gamma * xmu / np.sqrt((xmu**2).mean(0) + 1e-5))

    @staticmethod
    def backward(ctx, dout):
        x, gamma = arrays(*ctx.saved_tensors)
        (dout,) = arrays(dout)
        n = len(x)
        xmu = x - x.mean(0)
        sqrtvar = np.sqrt((xmu**2).mean(0) + 1e-5)
        dgamma = (dout * xmu / sqrtvar).sum(0)
        dxhat = dout * gamma
        divar = (dxhat * xmu).sum(0)
        dvar = -0.5 / sqrtvar**3 * divar
        dxmu = dxhat / sqrtvar + 2 * xmu * dvar / n
        dx = dxmu - dxmu.sum(0) / n
        return torch.from_numpy(dx), torch.from_numpy(dgamma)


class Dropout(Function):
    """Inverted, with a mask that is given."""

    @staticmethod
    def forward(ctx, x, mask, p):
        ctx.save_for_backward(mask)
        ctx.p = p
        x, mask = arrays(x, mask)
        return torch.from_numpy(x * mask / p)

    @staticmethod
    def backward(ctx, dout):
        (mask,) = arrays(*ctx.saved_tensors)
        (dout,) = arrays(dout)
        return torch.from_numpy(dout * mask / ctx.p), None, None


class SoftmaxLoss(Function):
    @staticmethod
    def forward(ctx, x, y):
        ctx.save_for_backward(x, y)
        x, y = arrays(x, y)
        shifted = x - x.max(1, keepdims=True)
        logp = shifted - np.log(np.exp(shifted).sum(1, keepdims=True))
        return torch.tensor(-logp[np.arange(len(x)), y].mean())

    @staticmethod
    def backward(ctx, dout):
        x, y = arrays(*ctx.saved_tensors)
        e = np.exp(x - x.max(1, keepdims=True))
        dx = e / e.sum(1, keepdims=True)
        dx[np.arange(len(x)), y] -= 1
        dx /= len(x)
        return dout * torch.from_numpy(dx), None


class SVMLoss(Function):
    @staticmethod
    def forward(ctx, x, y):
        ctx.save_for_backward(x, y)
        x, y = arrays(x, y)
        margins = np.maximum(0, x - x[np.arange(len(x)), y][:, None] + 1)
        margins[np.arange(len(x)), y] = 0
        return torch.tensor(margins.sum() / len(x))

    @staticmethod
    def backward(ctx, dout):
        x, y = arrays(*ctx.saved_tensors)
        rows = np.arange(len(x))
        positive = (x - x[rows, y][:, None] + 1 > 0).astype(float)
        positive[rows, y] = 0
        positive[rows, y] -= positive.sum(1)
        dx = positive / len(x)
        return dout * torch.from_numpy(dx), None


class RNNStep(Function):
    @staticmethod
    def forward(ctx, x, h, wx, wh):
        following = np.tanh(x.detach().numpy() @ wx.detach().numpy() + h.detach().numpy() @ wh.detach().numpy())
        out = torch.from_numpy(following)
        ctx.save_for_backward(x, h, wx, wh, out)
        return out

    @staticmethod
    def backward(ctx, dout):
        x, h, wx, wh, out = arrays(*ctx.saved_tensors)
        (dout,) = arrays(dout)
        da = dout * (1 - out**2)
        return tuple(torch.from_numpy(g) for g in (da @ wx.T, da @ wh.T, x.T @ da, h.T @ da))


def batch_norm(x, gamma):
    return F.batch_norm(x, None, None, gamma, None, training=True, eps=1e-5)


def svm_loss(x, y):
    margins = F.relu(x - x.gather(1, y[:, None]) + 1)
    return (margins.sum() - len(x)) / len(x)


def sample_inputs():
    return {
        "Affine": (normal(4, 2, 3), normal(6, 3), normal(3)),
        "NaiveConv": (normal(2, 2, 4, 4), normal(3, 2, 3, 3), 1),
        "MaxPool": (normal(2, 2, 4, 4),),
        "BatchNormByNodes": (normal(5, 3), normal(3)),
        "Dropout": (normal(4, 5), (normal(4, 5, seed=5, grad=False) > 0).double(), 0.5),
        "SoftmaxLoss": (normal(5, 4), labels(5, 4)),
        "SVMLoss": (normal(5, 4), labels(5, 4)),
        "RNNStep": (normal(4, 3), normal(4, 2), normal(3, 2), normal(2, 2)),
    }


PIECES = (
    Piece(
        Affine,
        (
            Mistake("factor", "db = dout.sum(0)", "db = dout.mean(0)"),
            Mistake("factor", "x.reshape(len(x), -1).T @ dout", "x.reshape(len(x), -1).T @ dout / len(x)"),
            Mistake("reduction_axis one_sample some_samples", "db = dout.sum(0)", "db = dout[0].copy()"),
            Mistake("region one_sample zero", "db = dout.sum(0)", "db = dout.sum(0)\n        dx[0] = 0"),
            Mistake(
                "upstream_ignored",
                "dw = x.reshape(len(x), -1).T @ dout",
                "dw = x.reshape(len(x), -1).T @ np.ones_like(dout)",
            ),
        ),
        reference=lambda x, w, b: x.flatten(1) @ w + b,
    ),
    Piece(
        NaiveConv,
        (
            Mistake(
                "region",
                "dx = dpadded[:, :, pad:-pad, pad:-pad]",
                "dx = dpadded[:, :, pad:-pad, pad:-pad]\n        dx[:, :, 0] = 0",
            ),
            Mistake(
                "permuted transposed unexplained",
                "dx = dpadded[:, :, pad:-pad, pad:-pad]",
                "dx = dpadded[:, :, : x.shape[2], : x.shape[3]]",
            ),
            Mistake("transposed", "torch.from_numpy(dw), None", "torch.from_numpy(dw[:, :, ::-1, ::-1].copy()), None"),
            Mistake("overwritten", "dw += np.tensordot", "dw = np.tensordot"),
            Mistake(
                "some_samples one_sample region reduction_axis", "range(dout.shape[2])", "range(dout.shape[2] - 1)"
            ),
        ),
        reference=lambda x, w, pad: F.conv2d(x, w, padding=pad),
    ),
    Piece(
        MaxPool,
        (
            Mistake("mask_inverted", "windows == windows.max", "windows != windows.max"),
            Mistake(
                "region unexplained local_slope",
                "windows == windows.max((3, 5), keepdims=True)",
                "np.ones_like(windows)",
            ),
            Mistake("factor", "mask * dout", "mask / 4 * dout"),
            Mistake(
                "permuted mask_inverted unexplained",
                "windows.max((3, 5), keepdims=True)",
                "windows.min((3, 5), keepdims=True)",
            ),
            Mistake("upstream_ignored", "dx = mask * dout[:, :, :, None, :, None]", "dx = mask * 1.0"),
        ),
        reference=lambda x: F.max_pool2d(x, 2),
    ),
    Piece(
        BatchNormByNodes,
        (
            Mistake("cut_path", "dx = dxmu - dxmu.sum(0) / n", "dx = dxmu"),
            Mistake("scaled_path", "2 * xmu * dvar / n", "xmu * dvar / n"),
            Mistake("cut_path", "dxhat / sqrtvar + 2 * xmu * dvar / n", "dxhat / sqrtvar"),
            Mistake("sign_of_term", "dvar = -0.5", "dvar = 0.5"),
            Mistake(
                "factor_of_input unexplained", "dgamma = (dout * xmu / sqrtvar).sum(0)", "dgamma = (dout * xmu).sum(0)"
            ),
        ),
        reference=batch_norm,
    ),
    Piece(
        Dropout,
        (
            Mistake("factor", "dout * mask / ctx.p", "dout * mask"),
            Mistake("mask_inverted", "dout * mask / ctx.p", "dout * (1 - mask) / ctx.p"),
            Mistake("region local_slope", "dout * mask / ctx.p", "dout / ctx.p"),
            Mistake("upstream_ignored", "dout * mask / ctx.p", "mask / ctx.p"),
            Mistake("factor", "dout * mask / ctx.p", "dout * mask * ctx.p"),
        ),
        reference=lambda x, mask, p: x * mask / p,
    ),
    Piece(
        SoftmaxLoss,
        (
            Mistake("factor", "        dx /= len(x)\n", ""),
            Mistake("cut_path region", "        dx[np.arange(len(x)), y] -= 1\n", ""),
            Mistake("upstream_ignored", "dout * torch", "torch"),
            Mistake("unexplained", "e / e.sum(1, keepdims=True)", "e / e.sum(0, keepdims=True)"),
            Mistake("factor", "dx /= len(x)", "dx /= dx.size"),
        ),
        reference=lambda x, y: F.cross_entropy(x, y),
    ),
    Piece(
        SVMLoss,
        (
            Mistake("cut_path region", "        positive[rows, y] -= positive.sum(1)\n", ""),
            Mistake("sign_of_term region", "positive[rows, y] -= positive", "positive[rows, y] += positive"),
            Mistake("factor", "dx = positive / len(x)", "dx = positive"),
            Mistake("region unexplained", "[:, None] + 1 > 0", "[:, None] > 0"),
            Mistake("region one_sample", "dx = positive / len(x)", "dx = positive / len(x)\n        dx[0] = 0"),
        ),
        reference=svm_loss,
    ),
    Piece(
        RNNStep,
        (
            Mistake("local_slope", "da = dout * (1 - out**2)", "da = dout"),
            Mistake("wrong_slope", "1 - out**2", "1 - out"),
            Mistake("transposed", "h.T @ da))", "(h.T @ da).T.copy()))"),
            Mistake("transposed", "da @ wh.T", "da @ wh"),
            Mistake("factor", "da @ wx.T,", "2 * da @ wx.T,"),
        ),
        reference=lambda x, h, wx, wh: torch.tanh(x @ wx + h @ wh),
    ),
)
