"""Linear and cubic resizing along each axis, as products with matrices of weights; its gradient, by their transposes.

A pixel's weight is a continuous function of its distance from the place that is looked up: no choice of pixels is made
which rounding could make otherwise. Source: R. Keys, "Cubic convolution interpolation for digital image processing",
IEEE Trans. Acoustics, Speech, and Signal Processing 29(6), 1981, equation 15; places and the parameter of the kernel
are those of torch's aten/src/ATen/native/UpSample.h.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from diffexplore.bounds.claims import COMPUTE

Tensor = torch.Tensor

_CUBIC = -0.75

#: How many pixels beyond an edge a cubic kernel looks up: there the image has the pixel on the edge.
_BEYOND = 3


def _places(new: int, old: int, align_corners: bool, scale: float | None, like: Tensor) -> Tensor:
    numbers = torch.arange(new, dtype=COMPUTE[like.dtype], device=like.device)
    if align_corners:
        return numbers * (old - 1) / (new - 1) if new > 1 else numbers
    if scale is not None and scale > 0:
        return (numbers + 0.5) / scale - 0.5
    return (2 * numbers + 1) * old / (2 * new) - 0.5


def _linear_weights(new: int, old: int, align_corners: bool, scale: float | None, like: Tensor) -> Tensor:
    """(new, old). An axis whose length stays is copied, whatever its scale."""
    if new == old:
        return torch.eye(old, dtype=COMPUTE[like.dtype], device=like.device)
    places = _places(new, old, align_corners, scale, like).clamp(min=0).clamp(max=old - 1)
    pixels = torch.arange(old, dtype=places.dtype, device=like.device)
    return (1 - (places.unsqueeze(1) - pixels).abs()).clamp(min=0)


def _cubic_weights(new: int, old: int, align_corners: bool, scale: float | None, like: Tensor) -> Tensor:
    """(new, old), where places are no farther than a pixel beyond an edge."""
    places = _places(new, old, align_corners, scale, like)
    pixels = torch.arange(-_BEYOND, old + _BEYOND, dtype=places.dtype, device=like.device)
    away = (places.unsqueeze(1) - pixels).abs()
    inner = ((_CUBIC + 2) * away - (_CUBIC + 3)) * away * away + 1
    outer = _CUBIC * (((away - 5) * away + 8) * away - 4)
    found = torch.where(away < 1, inner, torch.where(away < 2, outer, 0 * away))
    edges = found[:, : _BEYOND + 1].sum(1, keepdim=True), found[:, -_BEYOND - 1 :].sum(1, keepdim=True)
    if old == 1:
        return found.sum(1, keepdim=True)
    return torch.cat([edges[0], found[:, _BEYOND + 1 : -_BEYOND - 1], edges[1]], 1)


_Weights = Callable[[int, int, bool, float | None, Tensor], Tensor]

#: How operators weigh pixels, and how many axes they resize.
_KINDS: dict[str, tuple[_Weights, int]] = {
    "upsample_linear1d": (_linear_weights, 1),
    "upsample_bilinear2d": (_linear_weights, 2),
    "upsample_trilinear3d": (_linear_weights, 3),
    "upsample_bicubic2d": (_cubic_weights, 2),
}


def _along_axes(
    which: str, x: Tensor, new: Sequence[int], old: Sequence[int], align_corners: bool, scales: Sequence[Any],
    *, backward: bool,
) -> Tensor:  # fmt: skip
    weigh, axes = _KINDS[which]
    found = x.to(COMPUTE[x.dtype])
    for axis, scale in zip(range(axes), [*scales, *[None] * axes], strict=False):
        weights = weigh(int(new[axis]), int(old[axis]), align_corners, scale, x)
        found = (found.movedim(2 + axis, -1) @ (weights if backward else weights.mT)).movedim(-1, 2 + axis)
    return found.to(x.dtype)


def forward(which: str) -> Callable[..., Tensor]:
    """``which`` of (n, c, …), at the sizes given."""

    def steps(x: Tensor, output_size: list[int], align_corners: bool, *scales: Any, **named: Any) -> Tensor:
        given = [*scales, *named.values()]
        return _along_axes(which, x, output_size, x.shape[2:], align_corners, given, backward=False)

    return steps


def backward(which: str) -> Callable[..., Tensor]:
    """The gradient of ``which`` by its input of the sizes ``source``."""

    def steps(
        upstream: Tensor, output: list[int], source: list[int], align_corners: bool, *scales: Any, **named: Any
    ) -> Tensor:
        given = [*scales, *named.values()]
        return _along_axes(which, upstream, output, source[2:], align_corners, given, backward=True)

    return steps
