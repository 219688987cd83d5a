"""The outputs before any gradient: that they can be repeated, and that they are those of what stands for the truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from diffexplore.checking.judge import FAIL
from diffexplore.errors import CandidateError, UsageError
from diffexplore.numerals import short
from diffexplore.tensors.candidate import TensorCandidate, TensorOutput
from diffexplore.tensors.copies import was_called_at
from diffexplore.tensors.judging import judged
from diffexplore.tensors.numbers import TensorNumbers, numbers_of, real_dtype
from diffexplore.tensors.observed import observed
from diffexplore.tensors.storages import is_real_or_complex
from diffexplore.tensors.subject import TensorCalls
from diffexplore.tracing.backward import leaves_of


def check_repeats(calls: TensorCalls, first_call: TensorCandidate) -> None:
    """Raises CandidateError where another call gives other outputs, by more than rounding explains.

    Nor may it return what was computed of the inputs of the first one: then no derivative comes to its own.
    """
    candidate = calls.subject.candidate
    call = candidate.replaced()
    again = {one.name: one.tensor for one in call.returned()}
    check_computed_anew(first_call, calls.outputs)
    check_computed_anew(call, [TensorOutput(name, tensor) for name, tensor in again.items()])
    for one in calls.outputs:
        shape = tuple(one.tensor.shape)
        watched_shape = calls.seen.outputs[one.name].value.shape[: len(shape)]  # complex numbers are pairs
        if one.name not in again or not shape == watched_shape == tuple(again[one.name].shape):
            raise CandidateError(f"{candidate.name} is not the same from call to call: {one.name} changes its shape")
    seen = calls.seen.outputs  # the numbers of the first call: a backward may have overwritten those that were watched
    first = {one.name: replace(seen[one.name], value=numbers_of(one.tensor)) for one in calls.outputs}
    same = all(_change(name, of, replace(of, value=numbers_of(again[name]))) is None for name, of in first.items())
    if same and all(_change(name, of, seen[name]) is None for name, of in first.items()):
        return
    # A library may choose another algorithm, with other roundings, in each call: those of another one are watched.
    watched = observed(candidate, {name: [] for name in first}).outputs
    places = exact_places(calls) if calls.exact.problem is None else {}
    for name, of in first.items():
        allowed = calls.value_allowance(places[name]) if name in places else None
        change = _change(name, of.within(allowed), watched[name].within(allowed))
        if change is not None:
            raise CandidateError(
                f"{candidate.name} is not the same from call to call, although the random generators of torch are "
                f"seeded before each: {change}"
            )


def check_computed_anew(call: TensorCandidate, outputs: Sequence[TensorOutput]) -> None:
    """Raises CandidateError where an output was computed of other tensors than those of its call.

    Of those of an earlier call, in this check or in another one; or of what the user gave, which may lie in a closure.
    """
    own = {id(one.tensor) for one in call.inputs}
    given = {id(one.original): one for one in call.sources}
    for output in outputs:
        leaves = list(leaves_of(output.tensor))
        if any(id(leaf) not in own and was_called_at(leaf) for leaf in leaves):
            raise CandidateError(
                f"{call.name} keeps what it computed of its inputs, and returns it in the next call, at others of the "
                "same values: check it without this cache"
            )
        reached = {id(leaf) for leaf in leaves}
        passed_by = [one.name for leaf, one in given.items() if leaf in reached and id(one.tensor) not in reached]
        if passed_by:
            raise CandidateError(
                f"{output.name} of {call.name} was computed of {passed_by[0]} itself, as a closure or cache holds it, "
                "and not of the argument: let the function compute it of what it is given"
            )


def check_pattern_is_free(calls: TensorCalls) -> None:
    """Raises CandidateError where outputs change with which elements of a sparse input are specified."""
    candidate = calls.subject.candidate
    if calls.subject.reference is not None or all(one.masked for one in candidate.patterns.values()):
        return
    whole = {one.name: one.tensor for one in calls.subject.forward.replaced().returned()}
    for one in calls.outputs:
        again = whole.get(one.name)
        if again is None or again.shape != one.tensor.shape or not _near(one.tensor, again):
            raise CandidateError(
                f"{one.name} of {candidate.name} is another one where the elements of its sparse inputs that are 0 are "
                "specified as well: pass masked=True, to differentiate by those that are specified alone"
            )


def _near(one: torch.Tensor, other: torch.Tensor) -> bool:
    """Whether rounding may be all that two tensors differ by."""
    size = float(one.detach().abs().max()) if one.numel() else 0.0
    share = torch.finfo(one.dtype).eps ** 0.5
    return torch.allclose(one.detach(), other.detach(), share, share * size, equal_nan=True)


def _change(name: str, one: TensorNumbers, other: TensorNumbers) -> str | None:
    """By how much an output changes at most, if the bounds of both calls do not explain it."""
    explained = sum(np.where(np.isfinite(bound), bound, 0.0) for bound in (one.in_any_call, other.in_any_call))
    with np.errstate(invalid="ignore"):  # no infinity differs from itself
        change = np.abs(other.value - one.value)
    if not (change > explained).any():
        return None
    where = entry_of(name, np.unravel_index(int(change.argmax()), change.shape))
    return f"{where} changes by {short(float(change.max()), 3)}"


def exact_places(calls: TensorCalls) -> dict[str, int]:
    """The place of each output among those of the forward that is differentiated for the truth.

    A reference's outputs of floats have the same names, or stand in the same order. It need not return those that no
    gradient passes through. Raises UsageError where it returns fewer, or more than the function does.
    """
    names = [one.name for one in calls.exact.outputs]
    subject = calls.subject
    own = [one.name for one in calls.outputs]
    if subject.reference is not None and len(names) != len(own):
        own = [one.name for one in subject.candidate.replaced().returned() if is_real_or_complex(one.tensor)]
        if len(names) != len(own):
            raise UsageError(
                f"{subject.reference} returns {_counted(names)}, and {subject.candidate.name} {_counted(own)}"
            )
    order = names if set(own) <= set(names) else own
    return {one.name: order.index(one.name) for one in calls.outputs}


def mismatch(calls: TensorCalls, places: dict[str, int]) -> str | None:
    """Where an output certainly is not that of the forward that is differentiated for the truth; None where all are."""
    for one in calls.outputs:
        place = places[one.name]
        theirs = tuple(calls.exact.outputs[place].tensor.shape)
        if theirs != tuple(one.tensor.shape):
            return f"{one.name} has shape {tuple(one.tensor.shape)}, not {theirs}"
        if calls.subject.is_surrogate:
            continue
        numbers = calls.seen.outputs[one.name].within(calls.value_allowance(place))
        found = judged(numbers, calls.exact.value(place), real_dtype(one.tensor), reason=None)
        wrong = found.verdict == FAIL
        if calls.subject.reference is None:  # what overflows on its way tells no other function
            wrong &= np.isfinite(found.value) | np.isfinite(found.bound)
        if wrong.any():
            worst = int(np.where(wrong, np.nan_to_num(found.error, nan=np.inf), -1.0).argmax())
            where = entry_of(one.name, np.unravel_index(worst, numbers.value.shape))
            value, exactly = short(float(found.value[worst]), 6), short(float(found.truth.high[worst]), 6)
            return f"{where} is {value}, not {exactly}: rounding explains {short(float(found.bound[worst]), 2)}"
    return None


def entry_of(name: str, index: Sequence[Any]) -> str:
    """``output[2, 3]``; the name alone for a number."""
    return f"{name}[{', '.join(str(int(i)) for i in index)}]" if len(index) else name


def _counted(outputs: Sequence[str]) -> str:
    return f"{len(outputs)} output{'' if len(outputs) == 1 else 's'} of floats"
