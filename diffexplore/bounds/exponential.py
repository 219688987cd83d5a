"""The exponential of a matrix, held against scaling, Taylor's polynomial and squaring.

With X = A/2ˢ, |X|₁ ≤ 1/8, and T the polynomial of degree m, |exp(X) − T(X)|₁ ≤ 2 |X|ᵐ⁺¹/(m + 1)! =: ε, and both are at
most e^|X|, so that |exp(A) − T(X)^(2ˢ)|₁ ≤ 2ˢ ε e^|A|. Source: N. J. Higham, "Functions of Matrices", 2008, §10.3.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch

from diffexplore.bounds.claims import UPWARD
from diffexplore.bounds.composites import StepByStep
from diffexplore.bounds.handling import real_numbers, unwatched
from diffexplore.torch_private.watching import disable_current_modes

if TYPE_CHECKING:
    from diffexplore.bounds.watch import Watch

Tensor = torch.Tensor

_DEGREE = 20

#: |X| is at most 2 to the power of minus this.
_SMALL = 3

#: Larger norms are not followed: their exponentials are beyond the doubles.
_LARGEST_NORM = 700.0


def exponential(watch: Watch, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """linalg_matrix_exp of matrices (…, n, n)."""
    numbers = real_numbers(args[0])
    if numbers is None or not numbers.numel():
        return func(*args, **kwargs)
    sizes = watch.ball(numbers, numbers).farthest_from_zero
    norm = float((sizes.sum(-1) if args[0].is_complex() else sizes).sum(-2).max()) * UPWARD
    if watch.smooth or not norm < _LARGEST_NORM:
        return unwatched(watch, func, args, kwargs)
    out = StepByStep(_in_steps).run(_smooth, watch, func, args, kwargs)
    squarings = _squarings(args[0])
    left = 2 * (norm / 2.0**squarings) ** (_DEGREE + 1) / math.factorial(_DEGREE + 1)
    parts = real_numbers(out)
    assert parts is not None
    watch.set(parts, watch.radius(parts) + 2.0**squarings * left * math.exp(norm) * UPWARD)
    return out


def _smooth(balls: Any) -> Tensor:
    """It has no kinks; those of its steps are looked for."""
    return torch.zeros((), dtype=torch.bool, device="cpu")


def _squarings(a: Tensor) -> int:
    """s, told by what was computed of A; its exact number may be a little larger."""
    norm = float(a.detach().abs().to(torch.float64).sum(-2).max())
    return max(0, math.ceil(math.log2(norm)) + _SMALL) if norm > 0 else 0


def _in_steps(a: Tensor) -> Tensor:
    with disable_current_modes():
        squarings = _squarings(a)
    unit = torch.eye(a.shape[-1], dtype=a.dtype, device=a.device).expand(a.shape)
    x = a * 2.0**-squarings
    found = unit
    for k in range(_DEGREE, 0, -1):
        found = unit + x @ found / k
    for _ in range(squarings):
        found = found @ found
    return found
