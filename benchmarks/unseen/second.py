"""A second collection, written after the diagnosis was mended with the first one."""

from __future__ import annotations

import torch
from torch.autograd import Function

from benchmarks.unseen.plants import normal, plant


class GatedPooling(Function):
    @staticmethod
    def forward(ctx, h, u):
        a = torch.softmax(h @ u, -1)
        ctx.save_for_backward(h, u, a)
        return (a[..., None] * h).sum(1)

    @staticmethod
    def backward(ctx, g):
        h, u, a = ctx.saved_tensors
        ga = (g[:, None] * h).sum(-1)
        gs = a * (ga - (a * ga).sum(-1, keepdim=True))
        return a[..., None] * g[:, None] + gs[..., None] * u, (gs[..., None] * h).sum((0, 1))


class FeatureNorm(Function):
    @staticmethod
    def forward(ctx, x, gamma):
        var = x.var(0, unbiased=False)
        rstd = 1 / torch.sqrt(var + 1e-3)
        xhat = (x - x.mean(0)) * rstd
        ctx.save_for_backward(xhat, rstd, gamma)
        return xhat * gamma

    @staticmethod
    def backward(ctx, g):
        xhat, rstd, gamma = ctx.saved_tensors
        gh = g * gamma
        gx = rstd * (gh - gh.mean(0) - xhat * (gh * xhat).mean(0))
        return gx, (g * xhat).sum(0)


class Triplet(Function):
    @staticmethod
    def forward(ctx, a, p, n, margin):
        dp, dn = (a - p).pow(2).sum(1), (a - n).pow(2).sum(1)
        on = (dp - dn + margin > 0).to(a.dtype)
        ctx.save_for_backward(a, p, n, on)
        return (dp - dn + margin).clamp(min=0).sum()

    @staticmethod
    def backward(ctx, g):
        a, p, n, on = ctx.saved_tensors
        s = 2 * g * on[:, None]
        return s * (n - p), s * (p - a), s * (a - n), None


class LeakyScan(Function):
    @staticmethod
    def forward(ctx, x, leak):
        v, out = torch.zeros_like(x[0]), []
        for t in range(len(x)):
            v = torch.tanh(leak * v + x[t])
            out.append(v)
        ctx.save_for_backward(x, leak, *out)
        return torch.stack(out)

    @staticmethod
    def backward(ctx, g):
        x, leak, *out = ctx.saved_tensors
        gx, gl, carry = torch.zeros_like(x), torch.zeros_like(leak), torch.zeros_like(x[0])
        for t in reversed(range(len(x))):
            pre = (g[t] + carry) * (1 - out[t] ** 2)
            gx[t] = pre
            if t > 0:
                gl += pre * out[t - 1]
            carry = pre * leak
        return gx, gl


class GaussianNLL(Function):
    @staticmethod
    def forward(ctx, mu, var, y):
        ctx.save_for_backward(mu, var, y)
        return 0.5 * (torch.log(var) + (y - mu) ** 2 / var).mean()

    @staticmethod
    def backward(ctx, g):
        mu, var, y = ctx.saved_tensors
        g = g / mu.numel()
        return g * (mu - y) / var, g * 0.5 * (1 / var - (y - mu) ** 2 / var**2), None


class Givens(Function):
    @staticmethod
    def forward(ctx, x, theta):
        c, s = torch.cos(theta), torch.sin(theta)
        a, b = x[:, 0], x[:, 1]
        ctx.save_for_backward(x, c, s)
        return torch.stack([c * a - s * b, s * a + c * b], 1)

    @staticmethod
    def backward(ctx, g):
        x, c, s = ctx.saved_tensors
        a, b = x[:, 0], x[:, 1]
        gx = torch.stack([c * g[:, 0] + s * g[:, 1], c * g[:, 1] - s * g[:, 0]], 1)
        gt = g[:, 0] * (-s * a - c * b) + g[:, 1] * (c * a - s * b)
        return gx, gt


