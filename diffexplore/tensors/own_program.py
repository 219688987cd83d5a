"""The program of a function in a narrow dtype, run in float64: each of its operations, on numbers of float64.

It is not the function of float64 inputs: a constant that hangs on the dtype (``torch.finfo(x.dtype).eps``, which
``rms_norm`` adds by default, or the largest number as a mask) is the one of the narrow dtype.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch

from diffexplore.bounds.claims import UNIT_ROUNDOFF
from diffexplore.bounds.handling import real_numbers
from diffexplore.errors import CandidateError
from diffexplore.methods.opaque import OPAQUE_FACTOR
from diffexplore.tensors.candidate import TensorCandidate, TensorOutput, is_checked_in
from diffexplore.tensors.observed import narrowest
from diffexplore.tensors.side_by_side import SideBySideWatch
from diffexplore.torch_code.escapes import Escapes
from diffexplore.torch_code.leaving_torch import CandidateWatch
from diffexplore.torch_code.nearby import rounded_otherwise

Tensor = torch.Tensor

#: A radius below this share of what the narrow dtype's own rounding makes is one of float64's rounding.
_OF_FLOAT64 = 2.0**-10

#: So often inputs are rounded otherwise, to measure how far rounding moves an output of which nothing else is known.
_ROUNDINGS = 4


@dataclass(frozen=True, eq=False)
class WideOutput:
    """An output in float64, real numbers, and how far the exact value of the same operations may be from each."""

    output: TensorOutput
    value: Tensor
    radius: Tensor


def run_in_float64(
    call: TensorCandidate, moved: Mapping[str, Tensor], held: AbstractContextManager[None] | None = None
) -> list[WideOutput] | None:
    """The outputs of floats of a call in a narrow dtype whose operations run in float64.

    ``moved`` are numbers in float64, by the names of the inputs whose place they take; the call runs within ``held``,
    which sees no copy of its inputs made. None where an operation is not seen, or has no counterpart in float64.
    """
    narrow = {one.name: one.tensor for one in call.inputs if one.name in moved}
    rounded = {
        name: moved[name].to(tensor.dtype).requires_grad_(tensor.requires_grad) for name, tensor in narrow.items()
    }
    call = call.replaced(rounded)
    dtype = narrowest(call)
    assert dtype is not None, "a call in a narrow dtype"
    watch = SideBySideWatch(expected=dtype, inputs=[one.tensor for one in call.inputs])
    for name, tensor in rounded.items():
        watch.go_on_from(tensor, moved[name])
    with Escapes() as escapes, watch, held or nullcontext():
        returned = call.returned()
    if watch.unwatched or watch.leaving or escapes.seen:
        return None
    found = []
    for one in returned:
        if not one.tensor.is_floating_point() or not is_checked_in(one.tensor.dtype):
            continue
        wide, radius = watch.wide_ball(one.tensor)
        size = float(wide.abs().max()) if wide.numel() else 0.0
        if not bool((radius <= _OF_FLOAT64 * UNIT_ROUNDOFF[dtype] * size).all()):
            return None
        found.append(WideOutput(one, wide, radius))
    return found


def is_another_in_float64(candidate: TensorCandidate, wide: TensorCandidate) -> bool:
    """Whether a call at float64 inputs (``wide``) computes other numbers than the candidate's program does in float64.

    Where its operations are not seen, as those of NumPy, other roundings of the inputs say how far its outputs may be
    off. False where that is not known.
    """
    if narrowest(candidate) in (None, torch.float64):
        return False
    try:
        own = run_in_float64(candidate, {})
        call = wide.replaced()
        watch = CandidateWatch(expected=torch.float64, inputs=[one.tensor for one in call.inputs])
        with Escapes() as escapes, watch:
            returned = {one.name: one.tensor for one in call.returned()}
    except CandidateError:
        return False
    if own is None or watch.unwatched or watch.leaving or escapes.seen:
        return bool(escapes.seen) and _is_far_from(candidate, returned)
    for one in own:
        tensor = returned.get(one.output.name)
        numbers = None if tensor is None or not is_checked_in(tensor.dtype) else real_numbers(tensor.detach())
        if numbers is None or numbers.shape != one.value.shape:
            continue
        apart = (numbers - one.value).abs()
        if bool((apart > watch.radius(numbers) + one.radius).any()):
            return True
    return False


def _is_far_from(candidate: TensorCandidate, wide: Mapping[str, Tensor]) -> bool:
    """Whether an output is further from that of float64 inputs than rounding is seen to move it."""
    unit = UNIT_ROUNDOFF[narrowest(candidate) or torch.float64]
    try:
        called = candidate.replaced().returned()
        plain = {one.name: one.tensor.detach().double() for one in called if one.tensor.is_floating_point()}
        others = [_rounded_otherwise(candidate, seed) for seed in range(_ROUNDINGS)]
    except CandidateError:
        return False
    for name, value in plain.items():
        numbers = [one[name] for one in (wide, *others) if name in one and one[name].shape == value.shape]
        if len(numbers) <= len(others):
            continue
        far, *moved = ((one.detach().double() - value).abs().nan_to_num(0.0, 0.0, 0.0) for one in numbers)
        if bool((far > OPAQUE_FACTOR * (torch.stack(moved).amax(0) + unit * value.abs())).any()):
            return True
    return False


def _rounded_otherwise(candidate: TensorCandidate, seed: int) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    call = candidate.replaced({one.name: rounded_otherwise(one.tensor, generator) for one in candidate.sources})
    return {one.name: one.tensor for one in call.returned()}
