"""Sampling of images and volumes at the points of a grid, in steps that have rules.

Rounding moves a point into a cell beside its own, and a bound or a truth that knew only the pixels of the cell found
would miss those of the other. So each pixel has a weight of which any point takes a share that lies within one of the
pixel nearest to the computed place. The weights are continuous in the place, or undecided where the nearest pixel
changes; farther away nothing is known of any pixel.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch

from diffexplore.bounds.claims import COMPUTE
from diffexplore.torch_private.watching import disable_current_modes

Tensor = torch.Tensor

_LINEAR, _NEAREST = 0, 1
_BORDER, _REFLECTION = 1, 2

#: The parameter of the cubic kernel in torch (aten/src/ATen/native/UpSample.h), and how far the kernel reaches.
_CUBIC, _REACH = -0.75, 2


def sampled(x: Tensor, grid: Tensor, mode: int, padding: int, align_corners: bool) -> Tensor:
    """grid_sampler_2d and 3d: x (N, C, …), grid (N, …, 2 or 3), whose coordinates are those of the last axis first.

    Steps of half precision run in float32, which has a number for the place of each pixel.

    Source: R. Keys, "Cubic convolution interpolation for digital image processing", IEEE Trans. Acoustics, Speech, and
    Signal Processing 29(6), 1981, equation 15, for the weights of mode 2.
    """
    sizes, wide = x.shape[2:], COMPUTE[x.dtype]
    flat = x.to(wide).flatten(2)
    cubic = mode not in (_LINEAR, _NEAREST)
    reach, weigh = (_REACH, _cubic) if cubic else (1, _hat if mode == _LINEAR else _nearest)
    offs = torch.arange(-reach, reach + 1, device=x.device).reshape(-1, *[1] * (grid.dim() - 1))
    unknown = torch.zeros((), dtype=wide, device=x.device)
    weights = torch.ones((1, *[1] * (grid.dim() - 1)), dtype=wide, device=x.device)
    pixels = _Pixels.first(grid)
    for one, size in zip(grid.to(wide).flip(-1).unbind(-1), sizes, strict=True):
        place = (one + 1) * ((size - 1) / 2) if align_corners else ((one + 1) * size - 1) / 2
        place = place if cubic else _padded(place, size, padding, align_corners)
        near = _unseen(place.round())
        unknown = unknown + torch.where((place > near - 1) & (place < near + 1), 0 * near, math.nan)
        at = _unseen(near + offs)
        index = _unseen(_padded(at, size, padding, align_corners)) if cubic else at
        weights = _of_all(weights, weigh(place - at, offs == 0), torch.mul)
        pixels = pixels.along(index.long(), size)
    nowhere = unknown.unsqueeze(1) * flat.sum(2).reshape(*flat.shape[:2], *[1] * len(sizes))
    return (nowhere + (weights.movedim(0, 1).unsqueeze(1) * pixels.taken(flat)).sum(2)).to(x.dtype)


def _of_all(first: Tensor, second: Tensor, function: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """A function of each of (A, …) with each of (B, …), as (A·B, …)."""
    return function(first.unsqueeze(1), second.unsqueeze(0)).flatten(0, 1)


def _hat(away: Tensor, nearest: Tensor) -> Tensor:
    return (1 - away.abs()).clamp(min=0)


def _nearest(away: Tensor, nearest: Tensor) -> Tensor:
    """1 for the nearest pixel; of two that are equally near ``nearest`` tells the one that rounding takes."""
    distance = away.abs()
    return torch.where((distance < 0.5) | ((distance == 0.5) & nearest), torch.ones_like(away), 0 * away)


def _cubic(away: Tensor, nearest: Tensor) -> Tensor:
    distance = away.abs()
    inner = ((_CUBIC + 2) * distance - (_CUBIC + 3)) * distance * distance + 1
    outer = _CUBIC * (((distance - 5) * distance + 8) * distance - 4)
    return torch.where(distance < 1, inner, torch.where(distance < _REACH, outer, 0 * distance))


def _unseen(number: Tensor) -> Tensor:
    """What the program computed, as a constant."""
    with disable_current_modes():
        return number.detach().clone()


def _within(number: Tensor, low: Tensor | float, high: Tensor | float) -> Tensor:
    """A number that lies between two others; on one of them it has no derivative, and outside no value."""
    inside = torch.where((number > low) & (number < high), number, number)
    return torch.where((number >= low) & (number <= high), inside, math.nan)


def _padded(place: Tensor, size: int, padding: int, align_corners: bool) -> Tensor:
    """The place from which a place beside the image takes its value."""
    if padding == _REFLECTION:
        place = _reflected(place, 0.0, size - 1.0) if align_corners else _reflected(place, -0.5, size - 0.5)
    return place.clamp(min=0).clamp(max=size - 1) if padding in (_BORDER, _REFLECTION) else place


def _reflected(place: Tensor, low: float, high: float) -> Tensor:
    """The place between ``low`` and ``high`` at which a reflected ray arrives: continuous, with a kink at each turn."""
    length = high - low
    if not length:
        return torch.zeros_like(place)
    away = place - low
    rounds = _unseen((away / (2 * length)).round())
    from_turn = _within(away - rounds * (2 * length), -2 * length, 2 * length).abs()
    return high - (from_turn - length).abs()


@dataclass(frozen=True)
class _Pixels:
    """All pixels that may have a share in a point, by their places along the axes so far: (A, N, …)."""

    index: Tensor
    inside: Tensor

    @classmethod
    def first(cls, grid: Tensor) -> _Pixels:
        """The one place before there are axes."""
        shape = (1, *grid.shape[:-1])
        return cls(grid.new_zeros(shape, dtype=torch.int64), grid.new_ones(shape, dtype=torch.bool))

    def along(self, place: Tensor, size: int) -> _Pixels:
        """With all of their places (B, N, …) along one more axis."""
        index = _of_all(self.index * size, place.clamp(0, size - 1), torch.add)
        return _Pixels(index, _of_all(self.inside, (place >= 0) & (place < size), torch.logical_and))

    def taken(self, flat: Tensor) -> Tensor:
        """Their elements (N, C, A, …) of an image (N, C, ·); 0 outside."""
        index = self.index.movedim(0, 1)
        found = flat.gather(2, index.flatten(1).unsqueeze(1).expand(-1, flat.shape[1], -1))
        found = found.reshape(*flat.shape[:2], *index.shape[1:])
        return torch.where(self.inside.movedim(0, 1).unsqueeze(1), found, torch.zeros_like(found))
