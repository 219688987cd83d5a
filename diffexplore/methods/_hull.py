"""One ball for the numbers of all samples: what holds over it holds at each of them, and it is found once."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from diffexplore.arithmetic.torch_real import TORCH
from diffexplore.bounds.watch import Watch
from diffexplore.methods.base import Values
from diffexplore.methods.problem import Problem

#: The sum of summands that are no larger does not overflow.
_LARGEST_LOSS = 2.0**1000


def hull(values: Tensor, reach: Tensor | float = 0.0) -> tuple[Tensor, Tensor]:
    """The middle of all values, and a radius (float64, shape ()) that holds what is within ``reach`` of any of them.

    Equal values with no reach are the middle itself, of radius 0.
    """
    wide = values.to(torch.float64)
    low, high = wide.min() - reach, wide.max() + reach
    middle = (low + high) / 2
    return middle, torch.where(low == high, 0.0, (high - low) * (0.5 + 2.0**-50) + middle.abs() * 2.0**-50)


def smooth_within(problem: Problem, values: Values, reaches: Mapping[str, Tensor], n: int) -> dict[str, bool]:
    """For each of some symbols whether one ball proves that the loss of each of n samples is smooth along it, within
    its reach of any of its values.

    ``values`` are float64 tensors. Of the sum of the losses it proves the same, since that does not overflow. All
    symbols are looked at in one run: each has a place in vectors, at which it alone is moved.
    """
    watch, balls, count = Watch(smooth=True), {}, len(reaches)
    for key, value in values.items():
        middle, radius = hull(value)
        if key in reaches:
            place = list(reaches).index(key)
            moved, reach = hull(value, reaches[key])
            middle, radius = middle.expand(count).clone(), radius.expand(count).clone()
            middle[place], radius[place] = moved, reach
        balls[key] = middle
        if bool(radius.any()):
            watch.set(middle, radius)
    with watch:
        loss = torch.as_tensor(problem.loss_program.run(TORCH, balls)[0])
    farthest = (loss.abs() + watch.radius(loss)).expand(count)
    return dict(zip(reaches, (farthest * n <= _LARGEST_LOSS).tolist(), strict=True))
