"""Every trial of a battery, one after another: what they find, and which could not be made."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from functools import cache

import torch

from diffexplore.checking.records import Cause
from diffexplore.checking.tallies import Skipped
from diffexplore.errors import CandidateError
from diffexplore.tensors.battery import (
    checkpoints,
    layouts,
    other_inputs,
    other_upstreams,
    repeats,
    returned,
    second_order,
    several_outputs,
    transforms,
)
from diffexplore.tensors.battery.records import (
    BatteryChoice,
    CallSetting,
    CallTrial,
    PlainCall,
    TrialUnavailable,
    reason_of,
)
from diffexplore.tensors.forwards import exact_places
from diffexplore.tensors.numbers import TensorNumbers
from diffexplore.tensors.subject import TensorCalls

#: Every trial there is.
TRIALS: tuple[CallTrial, ...] = (
    *repeats.TRIALS,
    *other_upstreams.TRIALS,
    *layouts.TRIALS,
    *returned.TRIALS,
    *several_outputs.TRIALS,
    *second_order.TRIALS,
    *transforms.TRIALS,
    *checkpoints.TRIALS,
    *other_inputs.TRIALS,
)


#: Those that make the same call, so that random numbers are the same as well.
_SAME_CALL: tuple[CallTrial, ...] = (
    *repeats.TRIALS,
    *other_upstreams.TRIALS,
    *returned.TRIALS,
    *several_outputs.TRIALS,
)

#: Those that may say why a plain gradient is wrong.
_WHY_WRONG: tuple[CallTrial, ...] = (*repeats.TRIALS, *several_outputs.WHY_WRONG)


@dataclass(frozen=True)
class TriedCalls:
    """What a battery found: a cause for each mistake, with the name of its trial; and what could not be tried."""

    causes: tuple[tuple[str, Cause], ...]
    skipped: tuple[Skipped, ...]


#: What makes whatever is tried later go wrong as well.
_GRAVE = frozenset({"inputs_modified", "upstream_modified", "saved_overwritten", "not_deterministic"})


def tried(calls: TensorCalls, battery: BatteryChoice, *, certified: bool, wrong: bool = False) -> TriedCalls:
    """Runs the trials of a battery.

    ``certified`` says that the truth is, ``wrong`` that the plain gradient is: then only what may be why is tried.
    """
    setting = setting_of(calls, certified=certified)
    found: dict[str, tuple[str, Cause]] = {}
    skipped = []
    trials = [trial for trial in (_WHY_WRONG if wrong else TRIALS) if battery.has(trial)]
    if setting.upstreams and trials and not wrong and _draws_numbers(calls):
        trials = [trial for trial in trials if trial in _SAME_CALL]
    for trial in trials if setting.upstreams else ():
        if any(cause.key in _GRAVE for _, cause in found.values()):
            break
        try:
            with warnings.catch_warnings(), torch.enable_grad(), torch.sparse.check_sparse_tensor_invariants():
                warnings.simplefilter("ignore")  # without invariants a sparse tensor of fewer values ends the process
                for one in trial.run(setting):
                    found.setdefault(one.message, (trial.name, Cause(one.key, one.message, dict(one.fields))))
        except (TrialUnavailable, CandidateError) as reason:
            if battery.tells(trial):
                text = reason_of(reason) if isinstance(reason, CandidateError) else str(reason)
                skipped.append(Skipped(trial.name, text))
    return TriedCalls(tuple(found.values()), tuple(skipped))


def _draws_numbers(calls: TensorCalls) -> bool:
    """Whether the outputs depend on torch's random numbers: in another layout, other entries get the same numbers."""
    if not calls.seen.hidden and not any(_draws(name) for name in calls.seen.operations):
        return False
    candidate = calls.subject.candidate
    again = {one.name: one.tensor for one in replace(candidate, seed=candidate.seed + 1).replaced().returned()}
    return any(
        one.name in again and not torch.allclose(one.tensor, again[one.name], equal_nan=True) for one in calls.outputs
    )


@cache
def _draws(operation: str) -> bool:
    """Whether an operator of that name, which may begin with an underscore, takes numbers of torch's generators."""
    packets = [getattr(torch.ops.aten, name, None) for name in (operation, f"_{operation}")]
    overloads = [getattr(packet, one) for packet in packets if packet is not None for one in packet.overloads()]
    return any(torch.Tag.nondeterministic_seeded in overload.tags for overload in overloads)


def setting_of(calls: TensorCalls, *, certified: bool) -> CallSetting:
    """What trials start from: real outputs by real inputs."""
    of_complex = any(source.tensor.is_complex() for source in calls.subject.candidate.sources)
    real = [one.name for one in calls.outputs if not of_complex and not one.tensor.is_complex()]
    places = exact_places(calls) if certified else {}
    plain = []
    for name in real:
        gradients = calls.seen.gradients.get((name, 0))
        if gradients is not None and not isinstance(gradients, str):
            upstream = calls.upstreams[name][0]
            radii = calls.gradient_radii(places[name], upstream) if name in places else None
            if radii is not None:  # of what rounding does, where terms cancel, nothing else tells
                gradients = [*map(TensorNumbers.rounded_once, gradients, radii)]
            plain.append(PlainCall(name, upstream, tuple(gradients)))
    upstreams = {name: calls.upstreams[name][0] for name in real if calls.upstreams[name]}
    exact = (calls.exact, places) if certified else ()
    return CallSetting(calls.subject.candidate, tuple(plain), upstreams, calls.subject, calls.seen.converted_to, *exact)
