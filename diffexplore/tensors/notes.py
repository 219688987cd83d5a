"""What a report of a check says besides: how the truth was found, by what rounding is measured, what is not checked."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from diffexplore.floating_point import dtype_name
from diffexplore.tensors.candidate import TensorCandidate, TensorOutput
from diffexplore.tensors.searches import TinySteps
from diffexplore.tensors.severed import severed
from diffexplore.tensors.subject import TensorCalls
from diffexplore.torch_ops.tensor_rules.operands import NotCertified
from diffexplore.tracing.backward import leaves_of

Tensor = torch.Tensor


def notes_of(
    calls: TensorCalls, first_call: TensorCandidate, estimated: Sequence[NotCertified], met: Sequence[Tensor]
) -> list[str]:
    """Sentences on one check, whose outputs ``first_call`` gave.

    ``estimated`` says why truths are not certified; ``met`` are the leaves in which backward passes left gradients.
    """
    held = _held(first_call, calls.outputs, met) if calls.subject.order == 1 else []
    return [*_why_estimated(calls, estimated), *_narrowed(calls), *_aliased(calls), *held, *severed(calls)]


def _why_estimated(calls: TensorCalls, reasons: Sequence[NotCertified]) -> list[str]:
    name = calls.subject.reference or calls.subject.candidate.name
    said = {
        str(one): "cannot be differentiated as it is written" if isinstance(one, TinySteps) else "cannot be read"
        for one in reasons
    }
    return [
        f"the forward of {name} {how}: {reason}; the truth is estimated by differences: pass reference= for a "
        "certificate"
        for reason, how in said.items()
    ]


def _narrowed(calls: TensorCalls) -> list[str]:
    names = sorted(dtype_name(dtype) for dtype in calls.seen.narrowed_forward)
    return [f"the forward computes in {', '.join(names)}: so rounding is measured by that"] if names else []


def _aliased(calls: TensorCalls) -> list[str]:
    names = ", ".join(sorted(calls.subject.candidate.aliased))
    return [f"a forward reads {names} past its arguments, as a detached alias: that counts as {names}"] if names else []


def _held(call: TensorCandidate, outputs: Sequence[TensorOutput], met: Sequence[Tensor]) -> list[str]:
    """That there are tensors which a backward pass leaves gradients in, and which are no inputs."""
    known = {id(tensor) for one in call.inputs for tensor in (one.tensor, one.original)}
    reached = [leaf for one in outputs for leaf in leaves_of(one.tensor)]
    reached += [leaf for leaf in met if isinstance(leaf, torch.nn.Parameter)]  # others were made on the way
    others = {id(leaf): leaf for leaf in reached if id(leaf) not in known}
    if not others:
        return []
    if len(others) == 1:
        said = "a tensor that needs a gradient and is no input: what comes back to it"
    else:
        said = f"{len(others)} tensors that need a gradient and are no inputs: what comes back to them"
    return [f"the function holds {said} is not checked"]
