"""Scans and gated cells."""

from __future__ import annotations

import torch
from torch.autograd import Function

from benchmarks.unseen.plants import normal, plant


class Wkv(Function):
    @staticmethod
    def forward(ctx, k, v, decay, bonus):
        a, b, out, before = torch.zeros_like(v[0]), torch.zeros_like(v[0]), [], []
        for t in range(len(k)):
            before += [a, b]
            e = torch.exp(bonus + k[t])
            out.append((a + e * v[t]) / (b + e))
            a = torch.exp(-decay) * a + torch.exp(k[t]) * v[t]
            b = torch.exp(-decay) * b + torch.exp(k[t])
        ctx.save_for_backward(k, v, decay, bonus, *before)
        return torch.stack(out)

    @staticmethod
    def backward(ctx, g):
        k, v, decay, bonus, *before = ctx.saved_tensors
        gk, gv, gd, gu = torch.zeros_like(k), torch.zeros_like(v), torch.zeros_like(decay), torch.zeros_like(bonus)
        ga, gb, d = torch.zeros_like(v[0]), torch.zeros_like(v[0]), torch.exp(-decay)
        for t in reversed(range(len(k))):
            a, b = before[2 * t], before[2 * t + 1]
            e, p = torch.exp(bonus + k[t]), torch.exp(k[t])
            y = (a + e * v[t]) / (b + e)
            gy = g[t] / (b + e)
            gv[t] = ga * p + gy * e
            gd -= d * (ga * a + gb * b)
            ge = gy * (v[t] - y)
            gk[t] = p * (ga * v[t] + gb) + ge * e
            gu += ge * e
            ga, gb = ga * d + gy, gb * d - gy * y
        return gk, gv, gd, gu


class SelectiveScan(Function):
    @staticmethod
    def forward(ctx, x, dt, a, b, c):
        h, states, out = torch.zeros_like(a), [], []
        for t in range(len(x)):
            h = torch.exp(dt[t][:, None] * a) * h + (dt[t] * x[t])[:, None] * b[t]
            states.append(h)
            out.append(h @ c[t])
        ctx.save_for_backward(x, dt, a, b, c, *states)
        return torch.stack(out)

    @staticmethod
    def backward(ctx, g):
        x, dt, a, b, c, *states = ctx.saved_tensors
        gx, gdt, ga, gb, gc = (torch.zeros_like(one) for one in (x, dt, a, b, c))
        gh = torch.zeros_like(a)
        for t in reversed(range(len(x))):
            gh = gh + g[t][:, None] * c[t]
            gc[t] = g[t] @ states[t]
            decay = torch.exp(dt[t][:, None] * a)
            ge = gh * decay * (states[t - 1] if t else torch.zeros_like(a))
            ga += ge * dt[t][:, None]
            gdt[t] = (ge * a).sum(1) + (gh @ b[t]) * x[t]
            gx[t] = (gh @ b[t]) * dt[t]
            gb[t] = (dt[t] * x[t]) @ gh
            gh = gh * decay
        return gx, gdt, ga, gb, gc


class GruCell(Function):
    @staticmethod
    def forward(ctx, x, h, wi, wh):
        ir, iz, in_ = (x @ wi.t()).chunk(3, 1)
        hr, hz, hn = (h @ wh.t()).chunk(3, 1)
        r, z = torch.sigmoid(ir + hr), torch.sigmoid(iz + hz)
        n = torch.tanh(in_ + r * hn)
        ctx.save_for_backward(x, h, wi, wh, r, z, n, hn)
        return (1 - z) * n + z * h

    @staticmethod
    def backward(ctx, g):
        x, h, wi, wh, r, z, n, hn = ctx.saved_tensors
        gn = g * (1 - z) * (1 - n**2)
        gz = g * (h - n) * z * (1 - z)
        gr = gn * hn * r * (1 - r)
        gi, gh = torch.cat([gr, gz, gn], 1), torch.cat([gr, gz, gn * r], 1)
        return gi @ wi, gh @ wh + g * z, gi.t() @ x, gh.t() @ h


def sample_inputs():
    """The arguments of each function above, by its name."""
    return {
        "Wkv": (normal(4, 3), normal(4, 3, seed=1), normal(3).detach().abs().requires_grad_(), normal(3, seed=1)),
        "SelectiveScan": (
            normal(4, 3),
            normal(4, 3, seed=1).detach().abs().requires_grad_(),
            (-normal(3, 2).detach().abs()).requires_grad_(),
            normal(4, 2),
            normal(4, 2, seed=1),
        ),
        "GruCell": (normal(4, 3), normal(4, 2), normal(6, 3), normal(6, 2)),
    }


PLANTED = (
    plant("Wkv", "cut_path", "gb * d - gy * y", "gb * d", "b \\+ e"),
    plant("Wkv", "cut_path", "ga * p + gy * e", "ga * p", "e \\* v"),
    plant("Wkv", "factor", "gd -= d", "gd += d", "sign"),
    plant("SelectiveScan", "cut_path", "(ge * a).sum(1) + (gh @ b[t]) * x[t]", "(ge * a).sum(1)", "dt\\[t\\] \\* x"),
    plant(
        "SelectiveScan",
        "local_slope wrong_slope factor_of_input",
        "ge = gh * decay * (",
        "ge = gh * (",
        "exp",
    ),
    plant(
        "SelectiveScan",
        "local_slope factor_of_input wrong_operand",
        "(dt[t] * x[t]) @ gh",
        "x[t] @ gh",
        "dt",
    ),
    plant("GruCell", "local_slope region factor_of_input", "gn * r]", "gn]", "r \\* hn|\\br\\b|sigmoid"),
    plant("GruCell", "cut_path", " + g * z,", ",", "z \\* h"),
    plant("GruCell", "sign_of_term factor region scaled_path", "(h - n)", "(n - h)", "sign|−1"),
)
