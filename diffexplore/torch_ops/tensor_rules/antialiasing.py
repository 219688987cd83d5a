"""Images resized with antialiasing, in steps."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import torch

from diffexplore.torch_private.watching import disable_current_modes

Tensor = torch.Tensor

#: Integers up to it are doubles.
_EXACT = 2**53


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
