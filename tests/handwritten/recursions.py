"""Recursions over time: soft dynamic time warping in NumPy, a linear chain, a selective scan."""

from __future__ import annotations

import numpy as np
import torch
from torch.autograd import Function

from handwritten.pieces import Mistake, Piece, normal


def soft_distances(D, gamma):
    n, m = D.shape
    R = np.full((n + 2, m + 2), np.inf)
    R[0, 0] = 0
    for i in range(1, n + 1):
        for j in range(1, m + 1):
            r = -np.array([R[i - 1, j - 1], R[i - 1, j], R[i, j - 1]]) / gamma
            R[i, j] = D[i - 1, j - 1] - gamma * (np.log(np.exp(r - r.max()).sum()) + r.max())
    return R


def soft_dtw_in_torch(D, gamma):
    n, m = D.shape
    R = {(0, 0): D.new_zeros(())}
    for i in range(1, n + 1):
        for j in range(1, m + 1):
            before = [R[k] for k in ((i - 1, j - 1), (i - 1, j), (i, j - 1)) if k in R]
            R[i, j] = D[i - 1, j - 1] - gamma * torch.logsumexp(-torch.stack(before) / gamma, 0)
    return R[n, m]


class SoftDTW(Function):
    """Cuturi and Blondel 2017."""

    @staticmethod
    def forward(ctx, D, gamma):
        R = soft_distances(D.detach().numpy().astype(np.float64), gamma)
        ctx.save_for_backward(D, torch.from_numpy(R))
        ctx.gamma = gamma
        return torch.tensor(R[-2, -2], dtype=D.dtype)

    @staticmethod
    def backward(ctx, grad):
        D, R = (tensor.detach().numpy().astype(np.float64) for tensor in ctx.saved_tensors)
        n, m = D.shape
        D = np.pad(D, 1)
        E = np.zeros((n + 2, m + 2))
        E[-1, -1] = 1
        R[:, -1] = -np.inf
        R[-1, :] = -np.inf
        R[-1, -1] = R[-2, -2]
        for j in range(m, 0, -1):
            for i in range(n, 0, -1):
                a = np.exp((R[i + 1, j] - R[i, j] - D[i + 1, j]) / ctx.gamma)
                b = np.exp((R[i, j + 1] - R[i, j] - D[i, j + 1]) / ctx.gamma)
                c = np.exp((R[i + 1, j + 1] - R[i, j] - D[i + 1, j + 1]) / ctx.gamma)
                E[i, j] = E[i + 1, j] * a + E[i, j + 1] * b + E[i + 1, j + 1] * c
        return grad * torch.from_numpy(E[1:-1, 1:-1]).to(grad.dtype), None


class ChainPartition(Function):
    """log Σ over all label sequences of a linear chain; its gradients are the marginals."""

    @staticmethod
    def forward(ctx, emit, trans):
        alphas = [emit[0]]
        for t in range(1, emit.shape[0]):
            alphas.append(torch.logsumexp(alphas[-1][:, None] + trans, 0) + emit[t])
        z = torch.logsumexp(alphas[-1], 0)
        ctx.save_for_backward(emit, trans, torch.stack(alphas), z)
        return z

    @staticmethod
    def backward(ctx, grad):
        emit, trans, alphas, z = ctx.saved_tensors
        last = emit.shape[0] - 1
        beta = torch.zeros_like(emit[0])
        by_emit, by_trans = torch.zeros_like(emit), torch.zeros_like(trans)
        by_emit[last] = (alphas[last] - z).exp()
        for t in range(last - 1, -1, -1):
            ahead = emit[t + 1] + beta
            by_trans += (alphas[t][:, None] + trans + ahead - z).exp()
            beta = torch.logsumexp(trans + ahead, 1)
            by_emit[t] = (alphas[t] + beta - z).exp()
        return grad * by_emit, grad * by_trans


class SelectiveScan(Function):
    """h_t = a_t h_{t−1} + b_t, y_t = Σ c_t h_t."""

    @staticmethod
    def forward(ctx, a, b, c):
        h, states = torch.zeros_like(b[0]), []
        for t in range(a.shape[0]):
            h = a[t] * h + b[t]
            states.append(h)
        states = torch.stack(states)
        ctx.save_for_backward(a, c, states)
        return (states * c).sum(-1)

    @staticmethod
    def backward(ctx, grad):
        a, c, states = ctx.saved_tensors
        by_a, by_b = torch.empty_like(a), torch.empty_like(a)
        carry = torch.zeros_like(a[0])
        for t in range(a.shape[0] - 1, -1, -1):
            carry = carry + grad[t, None] * c[t]
            by_b[t] = carry
            by_a[t] = carry * states[t - 1] if t else 0
            carry = carry * a[t]
        return by_a, by_b, grad[:, None] * states


def sample_inputs():
    return {
        "SoftDTW": (normal(5, 6).detach().abs().requires_grad_(), 0.7),
        "ChainPartition": (normal(6, 4), normal(4, 4)),
        "SelectiveScan": (
            torch.sigmoid(normal(9, 3).detach()).requires_grad_(),
            normal(9, 3, seed=1),
            normal(9, 3, seed=2),
        ),
    }


PIECES = (
    Piece(
        SoftDTW,
        (
            Mistake("factor", "E[-1, -1] = 1", "E[-1, -1] = 2"),
            Mistake("region unexplained", "E[i, j + 1] * b", "E[i, j + 1] * a"),
            Mistake("upstream_ignored", "grad * torch.from_numpy", "torch.from_numpy"),
            Mistake("zero", " + E[i + 1, j + 1] * c", ""),
            Mistake("factor", "return grad *", "return ctx.gamma * grad *"),
        ),
        reference=soft_dtw_in_torch,
    ),
    Piece(
        ChainPartition,
        (
            Mistake("region unexplained", "trans + ahead, 1)", "trans + ahead, 0)"),
            Mistake("cut_path", "by_emit[last] = (alphas[last] - z).exp()", "pass"),
            Mistake("cut_path", "by_trans += ", "by_trans = "),
            Mistake("upstream_ignored", "return grad * by_emit, grad", "return by_emit, grad"),
            Mistake("transposed", "grad * by_trans", "grad * by_trans.T"),
        ),
    ),
    Piece(
        SelectiveScan,
        (
            Mistake("cut_path region", "carry = carry * a[t]", "pass"),
            Mistake("unexplained", "carry * states[t - 1] if t else 0", "carry * states[t]"),
            Mistake("cut_path scaled_path region", "carry = carry + grad[t, None]", "carry = grad[t, None]"),
            Mistake("upstream_ignored", "grad[:, None] * states", "grad.sum() * states"),
            Mistake("swapped", "return by_a, by_b", "return by_b, by_a"),
        ),
    ),
)
