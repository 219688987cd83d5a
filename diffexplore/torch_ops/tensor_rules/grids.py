"""Sampling of images and volumes at the points of a grid, in steps that have rules.

The cell in which a point lies is the one that the program finds. The interpolation is a formula on that cell, and says
so: nothing is known where the exact point lies outside, and no derivative on its border, unless the point was moved
there by clamping, which takes every derivative away.
"""

from __future__ import annotations

import math
from itertools import product

import torch

from diffexplore.bounds.backward_steps import decomposed
from diffexplore.torch_private.watching import disable_current_modes

Tensor = torch.Tensor

_LINEAR, _NEAREST = 0, 1
_BORDER, _REFLECTION = 1, 2

_by_torch = decomposed("grid_sampler_2d")


def sampled(x: Tensor, grid: Tensor, mode: int, padding: int, align_corners: bool) -> Tensor:
    """grid_sampler_2d and 3d: x (N, C, …), grid (N, …, 2 or 3), whose coordinates are those of the last axis first."""
    sizes = x.shape[2:]
    if mode not in (_LINEAR, _NEAREST):
        return _by_torch(x, grid, mode, padding, align_corners)
    places = [
        _place(one, size, padding, align_corners) for one, size in zip(grid.flip(-1).unbind(-1), sizes, strict=True)
    ]
    flat = x.flatten(2)
    if mode == _NEAREST:
        near = [_unseen(place.round()) for place in places]
        offs = torch.stack(
            [0 * _within(place, one - 0.5, one + 0.5) for place, one in zip(places, near, strict=True)]
        ).sum(0)
        return _taken(flat, [one.long() for one in near], sizes) + offs.unsqueeze(1)
    lower = [_unseen(place.floor()) for place in places]
    above = [_within(place, low, low + 1) - low for place, low in zip(places, lower, strict=True)]
    found = torch.zeros((), dtype=x.dtype, device=x.device)
    for corner in product((0, 1), repeat=len(sizes)):
        weight = torch.ones((), dtype=x.dtype, device=x.device)
        for side, share in zip(corner, above, strict=True):
            weight = weight * (share if side else 1 - share)
        at = [low.long() + side for low, side in zip(lower, corner, strict=True)]
        found = found + weight.unsqueeze(1) * _taken(flat, at, sizes)
    return found


def _unseen(number: Tensor) -> Tensor:
    """What the program computed, as a constant."""
    with disable_current_modes():
        return number.detach().clone()


def _within(number: Tensor, low: Tensor | float, high: Tensor | float) -> Tensor:
    """A number that lies between two others; on one of them it has no derivative, and outside no value."""
    inside = torch.where((number > low) & (number < high), number, number)
    return torch.where((number >= low) & (number <= high), inside, math.nan)


def _place(x: Tensor, size: int, padding: int, align_corners: bool) -> Tensor:
    place = (x + 1) * ((size - 1) / 2) if align_corners else ((x + 1) * size - 1) / 2
    if padding == _REFLECTION:
        place = _reflected(place, 0.0, size - 1.0) if align_corners else _reflected(place, -0.5, size - 0.5)
    return place.clamp(0, size - 1) if padding in (_BORDER, _REFLECTION) else place


def _reflected(place: Tensor, low: float, high: float) -> Tensor:
    """The place between ``low`` and ``high`` at which a reflected ray arrives."""
    if high == low:
        return torch.zeros_like(place)
    away = (place - low).abs()
    turns = _unseen((away / (high - low)).floor())
    rest = _within(away - turns * (high - low), 0.0, high - low)
    return torch.where(turns % 2 == 0, rest + low, high - rest)


def _taken(flat: Tensor, at: list[Tensor], sizes: torch.Size) -> Tensor:
    """The elements at integer places; 0 outside."""
    inside = torch.ones((), dtype=torch.bool, device=flat.device)
    index = torch.zeros((), dtype=torch.int64, device=flat.device)
    for place, size in zip(at, sizes, strict=True):
        inside = inside & (place >= 0) & (place < size)
        index = index * size + place.clamp(0, size - 1)
    found = flat.gather(2, index.flatten(1).unsqueeze(1).expand(-1, flat.shape[1], -1))
    found = found.reshape(*flat.shape[:2], *at[0].shape[1:])
    return torch.where(inside.unsqueeze(1), found, torch.zeros_like(found))
