"""Paths of a forward that autograd does not see: what depends on an input becomes a constant, and is used as one.

Autograd is right in its own terms there, and so is a gradient that agrees with it. The slope of the whole function is
another one: ``torch.autograd.gradcheck``, which takes differences, compares with that.
"""

from __future__ import annotations

import math

import torch

from diffexplore.numerals import short
from diffexplore.tensors.differences import ESTIMATE_FACTOR, Estimated
from diffexplore.tensors.estimated import Differences, direction
from diffexplore.tensors.estimated_gradients import all_real
from diffexplore.tensors.subject import TensorCalls
from diffexplore.tensors.truth import Recorded

Tensor = torch.Tensor


def severed(calls: TensorCalls) -> list[str]:
    """That the slope along a random direction is another one where differences go through what autograd does not see.

    Nothing is said where both slopes are the same to within their errors.
    """
    exact = calls.exact
    if not isinstance(exact, Recorded) or not exact.severed or calls.subject.reference is not None:
        return []
    said = f"{exact.severed} makes a constant, to autograd and to this check, of what depends on the inputs"
    forward, known = calls.subject.forward, True
    whole, held = Differences(forward, through_all=True), Differences(forward)
    for place, one in enumerate(calls.outputs):
        for source in forward.sources if all_real(one, calls) else ():
            way = direction(tuple(source.tensor.shape), forward.seed)
            upstream = calls.upstreams[one.name][0]
            with_it, without = (each.along(one, place, upstream, source.name, way) for each in (whole, held))
            if _differ(with_it, without):
                slopes = f"{short(with_it.value, 3)}, and {short(without.value, 3)} with that constant"
                return [f"{said}: along a random direction of {source.name} the slope of {one.name} is {slopes}"]
            known = known and math.isfinite(with_it.error) and math.isfinite(without.error)
    return [] if known else [said]


def _differ(one: Estimated, other: Estimated) -> bool:
    return abs(one.value - other.value) > ESTIMATE_FACTOR * (one.error + other.error)
