"""The backward called again, with other random numbers, and what it writes into."""

from __future__ import annotations

import pickle
import random
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch

from diffexplore.errors import CandidateError
from diffexplore.tensors.battery.records import CallFinding, CallSetting, CallTrial, PlainCall, as_tensors, reason_of
from diffexplore.tensors.candidate import TensorCandidate, TensorOutput

Tensor = torch.Tensor


def repeated(setting: CallSetting) -> Iterator[CallFinding]:
    """Two calls on one graph; the second with another state of the random generators."""
    for call in setting.calls:
        candidate = setting.candidate.replaced()
        output = setting.output_of(candidate, call.output)
        upstream = call.upstream.clone()
        before = [one.tensor.detach().clone() for one in candidate.inputs]
        given, saved = output.tensor.detach().clone(), _saved(output)
        kept = [tensor.detach().clone() for _, tensor in saved]
        try:
            first = [None if one is None else one.detach().clone() for one in candidate.gradients(output, upstream)]
        except CandidateError:
            continue  # that is reported of the plain call
        chance = _by_chance(setting, call, tuple(first))
        if chance is not None:
            yield chance
            continue
        written = list(_written(candidate, before, upstream, call, output, given))
        by = next((name for (name, tensor), old in zip(saved, kept, strict=True) if not _same(tensor, old)), None)
        yield from written or _again(setting, candidate, output, call, tuple(first), by)


def _by_chance(setting: CallSetting, call: PlainCall, first: tuple[Tensor | None, ...]) -> CallFinding | None:
    """A backward that draws from other generators than torch's, which are seeded before each call, or reads a clock.

    On a CPU calls at the same inputs differ by no rounding, so that half of the digits are none of that.
    """
    candidate = setting.candidate.replaced()
    output = setting.output_of(candidate, call.output)
    if output.tensor.device.type != "cpu":
        return None
    before = _states()
    second = candidate.gradients(output, call.upstream.clone())
    drawn = [name for name, state in _states().items() if state != before[name]]
    off = setting.far_apart(second, first)
    if off is None:
        return None
    why, mended = (
        "depends on more than its inputs (a clock, a counter, a generator of its own)",
        "take it in the forward",
    )
    if drawn:
        why, mended = f"draws from {' and '.join(drawn)}", "save what the forward drew"
    message = f"the backward {why}, so that the gradient by {off} in another call: {mended}"
    return CallFinding("not_deterministic", message, {"generators": drawn})


def _states() -> dict[str, bytes]:
    """What the generators of Python and NumPy draw next."""
    states = {
        "Python's generator (random)": random.getstate(),
        "NumPy's generator (numpy.random)": np.random.get_state(),
    }
    return {name: pickle.dumps(state) for name, state in states.items()}


def _written(
    candidate: TensorCandidate, before: list[Tensor], upstream: Tensor, call: PlainCall, output: TensorOutput,
    given: Tensor,
) -> Iterator[CallFinding]:  # fmt: skip
    changed = [one.name for one, old in zip(candidate.inputs, before, strict=True) if not _same(one.tensor, old)]
    if changed:
        listed = ", ".join(changed)
        yield CallFinding(
            "inputs_modified", f"the backward writes into {listed}: compute in new tensors", {"inputs": changed}
        )
    if not _same(upstream, call.upstream):
        yield CallFinding(
            "upstream_modified",
            "the backward writes into the upstream gradient that it is given, which others use too: work on a clone",
        )
    if not changed and not _same(output.tensor, given):
        yield CallFinding(
            "saved_overwritten",
            f"the backward writes into the {output.name}, which others use too: compute in new tensors",
        )


def _again(
    setting: CallSetting,
    candidate: TensorCandidate,
    output: TensorOutput,
    call: PlainCall,
    first: tuple[Tensor | None, ...],
    overwriting: str | None,
) -> Iterator[CallFinding]:
    """``overwriting`` is the Function whose saved tensors the first backward changed: it may leave all that counts."""
    try:
        second = candidate.gradients(output, call.upstream.clone())
    except CandidateError as error:
        yield CallFinding(
            "saved_overwritten", f"a second backward on the same graph (retain_graph=True) raises: {reason_of(error)}"
        )
        return
    off = setting.differing(second, first, call, call.upstream)
    if off is not None and overwriting is not None:
        yield CallFinding(
            "saved_overwritten",
            f"the backward writes into the tensors that {overwriting} saved: a second backward gives another gradient; "
            "use operations that do not work in place",
        )
        return
    if off is not None:
        yield CallFinding(
            "saved_overwritten",
            f"a second backward on the same graph (retain_graph=True) gives another gradient: that by {off}",
        )
        return
    numbers = as_tensors((one.value for one in call.gradients), candidate.sources)
    off = setting.differing(first, numbers, call, call.upstream)
    if off is not None:
        yield CallFinding("not_deterministic", f"in another call, with the same random numbers, the gradient by {off}")
        return
    yield from _with_a_graph(setting, candidate, output, call, first)
    reseeded = replace(candidate, seed=candidate.seed + 1)
    off = setting.differing(reseeded.gradients(output, call.upstream.clone()), first, call, call.upstream)
    if off is not None:
        yield CallFinding(
            "not_deterministic",
            f"the backward draws random numbers of its own, so that the gradient by {off} in another call: save what "
            "the forward drew",
        )


def _with_a_graph(
    setting: CallSetting, candidate: TensorCandidate, output: TensorOutput, call: PlainCall,
    first: tuple[Tensor | None, ...],
) -> Iterator[CallFinding]:  # fmt: skip
    try:
        found = candidate.gradients(output, call.upstream.clone(), create_graph=True)
    except CandidateError:
        return  # a backward need not be differentiable
    off = setting.differing(found, first, call, call.upstream)
    if off is not None:
        yield CallFinding("create_graph", f"with create_graph=True the gradient by {off}")


def _saved(output: TensorOutput) -> list[tuple[str, Tensor]]:
    """The tensors that hand-written Functions behind an output saved, with the Function's name."""
    from diffexplore.tracing.backward import function_name, written_by_hand

    found = []
    for node in written_by_hand(output.tensor):
        try:
            found += [(function_name(node), tensor) for tensor in node.saved_tensors if isinstance(tensor, Tensor)]
        except RuntimeError:  # overwritten since: torch says so in the backward itself
            continue
    return found


def forward_writes(setting: CallSetting) -> Iterator[CallFinding]:
    """A forward that writes into what is differentiated by; into running statistics it may."""
    candidate = setting.candidate.replaced()
    before = [one.tensor.detach().clone() for one in candidate.inputs]
    candidate.returned()
    changed = [
        one.name
        for one, old in zip(candidate.inputs, before, strict=True)
        if one.differentiated and not _same(one.tensor, old)
    ]
    if changed:
        listed = ", ".join(changed)
        yield CallFinding(
            "inputs_modified",
            f"the forward writes into {listed}: work on a clone, or call ctx.mark_dirty",
            {"inputs": changed},
        )


def _same(one: Tensor, other: Tensor) -> bool:
    one, other = (
        tensor.detach() if tensor.layout == torch.strided else tensor.detach().to_dense() for tensor in (one, other)
    )
    return torch.equal(one, other) or torch.equal(one.nan_to_num(), other.nan_to_num())


TRIALS = (
    CallTrial("repeated", "a second backward on the same graph", "quick", repeated),
    CallTrial("forward_writes", "what the forward writes into", "quick", forward_writes),
)
