"""Functions that keep what they computed of a tensor by its ``id``, or by its place in memory.

They return it for other numbers in the same tensor, as after a step of an optimizer, and for another tensor that takes
the place of one which is gone.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch

from diffexplore.errors import CandidateError
from diffexplore.tensors.candidate import TensorCandidate, is_checked_in

Tensor = torch.Tensor

#: How much of a change of the outputs has to be missing, beside which rounding is nothing.
_MISSING = 2.0**-6

#: How many times its rounding an output has to change: less in narrow dtypes, in which numbers move by more.
_CLEAR = 2.0**4


def check_not_kept_by_identity(candidate: TensorCandidate) -> None:
    """Raises CandidateError where an output belongs to what a tensor held before other numbers were written into it."""
    call = candidate.replaced()
    before = _floats(call)
    if any(not torch.equal(one.tensor, own.tensor) for one, own in zip(call.inputs, candidate.inputs, strict=True)):
        return  # it writes into its inputs
    moved = {one.name: _moved(one.tensor) for one in call.sources}
    fresh = _floats(candidate.replaced(moved))
    with torch.no_grad():
        for one in call.sources:
            one.tensor.copy_(moved[one.name])
    again = _floats(call)
    missing = {name: _apart(fresh[name], again.get(name)) for name in fresh}
    if any(
        missing[name] > _MISSING * _apart(output, before.get(name)) > _MISSING * _CLEAR * _rounding(output)
        for name, output in fresh.items()
    ):
        # What takes turns, whatever their number, is not the same in two calls that follow one another.
        for repeated in [_floats(candidate.replaced(moved)) for _ in range(2)]:
            if any(_apart(fresh[name], repeated.get(name)) > _MISSING * missing[name] for name in fresh):
                return  # it is another one in each call
        raise CandidateError(
            f"{candidate.name} keeps what it computed of a tensor by its id or its place in memory, and returns that "
            "when other numbers are written there, as by an optimizer: check it without this cache"
        )


def _floats(call: TensorCandidate) -> Mapping[str, Tensor]:
    """The outputs of floats, by name; none where it raises."""
    try:
        return {one.name: one.tensor.detach().clone() for one in call.returned() if _is_compared(one.tensor)}
    except CandidateError:
        return {}


def _is_compared(output: Tensor) -> bool:
    """Whether torch computes with it as with a plain tensor of floats: not in 8 bits, sparse or nested."""
    plain = output.layout == torch.strided and not output.is_nested
    return plain and output.is_floating_point() and is_checked_in(output.dtype)


def _moved(tensor: Tensor) -> Tensor:
    """Numbers nearby, each by another share of it."""
    shares = (
        torch.rand(tensor.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64, device="cpu") - 0.5
    )
    step = shares * torch.finfo(tensor.dtype).eps ** (1 / 3)
    return (tensor.detach() * (1 + step.to(tensor))).requires_grad_()


def _apart(one: Tensor, other: Tensor | None) -> float:
    """How far two outputs are apart at most; 0 where they are of other shapes."""
    if other is None or other.shape != one.shape or not one.numel():
        return 0.0
    return float((one - other).nan_to_num(0.0, 0.0, 0.0).abs().max())


def _rounding(output: Tensor) -> float:
    """What rounding the largest entry may change."""
    return torch.finfo(output.dtype).eps * _apart(output, torch.zeros_like(output))
