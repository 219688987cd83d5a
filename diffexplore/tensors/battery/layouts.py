"""Upstream gradients and inputs that lie in memory in other ways: the numbers are the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

import numpy as np
import torch

from diffexplore.arithmetic.double_balls import DoubleBall
from diffexplore.errors import CandidateError
from diffexplore.tensors.battery.records import (
    CallFinding,
    CallSetting,
    CallTrial,
    Gradients,
    TrialUnavailable,
    reason_of,
)
from diffexplore.tensors.numbers import TensorNumbers
from diffexplore.tensors.observed import observed
from diffexplore.tensors.truth import recorded
from diffexplore.torch_ops.tensor_rules.operands import NotCertified

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
    """Inputs that are not contiguous."""
    yield from _at(setting, "strided_inputs", "not contiguous", _changed(setting, strided))


def view_inputs(setting: CallSetting) -> Iterator[CallFinding]:
    """Inputs that are contiguous, and begin within the memory of a larger tensor."""
    yield from _at(setting, "view_inputs", "views, as a slice of a larger tensor", _changed(setting, within_memory))


def broadcast_inputs(setting: CallSetting) -> Iterator[CallFinding]:
    """Inputs whose first entry is expanded along the first axis, against copies of the same numbers.

    Equal numbers tie, and may lie at singularities: entries of which the truth is not known there are not compared.
    """
    found = _changed(setting, broadcast)
    same = setting.candidate.replaced({name: copied(tensor) for name, tensor in found.items()})
    exact = recorded(setting.forward.replaced({name: copied(tensor) for name, tensor in found.items()}))
    if exact.problem is not None:
        raise TrialUnavailable(f"at broadcast inputs the forward cannot be read: {exact.problem}")
    seen = observed(same, {call.output: [call.upstream] for call in setting.calls})
    names = [one.name for one in exact.outputs]
    calls, known = [], {}
    for call in setting.calls:
        numbers = seen.gradients.get((call.output, 0))
        if numbers is None or isinstance(numbers, str) or call.output not in names:
            continue
        try:
            truths = exact.gradients(names.index(call.output), call.upstream)
        except NotCertified as reason:
            raise TrialUnavailable(f"at broadcast inputs the truth is not known: {reason}") from None
        calls.append(replace(call, gradients=tuple(numbers)))
        known[call.output] = [certain(*both) for both in zip(truths, numbers, strict=True)]
    setting = replace(setting, candidate=same, calls=tuple(calls))
    yield from _at(setting, "broadcast_inputs", "expanded, as after a broadcast", found, known)


def certain(truth: DoubleBall, numbers: TensorNumbers) -> Tensor:
    """Where the truth is known as well as rounding leaves the numbers; to the last place where these have no bound."""
    size = np.abs(numbers.value).max(initial=0.0, where=np.isfinite(numbers.value))
    moved = np.where(np.isfinite(numbers.in_any_call), numbers.in_any_call, 0.0)
    close = truth.radius <= np.maximum(moved, 2.0**-53 * size)
    return torch.from_numpy(np.asarray(close & np.isfinite(truth.radius) & np.isfinite(truth.high)))


def broadcast(tensor: Tensor) -> Tensor:
    """Its first entry along the first axis, for all of them: one memory."""
    return tensor.detach()[:1].expand(tensor.shape) if tensor.shape[0] else tensor.detach().clone()


def copied(tensor: Tensor) -> Tensor:
    """The same numbers in rows, in memory of their own."""
    found = tensor.detach().clone(memory_format=torch.contiguous_format)
    return found.requires_grad_(tensor.requires_grad)


def within_memory(tensor: Tensor) -> Tensor:
    """The same numbers, which begin at the second element of memory."""
    memory = tensor.detach().new_zeros(tensor.numel() + 1)
    memory[1:] = tensor.detach().reshape(-1)
    return memory[1:].view(tensor.shape)


def _changed(setting: CallSetting, change: Callable[[Tensor], Tensor]) -> dict[str, Tensor]:
    """The inputs with an axis, in other memory, by name."""
    changed = {
        one.name: change(one.tensor).requires_grad_(one.tensor.requires_grad)
        for one in setting.candidate.inputs
        if one.tensor.is_floating_point() and one.tensor.dim() and one.name not in setting.candidate.state
    }
    if not changed:
        raise TrialUnavailable("no input has an axis")
    return changed


def _at(
    setting: CallSetting, key: str, what: str, changed: Mapping[str, Tensor], known: Mapping[str, list[Tensor]] = {},
) -> Iterator[CallFinding]:  # fmt: skip
    """What differs at the same numbers in other memory. A forward that refuses them says so itself, and is no finding.

    ``known`` says, by output, of which entries of each gradient the truth is known; of all where nothing is said.
    """
    candidate = setting.candidate.replaced(changed)
    try:
        outputs = {call.output: setting.output_of(candidate, call.output) for call in setting.calls}
    except CandidateError as error:
        raise TrialUnavailable(f"the forward refuses inputs that are {what}: {reason_of(error)}") from None
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
            yield CallFinding(key, f"it raises for inputs that are {what}: {reason_of(error)}: {_SAVED}")
            continue
        found, plain = (where_known(known.get(call.output), gradients) for gradients in (found, plain))
        off = setting.differing(found, plain, call, call.upstream)
        if off is not None:
            yield CallFinding(key, f"for inputs that are {what} the gradient by {off}: {_SAVED}")


def where_known(known: list[Tensor] | None, gradients: Gradients) -> Gradients:
    """The gradients, with 0 where the truth is not known."""
    if known is None:
        return gradients
    return tuple(
        None if one is None else torch.where(there.to(one.device), one.detach(), 0.0)
        for one, there in zip(gradients, known, strict=True)
    )


_SAVED = "use reshape for view, or save input.contiguous()"

TRIALS = (
    CallTrial("expanded_upstream", "an expanded upstream gradient", "quick", expanded_upstream),
    CallTrial("strided_upstream", "an upstream gradient that is not contiguous", "quick", strided_upstream),
    CallTrial("strided_inputs", "inputs that are not contiguous", "quick", strided_inputs),
    CallTrial("view_inputs", "inputs that are views", "full", view_inputs),
    CallTrial("broadcast_inputs", "inputs that are broadcast", "full", broadcast_inputs),
)