class PowerMean(Function):
    @staticmethod
    def forward(ctx, x, p):
        m = x.pow(p).mean(-1).pow(1 / p)
        ctx.save_for_backward(x, m)
        ctx.p = p
        return m

    @staticmethod
    def backward(ctx, g):
        x, m = ctx.saved_tensors
        return g[..., None] * m[..., None] ** (1 - ctx.p) * x ** (ctx.p - 1) / x.shape[-1], None


class Mixup(Function):
    @staticmethod
    def forward(ctx, x, lam, order):
        ctx.save_for_backward(x, lam, order)
        return lam[:, None] * x + (1 - lam)[:, None] * x[order]

    @staticmethod
    def backward(ctx, g):
        x, lam, order = ctx.saved_tensors
        gx = lam[:, None] * g
        gx = gx.index_add(0, order, (1 - lam)[:, None] * g)
        return gx, (g * (x - x[order])).sum(1), None


class DepthwiseConv(Function):
    @staticmethod
    def forward(ctx, x, w):
        ctx.save_for_backward(x, w)
        n = x.shape[-1] - w.shape[-1] + 1
        return sum(x[..., i : i + n] * w[:, i, None] for i in range(w.shape[-1]))

    @staticmethod
    def backward(ctx, g):
        x, w = ctx.saved_tensors
        n, gx, gw = g.shape[-1], torch.zeros_like(x), torch.zeros_like(w)
        for i in range(w.shape[-1]):
            gx[..., i : i + n] += g * w[:, i, None]
            gw[:, i] = (g * x[..., i : i + n]).sum((0, 2))
        return gx, gw


class SoftThreshold(Function):
    @staticmethod
    def forward(ctx, x, t):
        y = torch.sign(x) * (x.abs() - t).clamp(min=0)
        ctx.save_for_backward(x, t)
        return y

    @staticmethod
    def backward(ctx, g):
        x, t = ctx.saved_tensors
        on = (x.abs() > t).to(x.dtype)
        return g * on, -(g * on * torch.sign(x)).sum(0)


class LogitNormal(Function):
    @staticmethod
    def forward(ctx, p, mu, s):
        z = (torch.log(p / (1 - p)) - mu) / s
        ctx.save_for_backward(p, z, s)
        return 0.5 * z**2 + torch.log(p * (1 - p)) + torch.log(s)

    @staticmethod
    def backward(ctx, g):
        p, z, s = ctx.saved_tensors
        gp = g * (z / s + 1 - 2 * p) / (p * (1 - p))
        return gp, (-g * z / s).sum(0), (g * (1 - z**2) / s).sum(0)


class OuterProductMean(Function):
    @staticmethod
    def forward(ctx, a, b):
        ctx.save_for_backward(a, b)
        return torch.einsum("nsi,nsj->nij", a, b) / a.shape[1]

    @staticmethod
    def backward(ctx, g):
        a, b = ctx.saved_tensors
        g = g / a.shape[1]
        return torch.einsum("nij,nsj->nsi", g, b), torch.einsum("nij,nsi->nsj", g, a)


class TemperedCE(Function):
    @staticmethod
    def forward(ctx, z, y, smooth):
        q = torch.full_like(z, smooth / z.shape[1]).scatter(1, y[:, None], 1 - smooth + smooth / z.shape[1])
        lp = torch.log_softmax(z / 1.5, 1)
        ctx.save_for_backward(lp, q)
        return -(q * lp).sum(1).mean()

    @staticmethod
    def backward(ctx, g):
        lp, q = ctx.saved_tensors
        return g * (lp.exp() - q) / 1.5 / len(q), None, None


class BilinearForm(Function):
    @staticmethod
    def forward(ctx, x, a, y):
        ctx.save_for_backward(x, a, y)
        return ((x @ a) * y).sum(1) / a.shape[0] ** 0.5

    @staticmethod
    def backward(ctx, g):
        x, a, y = ctx.saved_tensors
        g = g[:, None] / a.shape[0] ** 0.5
        return (g * y) @ a.t(), x.t() @ (g * y), g * (x @ a)


