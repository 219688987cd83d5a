"""Interpolation, transport, rotations and least squares."""

from __future__ import annotations

import torch
from torch.autograd import Function

from benchmarks.unseen.plants import normal, plant


class SinkhornStep(Function):
    @staticmethod
    def forward(ctx, cost, potential, eps):
        f = -eps * torch.logsumexp((potential - cost) / eps, 1)
        h = -eps * torch.logsumexp((f[:, None] - cost) / eps, 0)
        ctx.save_for_backward(cost, potential, f, h)
        ctx.eps = eps
        return h

    @staticmethod
    def backward(ctx, g):
        cost, potential, f, h = ctx.saved_tensors
        p = torch.exp((potential - cost + f[:, None]) / ctx.eps)
        q = torch.exp((f[:, None] - cost + h) / ctx.eps)
        gf = -(g * q).sum(1, keepdim=True)
        return g * q + gf * p, -(gf * p).sum(0), None


class CatmullRom(Function):
    @staticmethod
    def forward(ctx, points, u, start):
        p0, p1, p2, p3 = (points[start + shift] for shift in range(4))
        u1 = u[:, None]
        linear, square, cube = p2 - p0, 2 * p0 - 5 * p1 + 4 * p2 - p3, 3 * p1 - p0 - 3 * p2 + p3
        ctx.save_for_backward(points, u1, start)
        return 0.5 * (2 * p1 + linear * u1 + square * u1**2 + cube * u1**3)

    @staticmethod
    def backward(ctx, g):
        points, u, start = ctx.saved_tensors
        weights = (
            -u + 2 * u**2 - u**3,
            2 - 5 * u**2 + 3 * u**3,
            u + 4 * u**2 - 3 * u**3,
            u**3 - u**2,
        )
        slopes = (
            -1 + 4 * u - 3 * u**2,
            9 * u**2 - 10 * u,
            1 + 8 * u - 9 * u**2,
            3 * u**2 - 2 * u,
        )
        gp, gu = torch.zeros_like(points), torch.zeros_like(u[:, 0])
        for shift in range(4):
            gp.index_add_(0, start + shift, 0.5 * weights[shift] * g)
            gu += 0.5 * (slopes[shift] * g * points[start + shift]).sum(1)
        return gp, gu, None


class Cayley(Function):
    @staticmethod
    def forward(ctx, x):
        s, eye = x - x.t(), torch.eye(len(x), dtype=x.dtype)
        q = torch.linalg.solve(eye + s, eye - s)
        ctx.save_for_backward(s, q, eye)
        return q

    @staticmethod
    def backward(ctx, g):
        s, q, eye = ctx.saved_tensors
        inverse = torch.linalg.inv(eye + s)
        gs = -inverse.t() @ g @ (q + eye).t()
        return gs - gs.t()


class SoftHistogram(Function):
    @staticmethod
    def forward(ctx, x, centres, width):
        z = (x[:, None] - centres) / width
        k = torch.exp(-0.5 * z**2)
        w = k / k.sum(1, keepdim=True)
        ctx.save_for_backward(z, w)
        ctx.width = width
        return w.mean(0)

    @staticmethod
    def backward(ctx, g):
        z, w = ctx.saved_tensors
        gw = g.expand_as(w) / len(w)
        gl = w * (gw - (w * gw).sum(1, keepdim=True))
        gz = -gl * z / ctx.width
        return gz.sum(1), -gz.sum(0), None


class GaussNewton(Function):
    @staticmethod
    def forward(ctx, j, r, damping):
        a = j.t() @ j + damping * torch.eye(j.shape[1], dtype=j.dtype)
        step = torch.linalg.solve(a, j.t() @ r)
        ctx.save_for_backward(j, r, a, step)
        return step

    @staticmethod
    def backward(ctx, g):
        j, r, a, step = ctx.saved_tensors
        y = torch.linalg.solve(a, g)
        gj = torch.outer(r - j @ step, y) - torch.outer(j @ y, step)
        return gj, j @ y, None


def sample_inputs():
    """The arguments of each function above, by its name."""
    return {
        "SinkhornStep": (normal(4, 5), normal(5), 0.7),
        "CatmullRom": (
            normal(7, 2),
            torch.tensor([0.3, 0.7, 0.2, 0.6, 0.1], dtype=torch.float64, requires_grad=True),
            torch.tensor([0, 1, 2, 3, 3]),
        ),
        "Cayley": (normal(4, 4),),
        "SoftHistogram": (normal(6), normal(4), 0.6),
        "GaussNewton": (normal(5, 3), normal(5), 0.5),
    }


PLANTED = (
    plant("SinkhornStep", "cut_path", "g * q + gf * p,", "g * q,", "potential - cost"),
    plant(
        "SinkhornStep",
        "wrong_operand wrong_slope reduction_axis",
        "-(g * q).sum(1, keepdim=True)",
        "-(g * p).sum(1, keepdim=True)",
        "logsumexp",
    ),
    plant("SinkhornStep", "factor", ", -(gf * p).sum(0)", ", (gf * p).sum(0)", "sign"),
    plant(
        "CatmullRom",
        "permuted region cut_path overwritten wrong_operand transposed",
        "gp.index_add_(0, start + shift,",
        "gp.index_add_(0, start + min(shift, 2),",
        "start \\+ shift|shift",
    ),
    plant("CatmullRom", "cut_path", "1 + 8 * u - 9 * u**2", "8 * u - 9 * u**2", "linear|p2 - p0"),
    plant("CatmullRom", "scaled_path", "9 * u**2 - 10 * u", "9 * u**2 - 5 * u", "1/2|½"),
    plant("Cayley", "cut_path", "return gs - gs.t()", "return gs", "x\\.t|x - x"),
    plant("Cayley", "cut_path", "(q + eye).t()", "q.t()", "eye - s"),
    plant("Cayley", "transposed", "-inverse.t() @ g", "-inverse @ g", "transpose|inverse"),
    plant("SoftHistogram", "cut_path", "w * (gw - (w * gw).sum(1, keepdim=True))", "w * gw", "k\\.sum"),
    plant("SoftHistogram", "factor", "-gl * z / ctx.width", "-gl * z", "0\\.6|width"),
    plant("SoftHistogram", "factor", "-gz.sum(0)", "gz.sum(0)", "sign"),
    plant("GaussNewton", "cut_path", " - torch.outer(j @ y, step)", "", "j\\.t\\(\\) @ j|\\bj\\b"),
    plant("GaussNewton", "sign_of_term", "r - j @ step", "r + j @ step", "sign"),
    plant("GaussNewton", "local_slope wrong_operand", "gj, j @ y, None", "gj, j @ g, None", "solve"),
)
