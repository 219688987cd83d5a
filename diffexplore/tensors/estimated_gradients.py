"""Gradients against a truth that is estimated by differences of the forward pass."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import torch

from diffexplore.arithmetic.double_balls import DoubleBall
from diffexplore.bounds.claims import UNIT_ROUNDOFF
from diffexplore.checking.judge import FAIL, rejudged
from diffexplore.methods.opaque import OPAQUE_FACTOR
from diffexplore.tensors.candidate import TensorCandidate, TensorInput, TensorOutput
from diffexplore.tensors.diagnosis.of_calls import Diagnoses
from diffexplore.tensors.diagnosis.of_zeros import where_the_derivative_is_0
from diffexplore.tensors.diagnosis.overflows import overflow
from diffexplore.tensors.differences import ESTIMATE_FACTOR, Estimated
from diffexplore.tensors.estimated import FEW_ENTRIES, MOST_ENTRIES, Differences, component, directions, each_entry
from diffexplore.tensors.gradients import largest
from diffexplore.tensors.judging import judged
from diffexplore.tensors.numbers import TensorNumbers, numbers_of
from diffexplore.tensors.other_runs import in_float64, moved_by_rounding
from diffexplore.tensors.pairs import NO_DIFFERENCES, GradientPair, UpstreamTrial
from diffexplore.tensors.subject import TensorCalls

Tensor = torch.Tensor


def estimated_pairs(calls: TensorCalls, outputs: Sequence[TensorOutput]) -> Iterator[GradientPair]:
    """Each gradient against differences of the forward: by entry where there are few, else along random directions.

    One that fails along a direction is looked at by entry, where there are not too many.
    """
    left = [(place, one) for place, one in enumerate(calls.outputs) if one in outputs and all_real(one, calls)]
    if not left:
        return
    candidate, diagnoses = calls.subject.candidate, Diagnoses(calls)
    own = calls.seen.as_written is not None and calls.subject.reference is None
    differences = Differences(candidate if own else calls.subject.forward)  # compiled code draws numbers of its own
    for place, one in left:
        cases = [
            (number, upstream, found)
            for number, upstream in enumerate(calls.upstreams[one.name])
            if not isinstance(found := calls.seen.gradients[one.name, number], str)
        ]
        moved = [
            [] if all(np.isfinite(n.bound).all() for n in found) else moved_by_rounding(candidate, one, upstream)
            for _, upstream, found in cases
        ]

        def trial(i: int, source: TensorInput, case: int, ways: Sequence[np.ndarray]) -> UpstreamTrial:
            number, upstream, gradients = cases[case]  # noqa: B023  # called at once
            truths = [differences.along(one, place, upstream, source.name, way) for way in ways]  # noqa: B023
            numbers = _along(gradients[i], ways, [other[i] for other in moved[case]], candidate, upstream)  # noqa: B023
            beside = largest(numbers_of(upstream)) or 1.0
            known = _ball([truth.beside(value) for truth, value in zip(truths, numbers.value, strict=True)])
            verdicts = judged(numbers, known, source.tensor.dtype, reason=None, proved=False, elsewhere=beside)
            wide = in_float64(calls, one, upstream)[i] if (verdicts.verdict == FAIL).any() else None  # noqa: B023
            if wide is not None:
                verdicts = rejudged(verdicts, np.array([component(wide, way) for way in ways]), calls.subject.dtype)
            return UpstreamTrial(verdicts, calls.probes[one.name][number], numbers.absent)  # noqa: B023

        for i, source in enumerate(candidate.sources if cases else ()):
            shape, answers = tuple(source.tensor.shape), differences.answers
            along = source.tensor.numel() > FEW_ENTRIES
            trials = [trial(i, source, case, list(directions(shape, candidate.seed))) for case in range(len(cases))]
            failed = any((several.judged.verdict == FAIL).any() for several in trials)
            if failed and along and not (along := source.tensor.numel() > MOST_ENTRIES):
                trials = [trial(i, source, case, list(each_entry(shape))) for case in range(len(cases))]
            known = where_the_derivative_is_0(calls, one.name, source.name, trials)
            for several in trials if not known and not any(several.absent for several in trials) else ():
                known = known or diagnoses.of_estimates(one.tensor, source, several.judged, along=along)
            unknown = NO_DIFFERENCES if differences.answers == answers else None
            pair = GradientPair(one.name, source, tuple(trials), "estimated", known, along=along, unknown=unknown)
            yield replace(pair, overflow=overflow(calls.subject.forward)) if pair.has_unknown else pair


def all_real(output: TensorOutput, calls: TensorCalls) -> bool:
    """Whether neither the output nor an input is complex: differences are taken of real numbers."""
    return not any(
        tensor.is_complex() for tensor in (output.tensor, *(one.tensor for one in calls.subject.candidate.sources))
    )


def _ball(found: Sequence[Estimated]) -> DoubleBall:
    value, error = (np.array([getattr(one, of) for one in found], np.float64) for of in ("value", "error"))
    return DoubleBall(value, np.zeros_like(value), ESTIMATE_FACTOR * error)


@np.errstate(invalid="ignore")  # the difference of two infinities is not known
def _along(
    numbers: TensorNumbers,
    ways: Sequence[np.ndarray],
    moved: Sequence[np.ndarray],
    candidate: TensorCandidate,
    upstream: Tensor,
) -> TensorNumbers:
    """The gradient along each direction. Without a bound, by how much other roundings move it.

    One that no rounding moves may be what is left where terms cancel: it counts as moved as far as the others, and by
    the rounding of the ``upstream`` gradient.
    """
    value = np.array([component(numbers.value, way) for way in ways], np.float64)
    sizes = [component(np.abs(numbers.value), np.abs(way)) for way in ways]
    if np.isfinite(numbers.bound).all():
        bound = [component(numbers.bound, np.abs(way)) for way in ways]
    else:
        unit = max(UNIT_ROUNDOFF[one.tensor.dtype] for one in candidate.sources)
        changes = [max((abs(component(other - numbers.value, way)) for other in moved), default=np.inf) for way in ways]
        least = max(*changes, unit * largest(numbers_of(upstream)))
        bound = [OPAQUE_FACTOR * ((change or least) + unit * size) for change, size in zip(changes, sizes, strict=True)]
    return TensorNumbers(value, np.array(bound, np.float64), numbers.absent)
