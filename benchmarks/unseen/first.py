"""Functions of models, losses and filters, none of which the diagnosis was made with."""

from __future__ import annotations

import math

import torch
from torch.autograd import Function

from benchmarks.unseen.plants import normal, plant


class MaskedHeads(Function):
    @staticmethod
    def forward(ctx, q, k, v, mask):
        scale = q.shape[-1] ** -0.5
        s = (q @ k.transpose(-1, -2)) * scale
        p = torch.softmax(s.masked_fill(~mask, float("-inf")), -1)
        ctx.save_for_backward(q, k, v, p)
        ctx.scale = scale
        return p @ v

    @staticmethod
    def backward(ctx, grad):
        q, k, v, p = ctx.saved_tensors
        gv = p.transpose(-1, -2) @ grad
        gp = grad @ v.transpose(-1, -2)
        gs = p * (gp - (gp * p).sum(-1, keepdim=True)) * ctx.scale
        return gs @ k, gs.transpose(-1, -2) @ q, gv, None


class ChannelNorm(Function):
    @staticmethod
    def forward(ctx, x, gain, shift):
        mu = x.mean(1, keepdim=True)
        centred = x - mu
        std = torch.sqrt(centred.pow(2).mean(1, keepdim=True) + 1e-2)
        y = centred / std
        ctx.save_for_backward(centred, std, gain)
        return gain[:, None] * y + shift[:, None]

    @staticmethod
    def backward(ctx, grad):
        centred, std, gain = ctx.saved_tensors
        y = centred / std
        gy = grad * gain[:, None]
        gx = (gy - gy.mean(1, keepdim=True) - y * (gy * y).mean(1, keepdim=True)) / std
        return gx, (grad * y).sum((0, 2)), grad.sum((0, 2))


class RowCosine(Function):
    @staticmethod
    def forward(ctx, x, y):
        nx, ny = x.norm(dim=1, keepdim=True), y.norm(dim=1, keepdim=True)
        cos = (x * y).sum(1, keepdim=True) / (nx * ny)
        ctx.save_for_backward(x, y, nx, ny, cos)
        return cos[:, 0]

    @staticmethod
    def backward(ctx, grad):
        x, y, nx, ny, cos = ctx.saved_tensors
        g = grad[:, None]
        gx = g * (y / (nx * ny) - cos * x / nx**2)
        gy = g * (x / (nx * ny) - cos * y / ny**2)
        return gx, gy


class NTXent(Function):
    @staticmethod
    def forward(ctx, a, b, tau):
        z = torch.cat([a, b]) / torch.cat([a, b]).norm(dim=1, keepdim=True)
        n = len(a)
        s = z @ z.t() / tau
        s = s - 1e3 * torch.eye(2 * n, dtype=a.dtype)
        partner = torch.arange(2 * n).roll(n)
        p = torch.softmax(s, 1)
        loss = -(torch.log_softmax(s, 1)[torch.arange(2 * n), partner]).mean()
        ctx.save_for_backward(a, b, z, p)
        ctx.tau = tau
        return loss

    @staticmethod
    def backward(ctx, grad):
        a, b, z, p = ctx.saved_tensors
        n = len(a)
        one_hot = torch.eye(2 * n, dtype=a.dtype).roll(n, 0)
        gs = (p - one_hot) / (2 * n) / ctx.tau
        gz = gs @ z + gs.t() @ z
        norm = torch.cat([a, b]).norm(dim=1, keepdim=True)
        gz = (gz - z * (gz * z).sum(1, keepdim=True)) / norm
        return grad * gz[:n], grad * gz[n:], None


