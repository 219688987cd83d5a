"""The whole check at other inputs: one sample, none at all, and narrower dtypes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

import torch

from diffexplore.errors import CandidateError, DiffexploreError, UsageError
from diffexplore.floating_point import dtype_name
from diffexplore.tensors.battery.records import CallFinding, CallSetting, CallTrial, TrialUnavailable, reason_of
from diffexplore.tensors.candidate import in_dtype
from diffexplore.tensors.subject import TensorSubject

_NARROWER = (torch.float32, torch.bfloat16, torch.float16)


def one_sample(setting: CallSetting) -> Iterator[CallFinding]:
    """The first entry along the axis of the batch."""
    yield from _shortened(setting, 1, "one_sample_batch", "a batch of one sample")


def empty(setting: CallSetting) -> Iterator[CallFinding]:
    """A batch of no samples."""
    yield from _shortened(setting, 0, "empty_batch", "an empty batch")


def _shortened(setting: CallSetting, count: int, key: str, what: str) -> Iterator[CallFinding]:
    length = _batch(setting)
    changed = {
        one.name: one.tensor.detach()[:count].clone().requires_grad_(one.tensor.requires_grad)
        for one in setting.candidate.inputs
        if one.tensor.dim() and one.tensor.shape[0] == length and one.name not in setting.candidate.state
    }
    candidate = setting.candidate.replaced(changed)
    forward = setting.forward.replaced(changed)
    try:
        candidate.replaced().returned()
        forward.replaced().returned()
    except CandidateError as error:
        raise TrialUnavailable(f"the forward refuses {what}: {reason_of(error)}") from None
    yield from _checked(replace(setting.subject, candidate=candidate, forward=forward), key, f"for {what}")


def _batch(setting: CallSetting) -> int:
    """The length of the first axis that the output shares with an input."""
    firsts = Counter(one.tensor.shape[0] for one in setting.candidate.inputs if one.tensor.dim())
    outputs = {call.upstream.shape[0] for call in setting.calls if call.upstream.dim()}
    shared = [length for length, _ in firsts.most_common() if length in outputs and length > 1]
    if not shared:
        raise TrialUnavailable("no axis of a batch is known")
    return shared[0]


def dtypes(setting: CallSetting) -> Iterator[CallFinding]:
    """The same inputs rounded to narrower dtypes."""
    given = {one.tensor.dtype for one in setting.candidate.sources}
    if given != {torch.float64}:
        raise TrialUnavailable("the inputs are not all in float64")
    for dtype in _NARROWER:
        try:
            candidate, forward = in_dtype(setting.candidate, dtype), in_dtype(setting.forward, dtype)
            candidate.replaced().returned()
        except CandidateError:
            continue
        yield from _checked(
            replace(setting.subject, candidate=candidate, forward=forward), "narrower_dtype", f"in {dtype_name(dtype)}"
        )


def _checked(subject: TensorSubject, key: str, where: str) -> Iterator[CallFinding]:
    from diffexplore.tensors.run import checked

    try:
        report = checked(subject)
    except UsageError as error:
        raise TrialUnavailable(str(error)) from None
    except DiffexploreError as error:
        yield CallFinding(key, f"{where} it cannot be checked: {error}")
        return
    for row in report.rows:
        if row.verdict == "fail" and row.cause is not None:
            yield CallFinding(
                key, f"{where} the gradient by {row.input} is wrong: {row.cause.message}", {"key": row.cause.key}
            )


TRIALS: Sequence[CallTrial] = (
    CallTrial("one_sample_batch", "a batch of one sample", "full", one_sample),
    CallTrial("empty_batch", "an empty batch", "full", empty),
    CallTrial("narrower_dtype", "narrower dtypes", "full", dtypes),
)
