"""Upstream gradients and inputs that lie in memory in other ways: the numbers are the same."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from diffexplore.errors import CandidateError
from diffexplore.tensors.battery.records import CallFinding, CallSetting, CallTrial, TrialUnavailable, reason_of

Tensor = torch.Tensor


def strided(tensor: Tensor) -> Tensor:
    """The same numbers, every second element of memory: transposed as well where there are two axes."""
    if not tensor.dim():
        return tensor.detach().clone()
    wide = tensor.detach().mT if tensor.dim() > 1 else tensor.detach()
    memory = wide.new_zeros((*wide.shape[:-1], 2 * wide.shape[-1]))
    memory[..., ::2] = wide
    return memory[..., ::2].mT if tensor.dim() > 1 else memory[..., ::2]


def _upstream(setting: CallSetting, key: str, what: str, expanded: bool) -> Iterator[CallFinding]:
    tried = False
    for call in setting.calls:
        if not call.upstream.dim():
            continue
        tried = True
        plain = (
            torch.full_like(call.upstream, 1.25, memory_format=torch.contiguous_format) if expanded else call.upstream
        )
        other = call.upstream.new_full((), 1.25).expand(call.upstream.shape) if expanded else strided(call.upstream)
        candidate = setting.candidate.replaced()
        output = setting.output_of(candidate, call.output)
        try:
            expected = candidate.gradients(output, plain.clone())
        except CandidateError:
            continue  # that is reported of the plain call
        try:
            found = candidate.gradients(output, other)
        except CandidateError as error:
            yield CallFinding(key, f"it raises for an upstream gradient that is {what}: {reason_of(error)}: {_MEND}")
            continue
        off = setting.differing(found, expected, call, plain)
        if off is not None:
            yield CallFinding(key, f"for an upstream gradient that is {what} the gradient by {off}: {_MEND}")
    if not tried:
        raise TrialUnavailable("every output is one number")


_MEND = "use reshape for view, or call upstream.contiguous() first"


def expanded_upstream(setting: CallSetting) -> Iterator[CallFinding]:
    """As after ``.sum()``: one number in memory stands for all."""
    yield from _upstream(setting, "expanded_upstream", "expanded, as after .sum(),", expanded=True)


def strided_upstream(setting: CallSetting) -> Iterator[CallFinding]:
    """As after a transposition or a slice."""
    yield from _upstream(setting, "strided_upstream", "not contiguous, as after a transposition,", expanded=False)


def strided_inputs(setting: CallSetting) -> Iterator[CallFinding]:
    """Inputs that are not contiguous. A forward that refuses them says so itself, and is no finding."""
    changed = {
        one.name: strided(one.tensor).requires_grad_(one.tensor.requires_grad)
        for one in setting.candidate.inputs
        if one.tensor.is_floating_point() and one.tensor.dim() and one.name not in setting.candidate.state
    }
    if not changed:
        raise TrialUnavailable("no input has an axis")
    candidate = setting.candidate.replaced(changed)
    try:
        outputs = {call.output: setting.output_of(candidate, call.output) for call in setting.calls}
    except CandidateError as error:
        raise TrialUnavailable(f"the forward refuses inputs that are not contiguous: {reason_of(error)}") from None
    for call in setting.calls:
        expected = setting.candidate.replaced()
        output = setting.output_of(expected, call.output)
        if outputs[call.output].tensor.shape != output.tensor.shape or not torch.allclose(
            outputs[call.output].tensor, output.tensor, rtol=1e-3, equal_nan=True
        ):
            raise TrialUnavailable("the forward depends on how its inputs lie in memory")
        try:
            plain = expected.gradients(output, call.upstream.clone())
        except CandidateError:
            continue
        try:
            found = candidate.gradients(outputs[call.output], call.upstream.clone())
        except CandidateError as error:
            yield CallFinding(
                "strided_inputs", f"it raises for inputs that are not contiguous: {reason_of(error)}: {_SAVED}"
            )
            continue
        off = setting.differing(found, plain, call, call.upstream)
        if off is not None:
            yield CallFinding("strided_inputs", f"for inputs that are not contiguous the gradient by {off}: {_SAVED}")


_SAVED = "use reshape for view, or save input.contiguous()"

TRIALS = (
    CallTrial("expanded_upstream", "an expanded upstream gradient", "quick", expanded_upstream),
    CallTrial("strided_upstream", "an upstream gradient that is not contiguous", "quick", strided_upstream),
    CallTrial("strided_inputs", "inputs that are not contiguous", "quick", strided_inputs),
)
