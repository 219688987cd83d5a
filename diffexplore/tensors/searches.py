"""Forwards that search for their output, as by bisection.

As it is written such a forward is a staircase, whose steps are about as small as rounding: each comparison holds in a
neighbourhood of that size alone. What is certified is the slope of one step, and what the forward is meant to compute
has another. Differences of the forward over many steps tell them apart.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from diffexplore.checking.judge import FAIL, INCONCLUSIVE
from diffexplore.tensors.candidate import TensorCandidate, TensorInput, TensorOutput
from diffexplore.tensors.differences import ESTIMATE_FACTOR
from diffexplore.tensors.estimated import Differences, direction
from diffexplore.tensors.pairs import UpstreamTrial
from diffexplore.tensors.subject import TensorCalls
from diffexplore.torch_code import nearby
from diffexplore.torch_code.decisions import decides_otherwise
from diffexplore.torch_ops.tensor_rules.operands import NotCertified

#: So many times its error an estimate has to be, to say more than a certified slope, and than one that is 0.
_OF_SLOPES, _OF_STEPS = 4 * ESTIMATE_FACTOR, ESTIMATE_FACTOR**2


class TinySteps(NotCertified):
    """Where comparisons of the forward hold at the inputs, and no longer at others within the steps of differences."""


def check_no_search(
    calls: TensorCalls, output: TensorOutput, sources: Sequence[TensorInput], trials: Sequence[Sequence[UpstreamTrial]]
) -> None:
    """Raises TinySteps where the slopes that are certified are not those of the forward over larger steps.

    Comparisons of the forward have other results close by then. ``trials`` are those of the gradient by each
    input; of one that passes there is no doubt.
    """
    subject = calls.subject
    if subject.order > 1 or subject.is_surrogate or output.tensor.is_complex():
        return
    if any(nearby.stays_inside(source.tensor.device) for source in sources):
        return
    doubted = [
        (source, several, doubtful)
        for source, several in zip(sources, trials, strict=True)
        if not source.tensor.is_complex() and (doubtful := _doubtful(several)) is not None
    ]
    if not doubted or not _decides_otherwise(subject.forward):  # a few calls tell, where differences take many
        return
    differences = Differences(subject.forward)
    for source, several, (number, entries) in doubted:
        truth, upstream = several[number].judged.truth, calls.upstreams[output.name][number]
        way = np.where(entries, direction(entries.shape, subject.candidate.seed), 0.0)
        found = differences.along(output, calls.outputs.index(output), upstream, source.name, way)
        certified, radius = (
            float((part * size)[entries].sum()) for part, size in ((truth.high, way), (truth.radius, np.abs(way)))
        )
        flat = bool((np.abs(truth.high) <= truth.radius).all())  # a step: what is computed of many may be another's
        known = (_OF_STEPS if flat else _OF_SLOPES) * found.error <= abs(found.value)
        differs = abs(found.value - certified) > radius + ESTIMATE_FACTOR * found.error
        if found.of_stairs and not flat:  # they are there, however well their slope is known
            known, differs = True, abs(found.value - certified) > radius + found.error
        if known and (differs or truth.status[entries].any()):
            raise TinySteps("it goes in tiny steps, as a bisection does")


def _decides_otherwise(forward: TensorCandidate) -> bool:
    inputs = {one.name: one.tensor for one in forward.inputs}
    return decides_otherwise(lambda copies: forward.replaced(copies).returned(), inputs)


def _doubtful(trials: Sequence[UpstreamTrial]) -> tuple[int, np.ndarray] | None:
    """The first upstream gradient for which entries fail, and which; else all, where none of them could be decided."""
    for number, trial in enumerate(trials):
        if (trial.judged.verdict == FAIL).any():
            return number, trial.judged.verdict == FAIL
    unknown = [trial.judged.verdict == INCONCLUSIVE for trial in trials]
    return (0, unknown[0]) if unknown and len(unknown[0]) and all(map(np.all, unknown)) else None
