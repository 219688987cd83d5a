"""Rotations, projections, functions on the sphere."""

from __future__ import annotations

import torch
from torch.autograd import Function

from benchmarks.unseen.plants import normal, plant


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


def sample_inputs():
    """The arguments of each function above, by its name."""
    return {
        "QuaternionRotation": (normal(5, 4), normal(5, 3)),
        "Pinhole": ((normal(5, 3).detach() * 0.3 + torch.tensor([0.0, 0.0, 2.0])).requires_grad_(), normal(2)),
        "SphericalHarmonics": (normal(6, 3),),
    }


PLANTED = (
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
)
