"""Functions of tensors, checked on the CPU and on a device that is not there.

The device changes torch for the whole process: this module is imported in one of its own.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F

import diffexplore as dx
from benchmarks.simulated_device import NAME, SimulatedTensor, simulated_device

Tensor = torch.Tensor


def _labels(x: Tensor, classes: int) -> Tensor:
    return (torch.arange(len(x)) % classes).to(x.device)


def _spd(x: Tensor) -> Tensor:
    return x[:4, :4] @ x[:4, :4].mT + torch.eye(4, dtype=x.dtype, device=x.device)


def _written(x: Tensor) -> Tensor:
    y = x.clone()
    y[0].mul_(2)
    y.masked_fill_(y > 1, 1)
    return y.index_add_(0, _labels(x, 2), x)


#: Functions of x (n, 4).
CALLS: dict[str, Callable[[Tensor], Tensor]] = {
    "attention": lambda x: F.scaled_dot_product_attention(x, x.sin(), x.cos(), is_causal=True),
    "bilinear": lambda x: F.bilinear(x, x.sin(), x.new_ones(2, 4, 4)),
    "batch_norm": lambda x: F.batch_norm(x, None, None, training=True),
    "cdist": lambda x: torch.cdist(x, x.sin()),
    "cholesky": lambda x: torch.linalg.cholesky(_spd(x)),
    "complex": lambda x: (torch.fft.rfft(x) * torch.complex(x, x)[..., :3]).abs(),
    "conv": lambda x: F.conv1d(x[None], x.new_ones(2, len(x), 3)),
    "cross_entropy": lambda x: F.cross_entropy(x, _labels(x, 4), label_smoothing=0.1),
    "ctc_loss": lambda x: F.ctc_loss(x.log_softmax(-1)[:6, None], _labels(x, 3)[None, :2] + 1, (6,), (2,)),
    "embedding_bag": lambda x: F.embedding_bag(_labels(x, 4)[None], x, mode="max"),
    "eigh": lambda x: torch.linalg.eigh(_spd(x))[0],
    "grid_sample": lambda x: F.grid_sample(x[None, None], x[None, :2, None, :2].tanh(), align_corners=False),
    "householder": lambda x: torch.linalg.householder_product(x[:4], x[0].sin()),
    "interpolate": lambda x: F.interpolate(x[None, None], scale_factor=2, mode="bicubic"),
    "index_reduce": lambda x: x.index_reduce(0, _labels(x, 3), x.sin(), "mean"),
    "layer_norm": lambda x: F.layer_norm(x, (4,)),
    "lu": lambda x: torch.linalg.lu(_spd(x))[1],
    "lu_solve": lambda x: torch.linalg.lu_solve(*torch.linalg.lu_factor(_spd(x)), x[:4]),
    "median": lambda x: x.median(0).values,
    "pdist": F.pdist,
    "pinv": lambda x: torch.linalg.pinv(x[:6]),
    "pooling": lambda x: F.max_pool1d(x, 2) + F.avg_pool1d(x, 2),
    "prod": lambda x: x.prod(0),
    "qr": lambda x: torch.linalg.qr(x[:4])[1],
    "scatter_reduce": lambda x: x.scatter_reduce(0, _labels(x, 3)[:, None].expand(-1, 4), x.sin(), "mean"),
    "segment_reduce": lambda x: torch.segment_reduce(x, "mean", lengths=_labels(x, 2)[:2] + 1, unsafe=True),
    "solve": lambda x: torch.linalg.solve(_spd(x), x[:4]),
    "sort": lambda x: x.sort(-1).values,
    "svd": lambda x: torch.linalg.svd(x[:4])[1],
    "where": lambda x: torch.where(x > 0, x.sin(), x * x),
    "written": _written,
}


def _input(size: int, device: str) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(size, 4, generator=generator, dtype=torch.float64).to(device).requires_grad_()


def _answer(function: Callable[[Tensor], Tensor], device: str, size: int, battery: str) -> list[Any]:
    before = SimulatedTensor.read_off
    report = dx.gradcheck(function, _input(size, device), battery=battery, raise_exception=False)
    found = [row.cause.message for row in report.rows if row.cause is not None]
    return [report.verdict, report.truth, found, SimulatedTensor.read_off - before]


def answers(each: int) -> dict[str, Any]:
    """Of every ``each``-th function: verdict and kind of truth on both devices, and how often a number was read off the
    device, for two sizes."""
    warnings.simplefilter("ignore")
    found: dict[str, Any] = {}
    with simulated_device(), torch.autograd.set_multithreading_enabled(False):
        for name, function in list(CALLS.items())[::each]:
            found[name] = {
                "cpu": _answer(function, "cpu", 6, "quick")[:3],
                "there": _answer(function, NAME, 6, "quick")[:3],
                "read off": [_answer(function, NAME, size, "none")[3] for size in (6, 9)],
            }
    return found