class SoftplusChain(Function):
    @staticmethod
    def forward(ctx, x, decay):
        h, states = torch.zeros_like(x[:, 0]), []
        for t in range(x.shape[1]):
            h = torch.nn.functional.softplus(decay * h + x[:, t])
            states.append(h)
        ctx.save_for_backward(x, decay, *states)
        return torch.stack(states, 1)

    @staticmethod
    def backward(ctx, grad):
        x, decay, *states = ctx.saved_tensors
        gx, gd, carry = torch.zeros_like(x), torch.zeros_like(decay), torch.zeros_like(x[:, 0])
        for t in reversed(range(x.shape[1])):
            before = states[t - 1] if t else torch.zeros_like(x[:, 0])
            g = (grad[:, t] + carry) * (1 - torch.exp(-states[t]))
            gx[:, t] = g
            gd += (g * before).sum()
            carry = g * decay
        return gx, gd


class DiagonalScan(Function):
    @staticmethod
    def forward(ctx, x, a, b, c):
        h, hs = torch.zeros(x.shape[0], len(a), dtype=x.dtype), []
        for t in range(x.shape[1]):
            h = a * h + b * x[:, t, None]
            hs.append(h)
        ctx.save_for_backward(x, a, b, c, torch.stack(hs, 1))
        return torch.stack(hs, 1) @ c

    @staticmethod
    def backward(ctx, grad):
        x, a, b, c, hs = ctx.saved_tensors
        gx, ga, gb = torch.zeros_like(x), torch.zeros_like(a), torch.zeros_like(b)
        gh = torch.zeros_like(hs[:, 0])
        gc = (grad[:, :, None] * hs).sum((0, 1))
        for t in reversed(range(x.shape[1])):
            gh = a * gh + grad[:, t, None] * c
            gx[:, t] = gh @ b
            gb += (gh * x[:, t, None]).sum(0)
            if t:
                ga += (gh * hs[:, t - 1]).sum(0)
        return gx, ga, gb, gc


class InterleavedRotary(Function):
    @staticmethod
    def forward(ctx, x, angle):
        cos, sin = angle.cos(), angle.sin()
        even, odd = x[..., ::2], x[..., 1::2]
        ctx.save_for_backward(cos, sin)
        return torch.stack([even * cos - odd * sin, even * sin + odd * cos], -1).flatten(-2)

    @staticmethod
    def backward(ctx, grad):
        cos, sin = ctx.saved_tensors
        g_even, g_odd = grad[..., ::2], grad[..., 1::2]
        return torch.stack([g_even * cos + g_odd * sin, g_odd * cos - g_even * sin], -1).flatten(-2), None


class GainRMSNorm(Function):
    @staticmethod
    def forward(ctx, x, w):
        r = torch.rsqrt((x * x).mean(-1, keepdim=True) + 1e-3)
        ctx.save_for_backward(x, w, r)
        return x * r * (1 + w)

    @staticmethod
    def backward(ctx, grad):
        x, w, r = ctx.saved_tensors
        g = grad * (1 + w)
        gx = r * g - r**3 * x * (g * x).mean(-1, keepdim=True)
        gw = (grad * x * r).sum(0)
        return gx, gw


class SigmoidGLU(Function):
    @staticmethod
    def forward(ctx, x, w, b):
        h = x @ w.t() + b
        value, gate = h.chunk(2, -1)
        s = torch.sigmoid(gate)
        ctx.save_for_backward(x, w, value, s)
        return value * s

    @staticmethod
    def backward(ctx, grad):
        x, w, value, s = ctx.saved_tensors
        gh = torch.cat([grad * s, grad * value * s * (1 - s)], -1)
        return gh @ w, gh.t() @ x, gh.sum(0)


class Tversky(Function):
    @staticmethod
    def forward(ctx, logits, target, alpha, beta):
        p = torch.sigmoid(logits)
        tp, fp, fn = (p * target).sum(1), (p * (1 - target)).sum(1), ((1 - p) * target).sum(1)
        top, bottom = tp + 1, tp + alpha * fp + beta * fn + 1
        ctx.save_for_backward(p, target, top, bottom)
        ctx.alpha, ctx.beta = alpha, beta
        return (1 - top / bottom).mean()

    @staticmethod
    def backward(ctx, grad):
        p, t, top, bottom = ctx.saved_tensors
        g_bottom = t + ctx.alpha * (1 - t) - ctx.beta * t
        ratio = t / bottom[:, None] - g_bottom * (top / bottom**2)[:, None]
        return -grad * ratio * p * (1 - p) / len(p), None, None, None