class Lerp(Function):
    @staticmethod
    def forward(ctx, a, b, w):
        s = torch.sigmoid(w)
        ctx.save_for_backward(a, b, s)
        return a + (b - a) * s

    @staticmethod
    def backward(ctx, g):
        a, b, s = ctx.saved_tensors
        return g * (1 - s), g * s, (g * (b - a) * s * (1 - s)).sum(0)


def sample_inputs():
    """The arguments of each function above, by its name."""

    def positive(*shape, seed=0):
        return normal(*shape, seed=seed).detach().exp().requires_grad_()

    return {
        "GatedPooling": (normal(3, 4, 5), normal(5)),
        "FeatureNorm": (normal(6, 4), normal(4)),
        "Triplet": (normal(5, 3), normal(5, 3, seed=1), normal(5, 3, seed=2), 1.0),
        "LeakyScan": (normal(5, 3), normal(3)),
        "GaussianNLL": (normal(4, 5), positive(4, 5, seed=1), normal(4, 5, seed=2, grad=False)),
        "Givens": (normal(5, 2), normal(5)),
        "PowerMean": (positive(4, 5), 3.0),
        "Mixup": (normal(5, 3), normal(5), torch.tensor([3, 0, 4, 1, 1])),
        "DepthwiseConv": (normal(2, 3, 8), normal(3, 3)),
        "SoftThreshold": (normal(5, 4), (normal(4).detach().abs() / 3).requires_grad_()),
        "LogitNormal": (torch.sigmoid(normal(5, 4).detach()).requires_grad_(), normal(4), positive(4, seed=1)),
        "OuterProductMean": (normal(2, 5, 3), normal(2, 5, 4)),
        "TemperedCE": (normal(5, 4), torch.tensor([0, 3, 1, 2, 1]), 0.1),
        "BilinearForm": (normal(5, 3), normal(3, 4), normal(5, 4, seed=1)),
        "Lerp": (normal(5, 3), normal(5, 3, seed=1), normal(3)),
    }


