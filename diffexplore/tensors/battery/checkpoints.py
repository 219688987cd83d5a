"""A function within torch.utils.checkpoint: its forward runs again in the backward pass, which is called from there."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch.utils.checkpoint import checkpoint

from diffexplore.errors import CandidateError
from diffexplore.tensors.battery.records import CallFinding, CallSetting, CallTrial, TrialUnavailable, reason_of
from diffexplore.tensors.battery.transforms import plain_values, scalar_of
from diffexplore.tensors.candidate import TensorOutput


def within_checkpoint(setting: CallSetting) -> Iterator[CallFinding]:
    """The forward runs without what it saved being kept, and again as soon as the backward pass needs that."""
    yield from _checkpointed(setting, reentrant=False)


def within_reentrant_checkpoint(setting: CallSetting) -> Iterator[CallFinding]:
    """The forward runs under no_grad, and again within the backward pass, which calls another one."""
    yield from _checkpointed(setting, reentrant=True)


def _checkpointed(setting: CallSetting, *, reentrant: bool) -> Iterator[CallFinding]:
    where = f"within torch.utils.checkpoint (use_reentrant={reentrant})"
    for call in setting.calls:
        candidate = setting.candidate.replaced()
        leaves = [one.tensor for one in candidate.sources]
        try:
            value = checkpoint(scalar_of(setting, call), *leaves, use_reentrant=reentrant)
        except Exception as error:
            raise TrialUnavailable(f"the forward refuses to run {where}: {_short(error)}") from None
        try:
            found = candidate.gradients(TensorOutput("output", value), torch.ones_like(value), retain_graph=False)
        except CandidateError as error:
            yield CallFinding("checkpoint", f"it raises {where}: {reason_of(error)}")
            return
        off = setting.differing(found, plain_values(setting, call), call, call.upstream)
        if off is not None:
            yield CallFinding(
                "checkpoint", f"{where} the gradient by {off}: keep nothing from an earlier call of the forward"
            )
            return


def _short(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:240]


TRIALS = (
    CallTrial("checkpoint", "torch.utils.checkpoint", "full", within_checkpoint),
    CallTrial("reentrant_checkpoint", "reentrant torch.utils.checkpoint", "full", within_reentrant_checkpoint),
)
