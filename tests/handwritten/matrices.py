"""Linear algebra, and functions that are solved for."""

from __future__ import annotations

import torch
from torch.autograd import Function

from handwritten.pieces import Mistake, Piece, normal


class MatrixSquareRoot(Function):
    """Of a symmetric positive definite matrix, by its eigenvalues; the backward solves the Sylvester equation."""

    @staticmethod
    def forward(ctx, a):
        values, vectors = torch.linalg.eigh(a)
        root = values.sqrt()
        ctx.save_for_backward(root, vectors)
        return vectors @ torch.diag(root) @ vectors.t()

    @staticmethod
    def backward(ctx, grad):
        root, vectors = ctx.saved_tensors
        inner = vectors.t() @ (grad + grad.t()) / 2 @ vectors
        return vectors @ (inner / (root[:, None] + root[None, :])) @ vectors.t()


def matrix_square_root(a):
    """By Newton's iteration of Denman and Beavers, which autograd can go through."""
    a = (a + a.t()) / 2
    y, z = a, torch.eye(len(a), dtype=a.dtype)
    for _ in range(12):
        y, z = (y + torch.linalg.inv(z)) / 2, (z + torch.linalg.inv(y)) / 2
    return y


class Inverse(Function):
    @staticmethod
    def forward(ctx, a):
        inv = torch.linalg.inv(a)
        ctx.save_for_backward(inv)
        return inv

    @staticmethod
    def backward(ctx, grad):
        (inv,) = ctx.saved_tensors
        return -inv.t() @ grad @ inv.t()


class LogDet(Function):
    @staticmethod
    def forward(ctx, a):
        ctx.save_for_backward(a)
        return torch.logdet(a)

    @staticmethod
    def backward(ctx, grad):
        (a,) = ctx.saved_tensors
        return grad * torch.linalg.inv(a).t()


class Solve(Function):
    @staticmethod
    def forward(ctx, a, b):
        x = torch.linalg.solve(a, b)
        ctx.save_for_backward(a, x)
        return x

    @staticmethod
    def backward(ctx, grad):
        a, x = ctx.saved_tensors
        gb = torch.linalg.solve(a.t(), grad)
        return -gb @ x.t(), gb


class Mahalanobis(Function):
    @staticmethod
    def forward(ctx, x, m):
        ctx.save_for_backward(x, m)
        return torch.sqrt(((x @ m) * x).sum(1))

    @staticmethod
    def backward(ctx, grad):
        x, m = ctx.saved_tensors
        d = torch.sqrt(((x @ m) * x).sum(1, keepdim=True))
        gx = grad[:, None] * (x @ (m + m.t())) / (2 * d)
        gm = (grad[:, None] * x / (2 * d)).t() @ x
        return gx, gm


class PairDistances(Function):
    @staticmethod
    def forward(ctx, x, y):
        diff = x[:, None, :] - y[None, :, :]
        d = diff.norm(dim=-1)
        ctx.save_for_backward(diff, d)
        return d

    @staticmethod
    def backward(ctx, grad):
        diff, d = ctx.saved_tensors
        g = grad[:, :, None] * diff / d[:, :, None]
        return g.sum(1), -g.sum(0)


def sample_inputs():
    a = normal(4, 4, grad=False)
    spd = (a @ a.t() + 2 * torch.eye(4, dtype=torch.float64)).requires_grad_()
    return {
        "MatrixSquareRoot": (spd,),
        "Inverse": ((a + 3 * torch.eye(4, dtype=torch.float64)).requires_grad_(),),
        "LogDet": (spd,),
        "Solve": ((a + 3 * torch.eye(4, dtype=torch.float64)).requires_grad_(), normal(4, 3)),
        "Mahalanobis": (normal(5, 4), spd),
        "PairDistances": (normal(4, 3), normal(4, 3, seed=1)),
    }


PIECES = (
    Piece(
        MatrixSquareRoot,
        (
            Mistake("factor", "root[:, None] + root[None, :])", "2 * root[:, None] + 2 * root[None, :])"),
            Mistake("unexplained", "root[:, None] + root[None, :])", "root[:, None])"),
            Mistake("unexplained", "(grad + grad.t()) / 2", "grad"),
            Mistake(
                "unexplained",
                "return vectors @ (inner / (root[:, None] + root[None, :])) @ vectors.t()",
                "return vectors.t() @ (inner / (root[:, None] + root[None, :])) @ vectors",
            ),
            Mistake(
                "upstream_ignored",
                "root, vectors = ctx.saved_tensors",
                "root, vectors = ctx.saved_tensors\n        grad = torch.ones_like(grad)",
            ),
        ),
        reference=matrix_square_root,
    ),
    Piece(
        Inverse,
        (
            Mistake("factor", "-inv.t()", "inv.t()"),
            Mistake("transposed", "-inv.t() @ grad @ inv.t()", "-inv @ grad @ inv"),
            Mistake("transposed", "return -inv.t() @ grad @ inv.t()", "return (-inv.t() @ grad @ inv.t()).t()"),
            Mistake("unexplained", "@ grad @ inv.t()", "@ grad"),
            Mistake(
                "saved_overwritten",
                "return -inv.t() @ grad @ inv.t()",
                "out = -inv.t() @ grad @ inv.t()\n        inv.mul_(2)\n        return out",
            ),
        ),
    ),
    Piece(
        LogDet,
        (
            Mistake("upstream_ignored", "grad * torch", "torch"),
            Mistake("unexplained", "torch.linalg.inv(a).t()", "a.t()"),
            Mistake("factor", "grad * torch", "-grad * torch"),
            Mistake("factor", "return grad * torch", "return grad * torch.det(a) * torch"),
            Mistake("precision", "torch.linalg.inv(a).t()", "torch.linalg.inv(a.float()).t()"),
        ),
    ),
    Piece(
        Solve,
        (
            Mistake("factor", "-gb @ x.t()", "gb @ x.t()"),
            Mistake("transposed", "-gb @ x.t()", "-x @ gb.t()"),
            Mistake("unexplained", "-gb @ x.t()", "-grad @ x.t()"),
            Mistake("factor", "x.t(), gb", "x.t(), 2 * gb"),
            Mistake("zero", "return -gb @ x.t(), gb", "return None, gb"),
        ),
    ),
    Piece(
        Mahalanobis,
        (
            Mistake("cut_path factor", "(m + m.t())", "m"),
            Mistake("factor", "(x @ (m + m.t())) / (2 * d)", "(x @ (m + m.t())) / d"),
            Mistake("factor_of_input local_slope", "(x @ (m + m.t())) / (2 * d)", "(x @ (m + m.t())) / 2"),
            Mistake("local_slope", "(grad[:, None] * x / (2 * d))", "(grad[:, None] * x)"),
            Mistake("upstream_ignored", "(grad[:, None] * x / (2 * d))", "(x / (2 * d))"),
        ),
    ),
    Piece(
        PairDistances,
        (
            Mistake("factor", "-g.sum(0)", "g.sum(0)"),
            Mistake("swapped reduction_axis", "return g.sum(1), -g.sum(0)", "return -g.sum(0), g.sum(1)"),
            Mistake("swapped", "return g.sum(1), -g.sum(0)", "return g.sum(0), -g.sum(0)"),
            Mistake("factor", "g.sum(1), -g.sum(0)", "g.mean(1), -g.sum(0)"),
            Mistake("wrong_slope", "* diff / d[:, :, None]", "* diff"),
        ),
    ),
)
