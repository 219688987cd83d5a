"""Every gradient of every output against its truth: certified where the forward was recorded, else estimated."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import torch

from diffexplore.arithmetic.double_balls import DoubleBall
from diffexplore.bounds.claims import UNIT_ROUNDOFF
from diffexplore.checking.judge import FAIL, Judged, rejudged
from diffexplore.errors import CandidateError
from diffexplore.methods.opaque import OPAQUE_FACTOR
from diffexplore.tensors.candidate import TensorCandidate, TensorInput, TensorOutput, in_dtype
from diffexplore.tensors.diagnosis.of_calls import Diagnoses
from diffexplore.tensors.diagnosis.of_zeros import only_where_specified, where_the_derivative_is_0
from diffexplore.tensors.diagnosis.overflows import overflow
from diffexplore.tensors.differences import ESTIMATE_FACTOR, Estimated
from diffexplore.tensors.estimated import FEW_ENTRIES, MOST_ENTRIES, Differences, component, directions, each_entry
from diffexplore.tensors.numbers import TensorNumbers, numbers_of, real_dtype
from diffexplore.tensors.pairs import NO_DIFFERENCES, GradientPair, UpstreamTrial, judged
from diffexplore.tensors.searches import check_no_search
from diffexplore.tensors.subject import TensorCalls
from diffexplore.torch_code.nearby import rounded_otherwise

Tensor = torch.Tensor

#: So often inputs are rounded otherwise, to measure how far rounding moves a gradient of which nothing else is known.
_ROUNDINGS = 4


def certified_pairs(
    calls: TensorCalls, outputs: Sequence[TensorOutput], places: dict[str, int]
) -> Iterator[GradientPair]:
    """Each gradient against that of the recorded forward; ``places`` are those of the outputs among the forward's.

    Raises NotCertified where no derivative of an output is known, or it is that of a tiny step.
    """
    sources, diagnoses = calls.subject.candidate.sources, Diagnoses(calls)
    for one in outputs:
        trials: list[list[UpstreamTrial]] = [[] for _ in sources]
        numbers_tried: list[int] = []
        for number, upstream in enumerate(calls.upstreams[one.name]):
            found = calls.seen.gradients[one.name, number]
            if isinstance(found, str):
                continue
            numbers_tried.append(number)
            truths = calls.exact.gradients(places[one.name], upstream)
            allowed = _allowances(calls, found, places[one.name], one, upstream)
            compared = _compared(calls, found, truths, allowed, _largest(numbers_of(upstream)))
            compared = _again_in_float64(calls, compared, one, upstream)
            for several, numbers, verdicts in zip(trials, found, compared, strict=True):
                several.append(UpstreamTrial(verdicts, calls.probes[one.name][number], numbers.absent))
        check_no_search(calls, one, sources, trials)
        for source, several in zip(sources, trials, strict=True):
            if several:
                tried = list(zip(numbers_tried, several, strict=True))
                known = where_the_derivative_is_0(calls, one.name, source.name, several)
                known = known or only_where_specified(calls.subject.candidate, source, several)
                if not known and not source.tensor.is_complex():
                    known = diagnoses.causes(one.name, places[one.name], source, tried)
                every = calls.subject.jacobian
                pair = GradientPair(one.name, source, tuple(several), "certified", known, every=every)
                yield replace(pair, overflow=overflow(calls.subject.forward)) if pair.has_unknown else pair


def _allowances(
    calls: TensorCalls, found: Sequence[TensorNumbers], place: int, output: TensorOutput, upstream: Tensor
) -> list[np.ndarray] | None:
    """How far code may be off whose operations are not seen; None where its own bounds hold.

    In second derivatives terms cancel that no reference has: by what other roundings of the inputs move the entries at
    most is added.
    """
    allowed = calls.gradient_allowances(place, upstream)
    if allowed is None or calls.subject.order == 1:
        return allowed
    moved = _moved(calls.subject.candidate, output, upstream)
    if not moved:
        return None
    changes = [max(np.abs(other[i] - one.value).max(initial=0.0) for other in moved) for i, one in enumerate(found)]
    return [one + OPAQUE_FACTOR * change for one, change in zip(allowed, changes, strict=True)]


def _compared(
    calls: TensorCalls,
    found: Sequence[TensorNumbers],
    truths: Sequence[DoubleBall],
    allowances: Sequence[np.ndarray] | None,
    upstream: float,
) -> list[Judged]:
    """The verdicts. Gradients that are 0 throughout are distinguished from ones of the size of the ``upstream`` one."""
    reason = f"no error bound is known for {', '.join(calls.seen.hidden)}" if calls.seen.hidden else None
    if calls.broken:
        found, allowances, reason = [one.unbounded for one in found], None, "; ".join(calls.broken)
    bounds: Sequence[np.ndarray | None] = allowances if allowances is not None else (None,) * len(found)
    elsewhere = max(_largest(truth.high) for truth in truths)
    if not elsewhere and calls.subject.order > 1:  # as of a gradient that is linear: errors are as large as gradients
        elsewhere = max(_largest(one.value) for one in calls.seen.outputs.values())
    elsewhere = elsewhere or upstream or 1.0
    return [
        judged(numbers.within(bound), truth, real_dtype(source.tensor), reason=reason, elsewhere=elsewhere)
        for source, numbers, truth, bound in zip(calls.subject.candidate.sources, found, truths, bounds, strict=True)
    ]


def _largest(values: np.ndarray) -> float:
    return float(np.nan_to_num(np.abs(values), posinf=0.0).max(initial=0.0))


def _again_in_float64(
    calls: TensorCalls, compared: list[Judged], output: TensorOutput, upstream: Tensor
) -> list[Judged]:
    """What failed of code whose operations are not seen, judged again by its values in float64 at the same inputs."""
    if not any((one.verdict == FAIL).any() for one in compared):
        return compared
    return [
        one if value is None else rejudged(one, value.reshape(-1), calls.subject.dtype)
        for one, value in zip(compared, _in_float64(calls, output, upstream), strict=True)
    ]


def _in_float64(calls: TensorCalls, output: TensorOutput, upstream: Tensor) -> list[np.ndarray | None]:
    """The gradients of code in a narrow dtype whose operations are not seen, in float64; None where there are none."""
    none: list[np.ndarray | None] = [None] * len(calls.subject.candidate.sources)
    if not calls.seen.hidden or calls.subject.dtype == torch.float64:
        return none
    wide = in_dtype(calls.subject.candidate, torch.float64)
    try:
        again = next(one for one in wide.returned() if one.name == output.name)
        values = wide.gradients(again, upstream.to(again.tensor.dtype))
    except CandidateError:
        return none
    return [None if value is None else numbers_of(value) for value in values]


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
            [] if all(np.isfinite(n.bound).all() for n in found) else _moved(candidate, one, upstream)
            for _, upstream, found in cases
        ]

        def trial(i: int, source: TensorInput, case: int, ways: Sequence[np.ndarray]) -> UpstreamTrial:
            number, upstream, gradients = cases[case]  # noqa: B023  # called at once
            truths = [differences.along(one, place, upstream, source.name, way) for way in ways]  # noqa: B023
            numbers = _along(gradients[i], ways, [other[i] for other in moved[case]], candidate, upstream)  # noqa: B023
            beside = _largest(numbers_of(upstream)) or 1.0
            known = _ball([truth.beside(value) for truth, value in zip(truths, numbers.value, strict=True)])
            verdicts = judged(numbers, known, source.tensor.dtype, reason=None, proved=False, elsewhere=beside)
            wide = _in_float64(calls, one, upstream)[i] if (verdicts.verdict == FAIL).any() else None  # noqa: B023
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
        least = max(*changes, unit * _largest(numbers_of(upstream)))
        bound = [OPAQUE_FACTOR * ((change or least) + unit * size) for change, size in zip(changes, sizes, strict=True)]
    return TensorNumbers(value, np.array(bound, np.float64), numbers.absent)


def _moved(candidate: TensorCandidate, output: TensorOutput, upstream: Tensor) -> list[list[np.ndarray]]:
    """The gradients by each input where all inputs and the upstream gradient are rounded otherwise.

    Where terms cancel, what rounding left of them may depend on the upstream gradient alone. Nothing is found where the
    function does not run.
    """
    found = []
    for place in range(_ROUNDINGS):
        generator = torch.Generator().manual_seed(place)
        call = candidate.replaced({one.name: rounded_otherwise(one.tensor, generator) for one in candidate.sources})
        try:
            again = next(one for one in call.returned() if one.name == output.name)
            gradients = call.gradients(again, rounded_otherwise(upstream, generator))
        except (CandidateError, StopIteration):
            return []
        zeros = [np.zeros(tuple(one.tensor.shape)) for one in call.sources]
        found.append([zero if one is None else numbers_of(one) for one, zero in zip(gradients, zeros, strict=True)])
    return found
