"""A check of a function of tensors from end to end: a subject in, a report out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from diffexplore.checking.environment import environment
from diffexplore.checking.listener import announced
from diffexplore.checking.records import Cause, Verdict
from diffexplore.checking.tallies import Skipped
from diffexplore.errors import CandidateError
from diffexplore.floating_point import dtype_name
from diffexplore.tensors.battery.records import NOTHING_TRIED, BatteryChoice
from diffexplore.tensors.battery.run import tried
from diffexplore.tensors.candidate import TensorCandidate, TensorOutput, is_differentiable
from diffexplore.tensors.copies import copies_kept
from diffexplore.tensors.estimated_gradients import all_real, estimated_pairs
from diffexplore.tensors.forwards import check_pattern_is_free, check_repeats, exact_places, mismatch
from diffexplore.tensors.given import check_outputs
from diffexplore.tensors.gradients import certified_pairs
from diffexplore.tensors.kept_by_identity import check_not_kept_by_identity
from diffexplore.tensors.merging import summary_of
from diffexplore.tensors.notes import notes_of
from diffexplore.tensors.observed import UNWATCHED
from diffexplore.tensors.pairs import GradientPair, verdict_of
from diffexplore.tensors.past_torch import line_past_torch
from diffexplore.tensors.records import EntryCounts, TensorReport, TensorRow, TruthKind
from diffexplore.tensors.subject import TensorCalls, TensorSubject, called
from diffexplore.torch_ops.tensor_rules.operands import NoDerivative, NotCertified
from diffexplore.torch_private.compiling import compiled_calls
from diffexplore.tracing.left_gradients import SetAside, grads_set_aside


def checked(subject: TensorSubject, notes: Sequence[str] = (), battery: BatteryChoice = NOTHING_TRIED) -> TensorReport:
    """The report of one check. Raises UsageError for functions that cannot be checked."""
    with copies_kept(), grads_set_aside() as aside:
        return _checked(subject, notes, battery, aside)


def _checked(subject: TensorSubject, notes: Sequence[str], battery: BatteryChoice, aside: SetAside) -> TensorReport:
    subject, call, first = _first_call(subject)
    outputs = tuple(one for one in first if is_differentiable(one.tensor))
    check_outputs(subject.candidate, first, len(outputs))
    if subject.order == 1:
        check_not_kept_by_identity(subject.candidate)
    calls = called(subject, outputs)
    check_repeats(calls, call)
    calls, compared, reasons = _compared(calls)
    estimated = [one for one in reasons.values() if not isinstance(one, NoDerivative)]
    kind: TruthKind = "estimated" if estimated else "certified"
    rows = [*_raised(calls), *_unknown(calls, reasons), *compared]
    plain = called(replace(subject, jacobian=False), outputs) if subject.jacobian and not battery.is_empty else calls
    wrong = any(row.verdict == "fail" for row in rows)
    battery = NOTHING_TRIED if UNWATCHED in calls.seen.hidden else battery
    others = tried(plain, battery, certified=not reasons, wrong=wrong)
    rows += [_row_of_output(calls, outputs[0].name, "fail", cause, f" ({trial})") for trial, cause in others.causes]
    skipped = [*_skipped(first), *others.skipped]
    notes = [*notes_of(calls, call, estimated, aside.met), *subject.notes, *notes]
    return announced(_report(calls, rows, kind, skipped, notes))


def _first_call(subject: TensorSubject) -> tuple[TensorSubject, TensorCandidate, tuple[TensorOutput, ...]]:
    """A plain call and what it returns; where it reads aliases of its inputs, later calls at copies follow these.

    Raises CandidateError where compiled code reads them, which nothing follows.
    """
    with compiled_calls() as calls:
        call, first = subject.candidate.following_aliases()
    if calls.unknown:
        return _first_call(subject)
    if calls.seen or subject.candidate.function.compiled:
        subject = subject.compiled
        if call.aliased:
            name = min(call.aliased)
            raise CandidateError(
                f"compiled code in {subject.candidate.name} reads the memory of {name} past its arguments: give it "
                f"{name} as an argument, or the function that was compiled"
            )
        call = subject.candidate.replaced()
        return subject, call, call.returned()
    candidate, forward = (replace(one, aliased=call.aliased) for one in (subject.candidate, subject.forward))
    return replace(subject, candidate=candidate, forward=forward), call, first


#: Why no truth of outputs is certified, by their names.
_Reasons = Mapping[str, NotCertified]


def _compared(calls: TensorCalls) -> tuple[TensorCalls, list[TensorRow], _Reasons]:
    """A row for each gradient; and why of some outputs the truth is estimated, or nothing is known.

    One that fails may do so because rounding happened out of sight: then no bound of the call holds.
    """
    candidate = calls.subject.candidate
    pairs, reasons = _pairs(calls)
    rows = [pair.row(candidate.name) for pair in pairs]
    if calls.seen.hidden or all(row.verdict != "fail" for row in rows):
        return calls, rows, reasons
    line = line_past_torch(candidate, {name: several[:1] for name, several in calls.upstreams.items()})
    if line is None:
        return calls, rows, reasons
    hidden = (f"numbers that come in past torch{line}",)
    return _compared(replace(calls, seen=calls.seen.without_bounds(hidden)))


def _pairs(calls: TensorCalls) -> tuple[list[GradientPair], _Reasons]:
    """Each gradient, compared; and why of some outputs the truth is estimated, or nothing is known."""
    found: list[GradientPair] = []
    reasons: dict[str, NotCertified] = {}
    problem = _not_certified(calls)
    if problem is not None:
        kind = NoDerivative if calls.exact.undefined else NotCertified
        reasons = {one.name: kind(problem) for one in calls.outputs}
    for one in calls.outputs if problem is None else ():
        try:
            found += certified_pairs(calls, [one], exact_places(calls))
        except NotCertified as error:
            reasons[one.name] = error
    left = [one for one in calls.outputs if one.name in reasons and not isinstance(reasons[one.name], NoDerivative)]
    return [*found, *estimated_pairs(calls, left)], reasons


def _not_certified(calls: TensorCalls) -> str | None:
    """Why the truth is estimated; None where it is certified. Raises CandidateError for another forward's reference."""
    subject = calls.subject
    if calls.exact.problem is not None:
        if subject.candidate.patterns:
            check_pattern_is_free(calls)
        return calls.exact.problem
    different = mismatch(calls, exact_places(calls))
    if different is None:
        return None
    if subject.candidate.patterns and subject.reference is None:
        check_pattern_is_free(calls)
    if subject.order > 1:
        raise CandidateError(f"the first derivatives are wrong, check them with gradcheck: {different}")
    if subject.reference is not None:
        what = "the surrogate does not fit" if subject.is_surrogate else "your forward is not this reference"
        raise CandidateError(f"{what}: {different}")
    others = "the operations that torch sees" if calls.seen.as_written is None else "the Python that was compiled"
    return f"it computes other numbers than {others}: {different}"