class Pinball(Function):
    @staticmethod
    def forward(ctx, prediction, target, q):
        r = target - prediction
        ctx.save_for_backward(r)
        ctx.q = q
        return torch.where(r > 0, q * r, (q - 1) * r).mean()

    @staticmethod
    def backward(ctx, grad):
        (r,) = ctx.saved_tensors
        g = (r <= 0).double() - ctx.q
        return grad * g / r.numel(), None, None


class LogCosh(Function):
    @staticmethod
    def forward(ctx, x, y, w):
        d = (x - y) * w
        ctx.save_for_backward(x, y, w, d)
        return torch.log(torch.cosh(d)).sum(1)

    @staticmethod
    def backward(ctx, grad):
        x, y, w, d = ctx.saved_tensors
        g = grad[:, None] * torch.tanh(d)
        return g * w, -g * w, (g * (x - y)).sum(0)


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


class QuaternionRotation(Function):
    @staticmethod
    def forward(ctx, q, v):
        w, u = q[:, :1], q[:, 1:]
        ctx.save_for_backward(q, v)
        return v + 2 * w * torch.linalg.cross(u, v) + 2 * torch.linalg.cross(u, torch.linalg.cross(u, v))

    @staticmethod
    def backward(ctx, g):
        q, v = ctx.saved_tensors
        w, u = q[:, :1], q[:, 1:]
        cross = torch.linalg.cross
        gw = 2 * (g * cross(u, v)).sum(1, keepdim=True)
        gu = 2 * w * cross(v, g) + 2 * cross(cross(u, v), g) + 2 * cross(v, cross(g, u))
        gv = g + 2 * w * cross(g, u) + 2 * cross(cross(g, u), u)
        return torch.cat([gw, gu], 1), gv


class Pinhole(Function):
    @staticmethod
    def forward(ctx, points, focal):
        x, y, z = points.unbind(-1)
        ctx.save_for_backward(points, focal)
        return torch.stack([focal[0] * x / z, focal[1] * y / z], -1)

    @staticmethod
    def backward(ctx, g):
        points, focal = ctx.saved_tensors
        x, y, z = points.unbind(-1)
        gx = g[:, 0] * focal[0] / z
        gy = g[:, 1] * focal[1] / z
        gz = -(g[:, 0] * focal[0] * x + g[:, 1] * focal[1] * y) / z**2
        gf = torch.stack([(g[:, 0] * x / z).sum(), (g[:, 1] * y / z).sum()])
        return torch.stack([gx, gy, gz], -1), gf


class LinearSampling(Function):
    @staticmethod
    def forward(ctx, table, where):
        low = where.detach().floor().long()
        t = where - low
        ctx.save_for_backward(table, low, t)
        return table[low] * (1 - t)[:, None] + table[low + 1] * t[:, None]

    @staticmethod
    def backward(ctx, g):
        table, low, t = ctx.saved_tensors
        gt = torch.zeros_like(table)
        gt.index_add_(0, low, g * (1 - t)[:, None])
        gt.index_add_(0, low + 1, g * t[:, None])
        gw = (g * (table[low + 1] - table[low])).sum(1)
        return gt, gw


class SoftArgmax(Function):
    @staticmethod
    def forward(ctx, x, sharpness):
        p = torch.softmax(x * sharpness, -1)
        place = torch.arange(x.shape[-1], dtype=x.dtype)
        mean = (p * place).sum(-1)
        ctx.save_for_backward(p, mean, place)
        ctx.sharpness = sharpness
        return mean

    @staticmethod
    def backward(ctx, g):
        p, mean, place = ctx.saved_tensors
        return g[..., None] * ctx.sharpness * p * (place - mean[..., None]), None


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


