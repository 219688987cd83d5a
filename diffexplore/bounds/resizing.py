"""Resizing in steps, as its kernels on a CPU do it; and its gradient, whose weights are those of the forward."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from diffexplore.torch_private.watching import decomposition_table, disable_current_modes

Tensor = torch.Tensor

#: Up to here float32 has all whole numbers.
_WHOLE = 2**24

_SCALES = {"upsample_linear1d": 1, "upsample_trilinear3d": 3}

#: Images of one pixel's width are resized wrongly with antialiasing (torch 2.13).
_ACROSS = 2


def nearest(which: str) -> Callable[..., Tensor]:
    """``which``, that takes the nearest element: the place is rounded in float32, and labels tell which one it is."""
    resize = getattr(torch.ops.aten, which).default

    def steps(x: Tensor, output_size: list[int], *scales: Any, **named: Any) -> Tensor:
        sizes = x.shape[2:]
        if sizes.numel() > _WHOLE:
            raise NotImplementedError("more elements than there are labels")
        with disable_current_modes():
            dtype = x.dtype if x.dtype == torch.float64 else torch.float32
            labels = torch.arange(sizes.numel(), dtype=dtype, device=x.device).reshape(1, 1, *sizes)
            index = resize(labels, output_size, *scales, **named).flatten().long()
        return x.flatten(2)[..., index].reshape(*x.shape[:2], *output_size)

    return steps


def linear(which: str) -> Callable[..., Tensor]:
    """``which``, by torch's own steps, which forget that an axis whose length stays is copied, whatever its scale."""
    resize = getattr(torch.ops.aten, which).default

    def steps(x: Tensor, output_size: list[int], align_corners: bool, *scales: Any, **named: Any) -> Tensor:
        given = [*scales, *named.values(), *[None] * len(output_size)]
        kept = [None if new == old else scale for new, old, scale in zip(output_size, x.shape[2:], given, strict=False)]
        found: Tensor = decomposition_table[resize](x, output_size, align_corners, *kept)
        return found

    return steps


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
