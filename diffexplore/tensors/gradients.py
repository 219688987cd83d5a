"""Every gradient of every output against the certified truth of the forward that was recorded."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import torch

from diffexplore.arithmetic.double_balls import DoubleBall
from diffexplore.bounds.claims import UNIT_ROUNDOFF
from diffexplore.checking.enclosures import Status
from diffexplore.checking.judge import FAIL, INCONCLUSIVE, Judged, rejudged
from diffexplore.methods.opaque import OPAQUE_FACTOR
from diffexplore.tensors.candidate import TensorOutput
from diffexplore.tensors.diagnosis.of_calls import Diagnoses
from diffexplore.tensors.diagnosis.of_zeros import only_where_specified, where_the_derivative_is_0
from diffexplore.tensors.diagnosis.overflows import overflow
from diffexplore.tensors.judging import judged
from diffexplore.tensors.numbers import TensorNumbers, numbers_of, real_dtype
from diffexplore.tensors.other_runs import in_float64, moved_by_rounding, radii_by_autograd
from diffexplore.tensors.pairs import GradientPair, UpstreamTrial
from diffexplore.tensors.searches import check_no_search
from diffexplore.tensors.subject import TensorCalls

Tensor = torch.Tensor


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
        for number in range(len(calls.upstreams[one.name])):
            found = calls.seen.gradients[one.name, number]
            if isinstance(found, str):
                continue
            numbers_tried.append(number)
            compared = _verdicts(calls, found, places[one.name], one, number)
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


def _verdicts(
    calls: TensorCalls, found: Sequence[TensorNumbers], place: int, output: TensorOutput, number: int
) -> list[Judged]:
    """Those for one upstream gradient. What stays open, or would fail, is compared again, with other bounds."""
    upstream = calls.upstreams[output.name][number]
    truths, size = calls.exact.gradients(place, upstream), largest(numbers_of(upstream))
    allowed = _allowances(calls, found, place, output, upstream)
    compared = _compared(calls, found, truths, allowed, size)
    if allowed is not None and any((one.verdict == FAIL).any() for one in compared):
        allowed = _by_autograd_as_well(calls, allowed, place, upstream)
        compared = _compared(calls, found, truths, allowed, size)
    if _may_be_decided(calls, compared):
        bounds = calls.decided_bounds(output.name, number, place, truths)
        if bounds is not None:
            sharper = [*map(_smaller, bounds, found)]
            compared = _sharper(calls, compared, _compared(calls, found, truths, sharper, size))
    return _again_in_float64(calls, compared, output, upstream)


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
    moved = moved_by_rounding(calls.subject.candidate, output, upstream)
    if not moved:
        return None
    changes = [max(np.abs(other[i] - one.value).max(initial=0.0) for other in moved) for i, one in enumerate(found)]
    return [one + OPAQUE_FACTOR * change for one, change in zip(allowed, changes, strict=True)]


def _by_autograd_as_well(
    calls: TensorCalls, allowed: list[np.ndarray], place: int, upstream: Tensor
) -> list[np.ndarray]:
    """At least what torch's own backward of the reference needs: a stable one may need far less, as of ``tanh``."""
    needed = radii_by_autograd(calls.subject, place, upstream, as_decided=calls.exact.has_open_choices)
    if needed is None:
        return allowed
    return [np.maximum(one, OPAQUE_FACTOR * radius) for one, radius in zip(allowed, needed, strict=True)]


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
    elsewhere = max(largest(truth.high) for truth in truths)
    if not elsewhere and calls.subject.order > 1:  # as of a gradient that is linear: errors are as large as gradients
        elsewhere = max(largest(one.value) for one in calls.seen.outputs.values())
    elsewhere = elsewhere or upstream or 1.0
    return [
        judged(
            numbers.within(bound),
            truth,
            real_dtype(source.tensor),
            reason=reason,
            open_choices=calls.exact.has_open_choices,
            elsewhere=elsewhere,
        )
        for source, numbers, truth, bound in zip(calls.subject.candidate.sources, found, truths, bounds, strict=True)
    ]


def _may_be_decided(calls: TensorCalls, compared: Sequence[Judged]) -> bool:
    """Whether some entry, of which the truth is known, may be told by what the program chose.

    Where choices are open, one that is not settled to a relative error of √u; elsewhere one without a bound, which a
    comparison in the backward pass may be why of.
    """
    known = [(one, one.truth.status == Status.RESOLVED) for one in compared]
    if not calls.exact.has_open_choices:
        return any((there & (one.verdict == INCONCLUSIVE) & np.isinf(one.bound)).any() for one, there in known)
    most = math.sqrt(UNIT_ROUNDOFF[calls.dtype])
    return any((there & ((one.verdict == INCONCLUSIVE) | (one.detectable > most))).any() for one, there in known)


def _sharper(calls: TensorCalls, compared: list[Judged], decided: list[Judged]) -> list[Judged]:
    """The verdicts by what the program chose; no fails where no choice of the forward is open: rounding may be why."""
    fails = any((one.verdict == FAIL).any() for one in decided)
    return compared if fails and not calls.exact.has_open_choices else decided


def _smaller(bound: np.ndarray, numbers: TensorNumbers) -> np.ndarray:
    return np.minimum(np.nan_to_num(bound, nan=np.inf), numbers.bound)


def largest(values: np.ndarray) -> float:
    return float(np.nan_to_num(np.abs(values), posinf=0.0).max(initial=0.0))


def _again_in_float64(
    calls: TensorCalls, compared: list[Judged], output: TensorOutput, upstream: Tensor
) -> list[Judged]:
    """What failed of code whose operations are not seen, judged again by its values in float64 at the same inputs."""
    if not any((one.verdict == FAIL).any() for one in compared):
        return compared
    return [
        one if value is None else rejudged(one, value.reshape(-1), calls.subject.dtype)
        for one, value in zip(compared, in_float64(calls, output, upstream), strict=True)
    ]
