"""Resizing by linear and cubic kernels: their truth is torch's, and what rounding hides is near the rounding unit."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch
from representatives import these
from torch.nn.functional import interpolate

import diffexplore as dx

Tensor = torch.Tensor

CALLS: dict[str, tuple[tuple[int, ...], dict[str, Any]]] = {
    "linear": ((2, 4), {"size": 7, "mode": "linear"}),
    "linear at corners": ((2, 5), {"size": 3, "mode": "linear", "align_corners": True}),
    "bilinear": ((1, 4, 5), {"size": (7, 6), "mode": "bilinear"}),
    "bilinear by a scale": ((1, 4, 5), {"scale_factor": 1.7, "mode": "bilinear"}),
    "bilinear of the same size": ((1, 4, 5), {"scale_factor": 1.1, "mode": "bilinear"}),
    "trilinear": ((1, 3, 2, 4), {"size": (3, 4, 2), "mode": "trilinear"}),
    "bicubic": ((1, 4, 5), {"size": (7, 6), "mode": "bicubic"}),
    "bicubic at corners": ((1, 4, 5), {"size": (7, 9), "mode": "bicubic", "align_corners": True}),
    "bicubic by a scale": ((1, 4, 3), {"scale_factor": 0.6, "mode": "bicubic"}),
    "bicubic of one pixel": ((1, 1, 2), {"size": (3, 1), "mode": "bicubic"}),
}


class _Scaled(torch.autograd.Function):
    """The same numbers, whose gradient is too large by a share."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, share: float) -> Tensor:
        ctx.share = share
        return x.clone()

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, None]:
        return upstream * (1 + ctx.share), None


#: Each kernel in one dtype, to a size, by a scale and between corners, and of a single pixel.
EACH_TIME = [
    ("linear at corners", torch.float32), ("bilinear by a scale", torch.float32), ("trilinear", torch.float64),
    ("bicubic of one pixel", torch.float64), ("bilinear of the same size", torch.float64),
]  # fmt: skip


@pytest.mark.parametrize(("name", "dtype"), these(EACH_TIME, itertools.product(CALLS, [torch.float64, torch.float32])))
@pytest.mark.usefixtures("causes_unsought")
def test_errors_above_some_hundreds_of_units_are_seen(name: str, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    shape, options = CALLS[name]
    x = torch.randn(1, *shape, dtype=dtype).requires_grad_()
    report = dx.gradcheck(lambda x: interpolate(x, **options), x, battery="none")
    (row,) = report.rows
    assert row.smallest_detectable is not None and row.smallest_detectable_median is not None
    assert row.smallest_detectable_median < 4000 * torch.finfo(dtype).eps
    share = max(2 * row.smallest_detectable, 8 * torch.finfo(dtype).eps)  # the mistake itself rounds once

    def wrong(x: Tensor) -> Tensor:
        found: Tensor = interpolate(_Scaled.apply(x, share), **options)
        return found

    assert dx.gradcheck(wrong, x, battery="none", raise_exception=False).verdict == "fail"
