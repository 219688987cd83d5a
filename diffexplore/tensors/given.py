"""What a check of a function of tensors is given: refused in one line where nothing can be checked."""

from __future__ import annotations

from typing import Any

import torch

from diffexplore.errors import CandidateError, UsageError
from diffexplore.floating_point import dtype_name
from diffexplore.tensors.candidate import (
    CHECKED_DTYPES,
    TensorCandidate,
    TensorOutput,
    arguments_given,
    is_checked_in,
    tensors_of,
)
from diffexplore.tensors.copies import check_readable
from diffexplore.tensors.sparse_inputs import is_sparse_source

Tensor = torch.Tensor

_KNOWN = f"{', '.join(CHECKED_DTYPES[:-1])} and {CHECKED_DTYPES[-1]}"


def check_inputs(candidate: TensorCandidate, inputs: Any) -> None:
    """Raises UsageError for inputs that cannot be differentiated by: as the user gave them, before they are copied."""
    given = tensors_of(arguments_given(inputs))
    assert len(tensors_of(candidate.args)) == len(given)
    given = [tensor for tensor in given if tensor.layout == torch.strided or is_sparse_source(tensor)]
    names = [one.name for one in candidate.inputs][len(candidate.inputs) - len(given) :]
    for name, tensor in zip(names, given, strict=True):
        _check_tensor(candidate.name, name, tensor)
    if not candidate.sources:
        raise UsageError(f"no input of {candidate.name} requires a gradient{_advice(candidate)}")


def _check_tensor(function: str, name: str, tensor: Tensor) -> None:
    if tensor.device.type == "meta":
        raise UsageError(f"{name} is on the device meta, where tensors have no numbers: give one on the CPU or a GPU")
    if not tensor.requires_grad:
        return
    if not tensor.is_leaf:
        leaf = f"{name}.detach().requires_grad_()" if name.isidentifier() else "its .detach().requires_grad_()"
        raise UsageError(f"{name} is not a leaf, as it was computed from other tensors: give {function} {leaf}")
    if not is_checked_in(tensor.dtype):
        raise UsageError(f"{name} is {dtype_name(tensor.dtype)}: gradients are checked in {_KNOWN}")


def _advice(candidate: TensorCandidate) -> str:
    floats = [one.name for one in candidate.inputs if one.tensor.is_floating_point() or one.tensor.is_complex()]
    if floats:
        return f": give {floats[-1]} with requires_grad=True"
    if candidate.inputs:
        one = candidate.inputs[-1]
        return f": {one.name} holds integers ({dtype_name(one.tensor.dtype)}), give floats with requires_grad=True"
    return ": give at least one tensor with requires_grad=True"


def check_outputs(candidate: TensorCandidate, outputs: tuple[TensorOutput, ...], differentiable: int) -> None:
    """Raises CandidateError where no output of a call can be differentiated."""
    for one in outputs:
        check_readable(one.tensor, f"the {one.name} of {candidate.name}")
    sparse = [one.name for one in outputs if one.tensor.requires_grad and one.tensor.layout != torch.strided]
    if sparse:
        raise CandidateError(f"the {sparse[0]} of {candidate.name} is a sparse tensor: return it dense (.to_dense())")
    if differentiable:
        return
    stored = [one for one in outputs if one.tensor.requires_grad]
    if stored:
        raise CandidateError(
            f"the {stored[0].name} of {candidate.name} is {dtype_name(stored[0].tensor.dtype)}: gradients are checked "
            f"of outputs in {_KNOWN}"
        )
    floats = [one for one in outputs if one.tensor.is_floating_point() or one.tensor.is_complex()]
    if not floats:
        kinds = ", ".join(dict.fromkeys(dtype_name(one.tensor.dtype) for one in outputs))
        raise CandidateError(f"{candidate.name} returns no floats, but {kinds}: nothing of it can be differentiated")
    raise CandidateError(
        f"{candidate.name} returns an output without a graph (its requires_grad is False): "
        "is it detached, computed under no_grad, or made of new tensors?"
    )
