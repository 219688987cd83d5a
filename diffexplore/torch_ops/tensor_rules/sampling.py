"""Images read at other places, in steps: grids of volumes, and sizes changed with antialiasing."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from itertools import product

import torch

from diffexplore.torch_private.watching import disable_current_modes

Tensor = torch.Tensor

#: Integers up to it are doubles.
_EXACT = 2**53


# ---------------------------------------------------------------------------------------------------------- grids
def grid_sampler_3d(x: Tensor, grid: Tensor, mode: int, padding: int, align_corners: bool) -> Tensor:
    """Volumes (n, c, depth, height, width) at places (n, …, 3) between −1 and 1; trilinear, or the nearest voxel.

    ``padding`` is 0 for zeros outside, 1 for the border, 2 for reflection.
    """
    sizes = x.shape[:1:-1]
    beyond = [_in_voxels(grid[..., i], size, padding, align_corners) for i, size in enumerate(sizes)]
    places = [place.clamp(0, size - 1) if padding else place for place, size in zip(beyond, sizes, strict=True)]
    if mode == 1:
        return _voxels(x, [place.round() for place in places])
    if mode != 0:
        raise NotImplementedError("cubic interpolation of volumes")
    below = [_cell(place, size, padding) for place, size in zip(beyond, sizes, strict=True)]
    total = None
    for corner in product((0, 1), repeat=3):
        weight = None
        for place, low, step in zip(places, below, corner, strict=True):
            part = place - low if step else low + 1 - place
            weight = part if weight is None else weight * part
        assert weight is not None
        term = _voxels(x, [low + step for low, step in zip(below, corner, strict=True)]) * weight.unsqueeze(1)
        total = term if total is None else total + term
    assert total is not None
    return total


def _in_voxels(place: Tensor, size: int, padding: int, align_corners: bool) -> Tensor:
    found = (place + 1) / 2 * (size - 1) if align_corners else ((place + 1) * size - 1) / 2
    if padding == 2:
        return _reflected(found, 0, 2 * (size - 1)) if align_corners else _reflected(found, -1, 2 * size - 1)
    return found


def _cell(place: Tensor, size: int, padding: int) -> Tensor:
    """The whole number below a place; beyond the border that of a place in its last cell, which is certain."""
    if padding:
        place = torch.where(place < 0, 0.5, torch.where(place > size - 1, size - 1.5, place))
    return place.floor()


def _reflected(place: Tensor, twice_low: int, twice_high: int) -> Tensor:
    """Places beyond an end, folded back between low and high, given twice each."""
    if twice_low == twice_high:
        return torch.zeros_like(place)
    low, span = twice_low / 2, (twice_high - twice_low) / 2
    off = (place - low).abs()
    flips = (off.detach() / span).floor()
    rest = off - flips * span
    return torch.where(flips % 2 == 0, rest + low, span - rest + low)


def _voxels(x: Tensor, places: list[Tensor]) -> Tensor:
    """The elements at whole places (x, y, z); zeros outside."""
    sizes = x.shape[:1:-1]
    whole = [place.detach().to(torch.int64) for place in places]
    inside = torch.ones_like(whole[0], dtype=torch.bool)
    index = torch.zeros_like(whole[0])
    for place, size in reversed(list(zip(whole, sizes, strict=True))):
        inside = inside & (place >= 0) & (place < size)
        index = index * size + place.clamp(0, size - 1)
    flat = index.reshape(len(index), 1, -1).expand(-1, x.shape[1], -1)
    found = x.flatten(2).gather(2, flat).reshape(*x.shape[:2], *index.shape[1:])
    return torch.where(inside.unsqueeze(1), found, 0.0)


# --------------------------------------------------------------------------------------------------- antialiasing
#: Of the distance, in units of the larger pixels, and a 1 where that is less than 1.
Kernel = Callable[[Tensor, Tensor], Tensor]


def _triangle(t: Tensor, inner: Tensor) -> Tensor:
    return 1 - t


def _cubic(t: Tensor, inner: Tensor) -> Tensor:
    """Keys' kernel with a = −1/2."""
    return ((1.5 * t - 2.5) * t * t + 1) * inner + (((-0.5 * t + 2.5) * t - 4) * t + 2) * (1 - inner)


def antialiased(kernel: Kernel, reach: int) -> Callable[..., Tensor]:
    """The steps of a resizing of images (n, c, height, width) by a kernel that reaches ``reach`` pixels."""

    def steps(
        x: Tensor, output_size: list[int], align_corners: bool, scales_h: float | None = None,
        scales_w: float | None = None,
    ) -> Tensor:  # fmt: skip
        rows, columns = (
            _weights(x, size, new, align_corners, scale, kernel, reach)
            for size, new, scale in zip(x.shape[2:], output_size, (scales_h, scales_w), strict=True)
        )
        return rows @ x @ columns.mT

    return steps


def _weights(
    like: Tensor, size: int, new: int, align_corners: bool, given: float | None, kernel: Kernel, reach: int
) -> Tensor:  # fmt: skip
    """How much each of ``size`` pixels counts in each of ``new`` ones. Distances are ratios of whole numbers."""
    scale = Fraction(size, new) if given is None or given <= 0 else 1 / Fraction(given)
    if align_corners:
        scale = Fraction(size - 1, new - 1) if new > 1 else Fraction(0)
    p, q = scale.numerator, scale.denominator
    unit = 2 * max(p, q)
    if max(2 * q * size, p * (2 * new + 1), unit) >= _EXACT:
        raise NotImplementedError("a scale that is no simple fraction")
    with disable_current_modes():  # whole numbers, which are exact
        old, made = (torch.arange(count, dtype=torch.float64, device=like.device) for count in (size, new))
        far = (2 * q * old + q - (p * (2 * made + 1)).unsqueeze(1)).abs()
        inner, reached = (far < unit).to(torch.float64), (far < reach * unit).to(torch.float64)
    zero = like.new_zeros(())  # so that what follows is computed as what depends on the image is
    near = kernel((far + zero) / unit, inner) * reached
    return (near / near.sum(1, keepdim=True)).to(like.dtype)


bilinear_antialiased, bicubic_antialiased = antialiased(_triangle, 1), antialiased(_cubic, 2)
