"""The gradient of resizing: its weights are those of the forward, along one axis after another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

Tensor = torch.Tensor

_SCALES = {"upsample_linear1d": 1, "upsample_trilinear3d": 3}

#: Images of one pixel's width are resized wrongly with antialiasing (torch 2.13).
_ACROSS = 2


def backward(which: str) -> Callable[..., Tensor]:
    """The gradient of ``which``, whose weights are products of one for each axis, as products of matrices."""
    resize = getattr(torch.ops.aten, which).default
    axes = _SCALES.get(which, 2)

    def steps(
        upstream: Tensor, output: list[int], source: list[int], align_corners: bool, *scales: Any, **named: Any
    ) -> Tensor:
        given = [*scales, *named.values(), *[None] * axes][:axes]
        for axis in range(axes):
            size = source[2 + axis]
            unit = torch.eye(size, dtype=upstream.dtype, device=upstream.device)
            line = unit.reshape([size, 1, *(size if i == axis else 1 for i in range(axes))])
            line = line.expand([size, 1, *(size if i == axis else _ACROSS for i in range(axes))]).contiguous()
            lengths = [output[axis] if i == axis else _ACROSS for i in range(axes)]
            own = [given[i] if i == axis else None for i in range(axes)]
            found = resize(line, lengths, align_corners, *own).movedim(2 + axis, 2)
            weights = found.reshape(size, output[axis], -1)[..., 0]
            upstream = (upstream.movedim(2 + axis, -1) @ weights.mT).movedim(-1, 2 + axis)
        return upstream

    return steps
