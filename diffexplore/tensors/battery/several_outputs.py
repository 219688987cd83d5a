"""Functions of several outputs: all of them in one backward, and one that nothing uses."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from diffexplore.bounds.claims import UNIT_ROUNDOFF
from diffexplore.errors import CandidateError
from diffexplore.tensors.battery.records import (
    CallFinding,
    CallSetting,
    CallTrial,
    PlainCall,
    TrialUnavailable,
    as_tensors,
    reason_of,
)
from diffexplore.tensors.numbers import TensorNumbers
from diffexplore.tracing.backward import written_by_hand

Tensor = torch.Tensor


def together(setting: CallSetting) -> Iterator[CallFinding]:
    """All outputs in one backward, as after a loss of them all: the gradient has to be the sum of those of each."""
    if len(setting.calls) < 2:
        raise TrialUnavailable("there is one output")
    candidate = setting.candidate.replaced()
    outputs = setting.outputs_of(candidate, [call.output for call in setting.calls])
    upstreams = [call.upstream.clone() for call in setting.calls]
    try:
        found = candidate.gradients_of_all(outputs, upstreams)
    except CandidateError as error:
        yield CallFinding("outputs_together", f"it raises for all outputs in one backward: {reason_of(error)}")
        return
    several = zip(*(call.gradients for call in setting.calls), strict=True)
    added = [_added(one.tensor, numbers) for one, numbers in zip(candidate.sources, several, strict=True)]
    # No upstream gradient is scaled: that of the plain call is one of numbers that are all as large.
    call = PlainCall("all outputs", torch.ones((), dtype=torch.float32, device="cpu"), tuple(added), setting.calls)
    off = setting.differing(found, as_tensors((one.value for one in added), candidate.sources), call, call.upstream)
    if off is not None:
        yield CallFinding(
            "outputs_together",
            f"for all outputs in one backward the gradient by {off}: it has to be the sum of what the upstream "
            "gradient of each output gives alone",
        )


def _added(source: Tensor, several: tuple[TensorNumbers, ...]) -> TensorNumbers:
    """The sum of gradients by one input, with all that adding them up in its dtype may round."""
    value = np.asarray(sum(one.value for one in several))
    size = sum(np.abs(one.value) for one in several)
    bound = sum(one.in_any_call for one in several) + len(several) * UNIT_ROUNDOFF[source.dtype] * size
    return TensorNumbers(value, np.asarray(bound))


def unused(setting: CallSetting) -> Iterator[CallFinding]:
    """An output that nothing uses, whose upstream gradient may be None, against one whose upstream gradient is 0."""
    if len(setting.upstreams) < 2:
        raise TrialUnavailable("there is one output")
    plain = {call.output: call for call in setting.calls}
    for name, upstream in setting.upstreams.items():
        candidate = setting.candidate.replaced()
        outputs = setting.outputs_of(candidate, setting.upstreams)
        own = next(one for one in outputs if one.name == name)
        if not written_by_hand(own.tensor):
            continue
        zeros = [upstream.clone() if one is own else torch.zeros_like(one.tensor) for one in outputs]
        try:
            expected = candidate.gradients_of_all(outputs, zeros)
        except CandidateError:
            continue  # it is not None that it does not take
        others = " and ".join(one.name for one in outputs if one is not own)
        where = f"where nothing uses {others}, whose upstream gradient is None then (set_materialize_grads(False))"
        try:
            found = candidate.gradients(own, upstream.clone())
        except CandidateError as error:
            yield CallFinding("unused_output", f"it raises {where}: {reason_of(error)}: test for None")
            continue
        off = setting.differing(found, expected, plain[name], upstream) if name in plain else None
        if off is not None:
            yield CallFinding("unused_output", f"{where}, the gradient by {off}: None counts as 0, and no more")


TRIALS = (CallTrial("outputs_together", "all outputs in one backward", "quick", together),)

#: What may be why a plain gradient is wrong.
WHY_WRONG = (CallTrial("unused_output", "outputs that nothing uses", "quick", unused),)
