"""The same gradients from other runs: in float64, at inputs that are rounded otherwise, and of the reference."""

from __future__ import annotations

import numpy as np
import torch

from diffexplore.errors import CandidateError
from diffexplore.tensors.candidate import TensorCandidate, TensorOutput, in_dtype
from diffexplore.tensors.numbers import numbers_of
from diffexplore.tensors.observed import observed, observed_as_decided
from diffexplore.tensors.subject import TensorCalls, TensorSubject
from diffexplore.torch_code.nearby import rounded_otherwise

Tensor = torch.Tensor

#: So often inputs are rounded otherwise, to measure how far rounding moves a gradient of which nothing else is known.
_ROUNDINGS = 4


def in_float64(calls: TensorCalls, output: TensorOutput, upstream: Tensor) -> list[np.ndarray | None]:
    """The gradients of code in a narrow dtype whose operations are not seen, in float64; None where there are none."""
    none: list[np.ndarray | None] = [None] * len(calls.subject.candidate.sources)
    if not calls.seen.hidden or calls.subject.dtype == torch.float64:
        return none
    wide = in_dtype(calls.subject.candidate, torch.float64)
    try:
        again = next(one for one in wide.returned() if one.name == output.name)
        values = wide.gradients(again, upstream.to(again.tensor.dtype))
    except CandidateError:
        return none
    return [None if value is None else numbers_of(value) for value in values]


def moved_by_rounding(candidate: TensorCandidate, output: TensorOutput, upstream: Tensor) -> list[list[np.ndarray]]:
    """The gradients by each input where all inputs and the upstream gradient are rounded otherwise.

    Where terms cancel, what rounding left of them may depend on the upstream gradient alone. Nothing is found where the
    function does not run.
    """
    found = []
    for place in range(_ROUNDINGS):
        generator = torch.Generator().manual_seed(place)
        call = candidate.replaced({one.name: rounded_otherwise(one.tensor, generator) for one in candidate.sources})
        try:
            again = next(one for one in call.returned() if one.name == output.name)
            gradients = call.gradients(again, rounded_otherwise(upstream, generator))
        except (CandidateError, StopIteration):
            return []
        zeros = [np.zeros(tuple(one.tensor.shape)) for one in call.sources]
        found.append([zero if one is None else numbers_of(one) for one, zero in zip(gradients, zeros, strict=True)])
    return found


def radii_by_autograd(
    subject: TensorSubject, place: int, upstream: Tensor, *, as_decided: bool
) -> list[np.ndarray] | None:
    """How far torch's own gradients of a reference may be off, by each input, of its output at ``place``.

    With ``as_decided`` by the comparisons that it made, also where rounding may turn them. None where the forward is
    the candidate's own, whose backward is under test, and where no bound is known.
    """
    if subject.reference is None or subject.is_surrogate or subject.order > 1:
        return None
    try:
        returned = subject.forward.returned()
        name = returned[place].name
        watched = observed_as_decided if as_decided else observed
        called = watched(subject.forward, {one.name: [upstream] if one.name == name else [] for one in returned})
    except CandidateError:
        return None
    found = called.gradients[name, 0]
    if isinstance(found, str) or not all(np.isfinite(one.in_any_call).all() for one in found):
        return None
    return [one.in_any_call for one in found]
