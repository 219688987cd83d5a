"""The numbers of a tensor against their exact values, entry by entry."""

from __future__ import annotations

import numpy as np
import torch

from diffexplore.arithmetic.double_balls import DoubleBall
from diffexplore.bounds.claims import UNIT_ROUNDOFF
from diffexplore.checking.enclosures import Enclosures, Status
from diffexplore.checking.judge import ZERO, Judged, judge
from diffexplore.tensors.numbers import TensorNumbers

#: Radii of enclosures, relative to their numbers, of a kink; and of a corner, where it is open what is chosen.
_OF_A_KINK, _OF_A_CORNER = 0.5, 2.0**-5

#: An enclosure of no sign that is as wide, beside the largest entry, holds the slopes of a kink, whatever the bound.
_WIDE = 2.0**-10

#: An entry that is certainly below so many units of the last place of the largest counts as 0.
NOTHING = 2.0**-30


def judged(
    numbers: TensorNumbers,
    truth: DoubleBall,
    dtype: torch.dtype,
    *,
    reason: str | None,
    proved: bool = True,
    open_choices: bool = False,
    elsewhere: float = 0.0,
) -> Judged:
    """The entries of a gradient in ``dtype`` against their exact values, one by one.

    ``reason`` says why a bound is infinite, where that is known. ``proved`` says whether the truths are enclosures, of
    which one wider than its number holds both slopes of a kink; with ``open_choices`` they may be hulls of slopes,
    which differ at a corner by a sixteenth of it. ``elsewhere`` is the largest entry of all gradients: a gradient
    that is 0 throughout is distinguished from a wrong one beside it.
    """
    flat = DoubleBall(*(np.broadcast_to(part, numbers.value.shape).reshape(-1) for part in truth))
    known = np.isfinite(flat.high) & np.isfinite(flat.radius)
    bound = numbers.bound.reshape(-1)
    sizes = np.abs(flat.high)
    counts = known & ~(sizes + flat.radius <= ZERO * bound)  # the others are 0 as far as this check is concerned
    largest = float(sizes[counts].max(initial=0.0)) or elsewhere
    of_no_sign = proved & (flat.radius >= (_OF_A_CORNER if open_choices else _OF_A_KINK) * sizes)
    wide = of_no_sign & ((flat.radius > bound) | (flat.radius > _WIDE * (largest or elsewhere)))
    # Beside the others such an entry is 0, and the enclosure is as wide as double-double arithmetic leaves it.
    nothing = of_no_sign & (sizes + flat.radius <= NOTHING * UNIT_ROUNDOFF[dtype] * (largest or elsewhere))
    reach = np.where(nothing & (flat.radius > 0), sizes + flat.radius, 0.0)
    bound = np.maximum(bound, reach / ZERO * 2)
    status = np.where(known, np.where(wide & ~nothing, Status.UNRESOLVED, Status.RESOLVED), Status.KINK).astype(np.int8)
    truths = Enclosures(flat.high, flat.low, flat.radius, status)
    return judge(numbers.value.reshape(-1), bound, truths, largest, dtype, reason, stepped=None)