PLANTED = (
    plant("GatedPooling", "cut_path", "a * (ga - (a * ga).sum(-1, keepdim=True))", "a * ga", "softmax"),
    plant("GatedPooling", "cut_path", " + gs[..., None] * u,", ",", "h @ u|softmax"),
    plant("GatedPooling", "reduction_axis", "(a * ga).sum(-1, keepdim=True)", "(a * ga).sum(0, keepdim=True)", "ax"),
    plant("FeatureNorm", "factor", "(g * xhat).sum(0)", "(g * xhat).mean(0)", "axis 0"),
    plant("FeatureNorm", "cut_path", " - xhat * (gh * xhat).mean(0)", "", "var"),
    plant("FeatureNorm", "scaled_path factor_of_input", "xhat * (gh * xhat).mean(0)", "xhat * (gh * xhat).sum(0)", "6"),
    plant("Triplet", "mask_inverted", "2 * g * on[:, None]", "2 * g * (1 - on)[:, None]", "mask|invert"),
    plant(
        "Triplet",
        "cut_path region",
        "2 * g * on[:, None]",
        "2 * g * torch.ones_like(on)[:, None]",
        "clamp|gradient is 0",
    ),
    plant("Triplet", "cut_path", "s * (n - p)", "s * (a - p)", "a - n|dn"),
    plant("LeakyScan", "wrong_slope", "(1 - out[t] ** 2)", "(1 - out[t])", "tanh"),
    plant("LeakyScan", "wrong_operand", "gl += pre * out[t - 1]", "gl += pre * out[t]", "next"),
    plant("LeakyScan", "local_slope", "carry = pre * leak", "carry = pre", "leak"),
    plant("GaussianNLL", "cut_path", "(1 / var - (y", "(-(y", "log"),
    plant("GaussianNLL", "factor_of_input", "/ var**2)", "/ var)", "var"),
    plant("GaussianNLL", "factor", "g * 0.5 * (1", "g * (1", "2"),
    plant("Givens", "sign_of_term", "c * g[:, 1] - s * g[:, 0]", "c * g[:, 1] + s * g[:, 0]", "s \\* b"),
    plant("Givens", "cut_path", "(-s * a - c * b)", "(-s * a)", "s \\* b|sin"),
    plant("Givens", "wrong_operand", "g[:, 1] * (c * a - s * b)", "g[:, 1] * (c * b - s * b)", "is used for"),
    plant("PowerMean", "factor", " / x.shape[-1]", "", "5"),
    plant("PowerMean", "factor_of_input", "x ** (ctx.p - 1)", "x ** ctx.p", "times x"),
    plant("PowerMean", "factor_of_input", "m[..., None] ** (1 - ctx.p)", "m[..., None] ** (-ctx.p)", "divided by"),
    plant(
        "Mixup",
        "overwritten",
        "gx.index_add(0, order, (1 - lam)[:, None] * g)",
        "gx.index_put((order,), gx[order] + (1 - lam)[:, None] * g)",
        "overwritten",
    ),
    plant(
        "Mixup",
        "permuted region cut_path",
        "gx.index_add(0, order, (1 - lam)[:, None] * g)",
        "gx + (1 - lam)[:, None] * g",
        "order",
    ),
    plant("Mixup", "cut_path", "(g * (x - x[order]))", "(g * x)", "1 - lam"),
    plant("DepthwiseConv", "transposed", "g * w[:, i, None]", "g * w[:, -1 - i, None]", "revers"),
    plant("DepthwiseConv", "transposed", "gw[:, i] =", "gw[:, -1 - i] =", "revers"),
    plant("DepthwiseConv", "factor", ".sum((0, 2))", ".mean(0).sum(1)", "axis 0"),
    plant("SoftThreshold", "factor_of_input", "-(g * on * torch.sign(x))", "-(g * on)", "sign"),
    plant("SoftThreshold", "region cut_path local_slope", "return g * on,", "return g,", "clamp|gradient is 0"),
    plant("LogitNormal", "cut_path", "(z / s + 1 - 2 * p)", "(z / s)", "p \\* \\(1 - p\\)"),
    plant("LogitNormal", "cut_path", "(1 - z**2) / s", "(-(z**2)) / s", "log\\(s\\)"),
    plant("LogitNormal", "factor_of_input", "(-g * z / s)", "(-g * z)", "\\bs\\b"),
    plant("OuterProductMean", "factor", "g = g / a.shape[1]", "pass", "5"),
    plant(
        "OuterProductMean",
        "upstream_ignored",
        'torch.einsum("nij,nsi->nsj", g, a)',
        'torch.einsum("nij,nsi->nsj", torch.ones_like(g) / a.shape[1], a)',
        "ignored",
    ),
    plant("TemperedCE", "factor", " / 1.5 / len(q)", " / len(q)", "division by 1.5"),
    plant("TemperedCE", "factor", " / 1.5 / len(q)", " / 1.5", "axis 0"),
    plant("TemperedCE", "wrong_constant", "lp.exp() - q", "torch.softmax(lp * 1.5, 1) - q", "1.5"),
    plant("BilinearForm", "transposed", "x.t() @ (g * y)", "((g * y).t() @ x).reshape(a.shape)", "transpose"),
    plant("BilinearForm", "factor", "x.t() @ (g * y)", "x.t() @ (g * y) * 3**0.5", "√3|1.73"),
    plant("Lerp", "factor_of_input wrong_slope local_slope", "* s * (1 - s)", "* (1 - s)", "sigmoid|w"),
    plant("Lerp", "swapped", "g * (1 - s), g * s", "g * s, g * (1 - s)", "gradient by b"),
)