def _raised(calls: TensorCalls) -> list[TensorRow]:
    """A row for each output whose gradient could not be computed, because the backward pass raises.

    That is right where there is no derivative: torch refuses those of singular vectors that depend on their phases.
    """
    found: list[TensorRow] = []
    for (output, number), several in calls.seen.gradients.items():
        if isinstance(several, str) and output not in [row.output for row in found]:
            reason = _no_derivative(calls, output, number)
            verdict: Verdict = "fail" if reason is None else "inconclusive"
            cause = Cause("raises", several) if reason is None else Cause("undefined", f"{reason}: {several}")
            found.append(_row_of_output(calls, output, verdict, cause))
    return found


def _no_derivative(calls: TensorCalls, output: str, number: int) -> str | None:
    """Why the recorded forward has no derivative; None where it has one, or that is not known."""
    if calls.exact.undefined:
        return calls.exact.problem
    if calls.exact.problem is None:
        try:
            calls.exact.gradients(exact_places(calls)[output], calls.upstreams[output][number])
        except NoDerivative as error:
            return str(error)
        except NotCertified:
            pass
    return None


def _unknown(calls: TensorCalls, reasons: _Reasons) -> Iterator[TensorRow]:
    """A row for each output of which nothing is known."""
    for one in calls.outputs:
        reason = reasons.get(one.name)
        if reason is None or any(
            isinstance(calls.seen.gradients[key], str) for key in calls.seen.gradients if key[0] == one.name
        ):
            continue
        if isinstance(reason, NoDerivative):
            yield _row_of_output(
                calls, one.name, "inconclusive", Cause("undefined", f"no derivative is known: {reason}")
            )
        elif not all_real(one, calls):
            cause = Cause("unresolved", f"nothing is estimated of complex numbers: {reason}")
            yield _row_of_output(calls, one.name, "inconclusive", cause)


def _row_of_output(calls: TensorCalls, output: str, verdict: Verdict, cause: Cause, trial: str = "") -> TensorRow:
    """A row of no numbers."""
    candidate = calls.subject.candidate
    source = candidate.sources[0]
    none = dict.fromkeys(
        "value truth error_abs error_rel error_ulp bound smallest_detectable smallest_detectable_abs "
        "smallest_detectable_median entry probe".split()
    )
    return TensorRow(
        output=output, input=source.name, method=candidate.name + trial, shape=tuple(source.tensor.shape),
        dtype=dtype_name(source.tensor.dtype), entries=EntryCounts(0, 0, 0, 0, 0, 0), verdict=verdict,
        cause=cause, **none,
    )  # fmt: skip


def _skipped(returned: Sequence[TensorOutput]) -> list[Skipped]:
    left = [one for one in returned if not is_differentiable(one.tensor)]
    why = {True: "gradients are not checked in its dtype", False: "no gradient passes through it"}
    return [Skipped(one.name, f"{why[one.tensor.requires_grad]} ({dtype_name(one.tensor.dtype)})") for one in left]


def _report(
    calls: TensorCalls, rows: Sequence[TensorRow], kind: TruthKind, skipped: Sequence[Skipped], notes: Sequence[str]
) -> TensorReport:
    candidate, dtype = calls.subject.candidate, calls.subject.dtype
    device = candidate.sources[0].tensor.device
    return TensorReport(
        verdict=verdict_of(rows),
        function=candidate.name,
        reference=calls.subject.reference,
        order=calls.subject.order,
        truth=kind,
        rows=tuple(rows),
        skipped=tuple(skipped),
        summary=summary_of(rows),
        notes=tuple(notes),
        dtype=dtype_name(dtype),
        device=str(device),
        seed=candidate.seed,
        environment=environment(device, calls.broken),
    )
