"""Paths of a forward that autograd does not see: what depends on an input becomes a constant, and is used as one.

Autograd is right in its own terms there, and so is a gradient that agrees with it. The slope of the whole function is
another one: ``torch.autograd.gradcheck``, which takes differences, compares with that.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
import torch

from diffexplore.numerals import distinct
from diffexplore.tensors.candidate import TensorOutput
from diffexplore.tensors.differences import ESTIMATE_FACTOR, Estimated
from diffexplore.tensors.estimated import Differences, direction, output_of
from diffexplore.tensors.estimated_gradients import all_real
from diffexplore.tensors.subject import TensorCalls
from diffexplore.tensors.truth import Recorded

Tensor = torch.Tensor

#: Steps at which outputs are compared first, relative to the size of an input: a few calls, where slopes take hundreds.
_STEPS = (0.029, -0.00051)

#: In units of their rounding, outputs that are no farther apart are the same.
_ROUNDING = 64.0


def severed(calls: TensorCalls) -> list[str]:
    """That the slope along a random direction is another one where differences go through what autograd does not see.

    Nothing is said where both slopes are the same to within their errors.
    """
    exact = calls.exact
    if not isinstance(exact, Recorded) or not exact.severed or calls.subject.reference is not None:
        return []
    said = f"{exact.severed} makes a constant, to autograd and to this check, of what depends on the inputs"
    outputs = [(place, one) for place, one in enumerate(calls.outputs) if all_real(one, calls)]
    if not outputs:
        return []
    forward, known = calls.subject.forward, True
    held = Differences(forward)
    whole = held.through_all()
    for source in forward.sources:
        way = direction(tuple(source.tensor.shape), forward.seed)
        several = list(_close_by((whole, held), source.name, way))
        for place, one in outputs:
            upstream = calls.upstreams[one.name][0]
            if not any(_apart(both, (whole, held), one, place, upstream) for both in several):
                continue
            with_it, without = (each.along(one, place, upstream, source.name, way) for each in (whole, held))
            if _differ(with_it, without):
                slopes = "{}, and {} with that constant".format(*distinct((with_it.value, without.value), range(3, 18)))
                return [f"{said}: along a random direction of {source.name} the slope of {one.name} is {slopes}"]
            known = known and math.isfinite(with_it.error) and math.isfinite(without.error)
    return [] if known else [said]


def _close_by(
    both: tuple[Differences, Differences], name: str, way: np.ndarray
) -> Iterator[list[list[tuple[str, Tensor]]]]:
    """What both return a few steps away from an input."""
    size = both[0].size(name, way)
    for scale in {max(1.0, size), size or 1.0}:
        for step in _STEPS:
            yield [each.near(name, way, scale * step) for each in both]


def _apart(
    returned: Sequence[list[tuple[str, Tensor]]], both: tuple[Differences, Differences], output: TensorOutput,
    place: int, upstream: Tensor,
) -> bool:  # fmt: skip
    """Whether an output may be another one where the constant is not held: by more than rounding, or not known."""
    weights = upstream.detach().to("cpu", torch.float64)
    one, other = (
        each.sample(output_of(found, output, place), weights) for each, found in zip(both, returned, strict=True)
    )
    return not abs(one.value - other.value) <= _ROUNDING * (one.rounding + other.rounding)


def _differ(one: Estimated, other: Estimated) -> bool:
    return abs(one.value - other.value) > ESTIMATE_FACTOR * (one.error + other.error)