class LowRank(Function):
    @staticmethod
    def forward(ctx, x, w, a, b, scale):
        ctx.save_for_backward(x, w, a, b)
        ctx.scale = scale
        return x @ w + (x @ a) @ b * scale

    @staticmethod
    def backward(ctx, g):
        x, w, a, b = ctx.saved_tensors
        gh = g @ b.t() * ctx.scale
        gx = g @ w.t() + gh @ a.t()
        return gx, x.t() @ g, x.t() @ gh, (x @ a).t() @ g * ctx.scale, None


class UnfoldConv(Function):
    @staticmethod
    def forward(ctx, x, w):
        k = w.shape[-1]
        padded = torch.nn.functional.pad(x, (k // 2, k // 2))
        columns = padded.unfold(-1, k, 1)
        ctx.save_for_backward(columns, w)
        return torch.einsum("nclk,ock->nol", columns, w)

    @staticmethod
    def backward(ctx, g):
        columns, w = ctx.saved_tensors
        k, length = w.shape[-1], g.shape[-1]
        gw = torch.einsum("nol,nclk->ock", g, columns)
        spread = torch.zeros(g.shape[0], w.shape[1], length + k - 1, dtype=g.dtype)
        for i in range(k):
            spread[..., i : i + length] += torch.einsum("nol,oc->ncl", g, w[..., i])
        return spread[..., k // 2 : k // 2 + length].clone(), gw


class WindowMean(Function):
    @staticmethod
    def forward(ctx, x, width):
        ctx.width, ctx.length = width, x.shape[-1]
        return x.unfold(-1, width, 2).mean(-1)

    @staticmethod
    def backward(ctx, g):
        gx = torch.zeros(*g.shape[:-1], ctx.length, dtype=g.dtype)
        for i in range(g.shape[-1]):
            gx[..., 2 * i : 2 * i + ctx.width] += g[..., i : i + 1] / ctx.width
        return gx, None


class RunningProduct(Function):
    @staticmethod
    def forward(ctx, x):
        y = torch.cumprod(x, 1)
        ctx.save_for_backward(x, y)
        return y

    @staticmethod
    def backward(ctx, g):
        x, y = ctx.saved_tensors
        return (g * y).flip(1).cumsum(1).flip(1) / x


class WeightedBag(Function):
    @staticmethod
    def forward(ctx, table, ids, weight):
        ctx.save_for_backward(table, ids, weight)
        return (table[ids] * weight[..., None]).sum(1)

    @staticmethod
    def backward(ctx, g):
        table, ids, weight = ctx.saved_tensors
        each = g[:, None] * weight[..., None]
        gt = torch.zeros_like(table).index_add(0, ids.reshape(-1), each.reshape(-1, table.shape[1]))
        gw = (table[ids] * g[:, None]).sum(-1)
        return gt, None, gw


class SoftRounding(Function):
    @staticmethod
    def forward(ctx, x, alpha):
        middle = x.detach().floor() + 0.5
        r = x - middle
        ctx.save_for_backward(r)
        ctx.alpha = alpha
        return middle + torch.tanh(alpha * r) / (2 * math.tanh(alpha / 2))

    @staticmethod
    def backward(ctx, g):
        (r,) = ctx.saved_tensors
        t = torch.tanh(ctx.alpha * r)
        return g * ctx.alpha * (1 - t**2) / (2 * math.tanh(ctx.alpha / 2)), None


class SphericalHarmonics(Function):
    @staticmethod
    def forward(ctx, p):
        x, y, z = p.unbind(-1)
        ctx.save_for_backward(p)
        return torch.stack([1.0925 * x * y, 1.0925 * y * z, 0.3154 * (3 * z**2 - 1), 0.5463 * (x**2 - y**2)], -1)

    @staticmethod
    def backward(ctx, g):
        x, y, z = ctx.saved_tensors[0].unbind(-1)
        gx = g[:, 0] * 1.0925 * y + g[:, 3] * 1.0926 * x
        gy = g[:, 0] * 1.0925 * x + g[:, 1] * 1.0925 * z - g[:, 3] * 1.0926 * y
        gz = g[:, 1] * 1.0925 * y + g[:, 2] * 1.8924 * z
        return torch.stack([gx, gy, gz], -1)


class PseudoHuber(Function):
    @staticmethod
    def forward(ctx, r, delta):
        root = torch.sqrt(1 + (r / delta) ** 2)
        ctx.save_for_backward(r, root)
        ctx.delta = delta
        return (delta**2 * (root - 1)).mean(1)

    @staticmethod
    def backward(ctx, g):
        r, root = ctx.saved_tensors
        return g[:, None] * r / root / r.shape[1], None


class Squash(Function):
    @staticmethod
    def forward(ctx, v):
        n2 = (v * v).sum(-1, keepdim=True)
        ctx.save_for_backward(v, n2)
        return v * torch.sqrt(n2) / (1 + n2)

    @staticmethod
    def backward(ctx, g):
        v, n2 = ctx.saved_tensors
        n = torch.sqrt(n2)
        slope = (1 - n2) / (2 * n * (1 + n2) ** 2)
        return g * n / (1 + n2) + 2 * v * slope * (g * v).sum(-1, keepdim=True)


def sample_inputs():
    """The arguments of each function above, by its name."""
    lower = torch.ones(5, 5, dtype=torch.bool).tril()
    return {
        "MaskedHeads": (normal(2, 2, 5, 3), normal(2, 2, 5, 3, seed=1), normal(2, 2, 5, 3, seed=2), lower),
        "ChannelNorm": (normal(3, 4, 5), normal(4), normal(4, seed=1)),
        "RowCosine": (normal(4, 5), normal(4, 5, seed=1)),
        "NTXent": (normal(4, 3), normal(4, 3, seed=1), 0.5),
        "SoftplusChain": (normal(3, 5), normal(1)),
        "DiagonalScan": (normal(3, 5), normal(4), normal(4, seed=1), normal(4, seed=2)),
        "InterleavedRotary": (normal(3, 6), normal(3, 3, grad=False)),
        "GainRMSNorm": (normal(4, 6), normal(6)),
        "SigmoidGLU": (normal(4, 3), normal(10, 3), normal(10)),
        "Tversky": (normal(3, 7), (normal(3, 7, seed=1, grad=False) > 0).double(), 0.3, 0.7),
        "Pinball": (normal(4, 5), normal(4, 5, seed=1, grad=False), 0.2),
        "LogCosh": (normal(4, 5), normal(4, 5, seed=1), normal(5)),
        "EnergyDistance": (normal(4, 3), normal(5, 3)),
        "Wasserstein": (normal(3, 6), normal(3, 6, seed=1)),
        "QuaternionRotation": (normal(5, 4), normal(5, 3)),
        "Pinhole": ((normal(5, 3).detach() * 0.3 + torch.tensor([0.0, 0.0, 2.0])).requires_grad_(), normal(2)),
        "LinearSampling": (
            normal(6, 3),
            torch.tensor([0.3, 1.7, 2.2, 4.6, 1.1], dtype=torch.float64, requires_grad=True),
        ),
        "SoftArgmax": (normal(3, 6), 1.7),
        "GaussianKL": (normal(4, 5), normal(4, 5, seed=1)),
        "StudentT": (normal(6, 3), normal(3), normal(3, seed=1), 4.0),
        "KalmanStep": (
            normal(5),
            normal(5, seed=1).detach().exp().requires_grad_(),
            normal(5, seed=2),
            normal(5, seed=3).detach().exp().requires_grad_(),
        ),
        "LowRank": (normal(4, 5), normal(5, 3), normal(5, 2), normal(2, 3), 0.25),
        "UnfoldConv": (normal(2, 3, 7), normal(4, 3, 3)),
        "WindowMean": (normal(2, 3, 9), 3),
        "RunningProduct": (normal(3, 5),),
        "WeightedBag": (normal(6, 3), torch.tensor([[0, 2, 2], [1, 4, 0], [5, 5, 3], [0, 1, 1]]), normal(4, 3)),
        "SoftRounding": (normal(4, 5), 3.0),
        "SphericalHarmonics": (normal(6, 3),),
        "PseudoHuber": (normal(4, 5), 1.5),
        "Squash": (normal(4, 5),),
    }


PLANTED = (
    plant("MaskedHeads", "factor", "keepdim=True)) * ctx.scale", "keepdim=True))", "√3"),
    plant(
        "MaskedHeads", "reduction_axis", "(gp * p).sum(-1, keepdim=True)", "(gp * p).sum(-2, keepdim=True)", "axis|axes"
    ),
    plant("MaskedHeads", "transposed", "gs.transpose(-1, -2) @ q", "gs @ q", "transpose"),
    plant(
        "ChannelNorm",
        "wrong_constant factor_of_input scaled_path wrong_slope",
        "y = centred / std\n        gy",
        "std = torch.sqrt(std**2 - 1e-2) + 1e-2\n        y = centred / std\n        gy",
        "1e-02|0.01|eps|sqrt",
    ),
    plant("ChannelNorm", "cut_path", " - gy.mean(1, keepdim=True)", "", "mean"),
    plant(
        "ChannelNorm", "reduction_axis", "(gy * y).mean(1, keepdim=True)", "(gy * y).mean(2, keepdim=True)", "axis|axes"
    ),
    plant(
        "RowCosine",
        "wrong_operand",
        "g * (y / (nx * ny) - cos * x / nx**2)",
        "g * (y / (nx * ny) - cos * y / nx**2)",
        "y",
    ),
    plant("RowCosine", "factor_of_input wrong_slope wrong_operand", "cos * y / ny**2", "cos * y / nx**2", "norm"),
    plant("RowCosine", "factor_of_input wrong_slope", "- cos * x / nx**2", "- cos * x / nx", "norm"),
    plant("NTXent", "factor", " / (2 * n) / ctx.tau", " / (2 * n)", "1/2|2"),
    plant("NTXent", "cut_path", "gz = gs @ z + gs.t() @ z", "gz = gs @ z", "z"),
    plant("NTXent", "cut_path", "(gz - z * (gz * z).sum(1, keepdim=True)) / norm", "gz / norm", "norm"),
    plant("SoftplusChain", "cut_path", "(grad[:, t] + carry)", "grad[:, t]", "decay \\* h"),
    plant(
        "SoftplusChain",
        "local_slope wrong_slope",
        "(1 - torch.exp(-states[t]))",
        "torch.sigmoid(states[t])",
        "softplus",
    ),
    plant("SoftplusChain", "overwritten", "gd += (g * before).sum()", "gd = (g * before).sum()[None]", "overwritten"),
    plant(
        "DiagonalScan",
        "factor_of_input cut_path scaled_path wrong_operand",
        "gh = a * gh + grad",
        "gh = gh + grad",
        "a \\* h|`a",
    ),
    plant(
        "DiagonalScan",
        "wrong_operand operand_for_result permuted",
        "ga += (gh * hs[:, t - 1])",
        "ga += (gh * hs[:, t])",
        "h",
    ),
    plant("DiagonalScan", "wrong_operand", "gx[:, t] = gh @ b", "gx[:, t] = gh @ c", "\\bc\\b"),
    plant("InterleavedRotary", "sign_of_term", "g_even * cos + g_odd * sin", "g_even * cos - g_odd * sin", "odd"),
    plant("InterleavedRotary", "permuted transposed", "-1).flatten(-2), None", "-2).flatten(-2), None", "order|axis"),
    plant("GainRMSNorm", "cut_path wrong_constant scaled_path", "g = grad * (1 + w)", "g = grad * w", "1"),
    plant("GainRMSNorm", "factor_of_input", "(grad * x * r).sum(0)", "(grad * x).sum(0)", "r|rsqrt"),
    plant("GainRMSNorm", "factor_of_input wrong_slope", "r**3 * x", "r**2 * x", "rsqrt|mean"),
    plant("SigmoidGLU", "wrong_slope", "s * (1 - s)", "s", "sigmoid"),
    plant("SigmoidGLU", "factor", "gh.sum(0)", "gh.mean(0)", "axis 0"),
    plant(
        "SigmoidGLU",
        "swapped transposed",
        "torch.cat([grad * s, grad * value * s * (1 - s)], -1)",
        "torch.cat([grad * value * s * (1 - s), grad * s], -1)",
        "halves|exchanged",
    ),
    plant(
        "Tversky",
        "wrong_constant scaled_path",
        "ctx.alpha * (1 - t) - ctx.beta * t",
        "ctx.beta * (1 - t) - ctx.beta * t",
        "0.3|7/3|2.33",
    ),
    plant("Tversky", "factor_of_input wrong_slope", "(top / bottom**2)", "(top / bottom)", "bottom"),
    plant("Tversky", "cut_path", "t + ctx.alpha", "ctx.alpha", "tp"),
    plant(
        "Pinball", "mask_inverted region", "(r <= 0).double() - ctx.q", "(r > 0).double() - ctx.q", "invert|condition|q"
    ),
    plant("Pinball", "factor", " / r.numel()", " / len(r)", "axis 1"),
    plant("LogCosh", "local_slope wrong_slope operand_for_result", "torch.tanh(d)", "d", "cosh|log"),
    plant("LogCosh", "factor_of_input", "return g * w,", "return g,", "\\bw\\b"),
    plant("LogCosh", "upstream_ignored", "(g * (x - y)).sum(0)", "(torch.tanh(d) * (x - y)).sum(0)", "ignored"),
    plant("EnergyDistance", "scaled_path", "- 2 * b.sum(1)", "- b.sum(1)", "1/2|½"),
    plant("EnergyDistance", "sign_of_term", "- 2 * b.sum(1)", "+ 2 * b.sum(1)", "sign"),
    plant("EnergyDistance", "factor", ", -grad * a.sum(0)", ", grad * a.sum(0)", "sign"),
    plant("Wasserstein", "permuted", "scatter(1, order, g)", "gather(1, order) + g", "order"),
    plant("Wasserstein", "factor", "g = 2 * d", "g = d", "factor 2"),
    plant("QuaternionRotation", "sign_of_term", "g + 2 * w * cross(g, u)", "g - 2 * w * cross(g, u)", "sign"),
    plant("QuaternionRotation", "cut_path", " + 2 * cross(v, cross(g, u))", "", "cross"),
    plant("QuaternionRotation", "region", "gw = 2 * (g", "gw = (g", "1/2"),
    plant("Pinhole", "region cut_path", " + g[:, 1] * focal[1] * y) / z**2", ") / z**2", "y"),
    plant("Pinhole", "region factor_of_input wrong_slope", "* y) / z**2", "* y) / z", "z"),
    plant(
        "Pinhole",
        "factor_of_input scaled_path region wrong_operand",
        "gy = g[:, 1] * focal[1] / z",
        "gy = g[:, 1] * focal[0] / z",
        "focal",
    ),
    plant(
        "LinearSampling",
        "overwritten",
        "gt.index_add_(0, low + 1, g * t[:, None])",
        "gt[low + 1] += g * t[:, None]",
        "overwritten",
    ),
    plant("LinearSampling", "factor", "table[low + 1] - table[low]", "table[low] - table[low + 1]", "sign"),
    plant("LinearSampling", "cut_path", "gt.index_add_(0, low + 1, g * t[:, None])", "pass", "low \\+ 1"),
    plant("SoftArgmax", "cut_path", "(place - mean[..., None])", "place", "softmax"),
    plant("SoftArgmax", "factor", "* ctx.sharpness * p", "* p", "0.588|10/17"),
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
    plant("LowRank", "factor", "x.t() @ gh, (x @ a).t() @ g * ctx.scale", "x.t() @ gh, (x @ a).t() @ g", "4"),
    plant("LowRank", "scaled_path", "gh @ a.t()", "gh @ a.t() / ctx.scale", "4"),
    plant("LowRank", "cut_path", " + gh @ a.t()", "", "x @ a"),
    plant(
        "UnfoldConv",
        "transposed",
        "spread[..., i : i + length]",
        "spread[..., k - 1 - i : k - 1 - i + length]",
        "revers|kernel|flip",
    ),
    plant(
        "UnfoldConv",
        "transposed",
        "return spread[..., k // 2 : k // 2 + length].clone()",
        "return spread[..., :length].clone()",
        "shift",
    ),
    plant(
        "UnfoldConv", "overwritten", "spread[..., i : i + length] +=", "spread[..., i : i + length] =", "overwritten"
    ),
    plant("WindowMean", "factor", " / ctx.width", "", "mean|3"),
    plant("WindowMean", "overwritten", "2 * i + ctx.width] +=", "2 * i + ctx.width] =", "overwritten"),
    plant("RunningProduct", "factor_of_input", ".flip(1) / x", ".flip(1)", "\\bx\\b"),
    plant("RunningProduct", "diagonal", "(g * y).flip(1).cumsum(1).flip(1) / x", "g * y / x", "diagonal"),
    plant(
        "WeightedBag",
        "overwritten",
        "index_add(0, ids.reshape(-1), each.reshape(-1, table.shape[1]))",
        "index_copy(0, ids.reshape(-1), each.reshape(-1, table.shape[1]))",
        "overwritten",
    ),
    plant(
        "WeightedBag",
        "factor_of_input",
        "each = g[:, None] * weight[..., None]",
        "each = (g[:, None] * torch.ones_like(weight)[..., None])",
        "weight",
    ),
    plant("WeightedBag", "upstream_ignored", "(table[ids] * g[:, None]).sum(-1)", "table[ids].sum(-1)", "ignored"),
    plant("SoftRounding", "wrong_slope", "(1 - t**2)", "(1 - t)", "tanh"),
    plant("SoftRounding", "factor", "g * ctx.alpha *", "g *", "1/3|3"),
    plant("SphericalHarmonics", "scaled_path", "g[:, 3] * 1.0926 * x", "g[:, 3] * 0.5463 * x", "1/2"),
    plant(
        "SphericalHarmonics",
        "region scaled_path sign_of_term",
        "- g[:, 3] * 1.0926 * y",
        "+ g[:, 3] * 1.0926 * y",
        "sign",
    ),
    plant(
        "SphericalHarmonics",
        "region cut_path scaled_path",
        "g[:, 2] * 1.8924 * z",
        "g[:, 2] * 0.3154 * z",
        "1/6|0.16|3",
    ),
    plant("PseudoHuber", "factor_of_input wrong_slope", "* r / root /", "* r /", "root|sqrt"),
    plant("PseudoHuber", "wrong_slope local_slope", "g[:, None] * r / root", "g[:, None] * root", "r|sqrt"),
    plant("Squash", "cut_path", " + 2 * v * slope * (g * v).sum(-1, keepdim=True)", "", "n2"),
    plant(
        "Squash",
        "factor_of_input wrong_slope scaled_path",
        "(1 - n2) / (2 * n * (1 + n2) ** 2)",
        "(1 - n2) / (2 * (1 + n2) ** 2)",
        "sqrt|n",
    ),
    plant("Squash", "reduction_axis", "(g * v).sum(-1, keepdim=True)", "(g * v).sum(0, keepdim=True)", "axis"),
)
