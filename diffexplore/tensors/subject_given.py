"""What somebody's call of a check is about: the function under test, and what stands for the truth."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import torch

from diffexplore.arguments import wrong
from diffexplore.errors import UsageError
from diffexplore.inputs import surrogates
from diffexplore.tensors.call_given import candidate_of
from diffexplore.tensors.candidate import TensorCandidate, arguments_given, tensors_of
from diffexplore.tensors.expanded import at_expanded_inputs
from diffexplore.tensors.functions import NAMELESS, TensorFunction, function_given
from diffexplore.tensors.given import check_inputs
from diffexplore.tensors.held_modules import modules_in
from diffexplore.tensors.subject import TensorSubject


def leaves_given(fn: Any, inputs: Any) -> Iterator[torch.Tensor]:
    """The leaves of autograd that a call is given: its arguments, and the parameters of modules."""
    args = arguments_given(inputs)
    tensors = [*tensors_of(args), *(one for module in modules_in((fn, args)) for one in module.parameters())]
    yield from (one for one in tensors if one.is_leaf)


def subject_of(
    fn: Any, inputs: Any, *, reference: Any = None, surrogate: Any = None, seed: int = 0, jacobian: bool = False,
    masked: bool = False, state: Mapping[str, torch.Tensor] | None = None,
) -> TensorSubject:  # fmt: skip
    """What a call of :func:`gradcheck` checks; raises UsageError for what cannot be checked."""
    candidate = candidate_of(fn, inputs, seed=seed, masked=masked, state=state)
    check_inputs(candidate, inputs)
    found = _subject_of(fn, candidate, reference, surrogate, jacobian=jacobian)
    return at_expanded_inputs(found, inputs)


def _subject_of(
    fn: Any, candidate: TensorCandidate, reference: Any, surrogate: Any, *, jacobian: bool
) -> TensorSubject:
    if reference is not None and surrogate is not None:
        raise UsageError(
            "reference= says what the forward is, and surrogate= what its gradient is meant to be: give one"
        )
    if reference is not None:
        function = _named(function_given(reference, eager=True), "the reference")
        return TensorSubject(candidate, _with_reference(candidate, function), function.name, jacobian=jacobian)
    if surrogate is not None:
        name, forward = _with_surrogate(candidate, surrogate)
        return TensorSubject(candidate, forward, name, is_surrogate=True, jacobian=jacobian)
    eager = candidate.calling(function_given(fn, eager=True))
    return TensorSubject(candidate, eager, jacobian=jacobian)


def _with_reference(candidate: TensorCandidate, reference: TensorFunction) -> TensorCandidate:
    """The reference at the candidate's inputs, with its parameters where both are modules."""
    own = {one.name for one in candidate.sources} & set(candidate.state)
    missing = sorted(own - set(reference.state))
    if missing:
        raise UsageError(
            f"the reference ({reference.name}) has no parameter {missing[0]}: give a module with the same parameters"
        )
    kept = {name: tensor.detach() for name, tensor in reference.state.items() if name not in candidate.state}

    def call(state: Any, args: Any, kwargs: Any) -> Any:
        return reference.call({name: state.get(name, kept.get(name)) for name in reference.state}, args, kwargs)

    return candidate.calling(replace(reference, call=call))


def _with_surrogate(candidate: TensorCandidate, surrogate: Any) -> tuple[str, TensorCandidate]:
    """What the surrogate is called, and the candidate's call with the surrogate in its place."""
    if isinstance(surrogate, str):
        places = _named_tensors(candidate)
        entries = surrogates.surrogate_of_tensors(surrogate, list(places))
        function = TensorFunction(
            surrogate, lambda _, args, kwargs: entries({name: args[place] for name, place in places.items()}), {}, ()
        )
    elif callable(surrogate):
        known = _named(function_given(surrogate, eager=True), "the surrogate")
        count = len(candidate.args) if len(known.arguments) >= len(candidate.args) else 1
        state = known.state
        function = replace(known, call=lambda _, args, kwargs: known.call(state, args[:count], {}))
    else:
        raise wrong("surrogate", surrogates.KINDS, surrogate)
    return function.name, candidate.calling(function)


def _named(function: TensorFunction, name: str) -> TensorFunction:
    """The function; one that has no name of its own is called ``name``."""
    return replace(function, name=name) if function.name == NAMELESS else function


def _named_tensors(candidate: TensorCandidate) -> dict[str, int]:
    """The places of the arguments that are tensors, by their names; those that are differentiated by come first."""
    found = [place for place, one in enumerate(candidate.args) if isinstance(one, torch.Tensor)]
    found.sort(key=lambda place: not candidate.args[place].requires_grad)
    known = candidate.function.arguments
    return {known[place] if place < len(known) else f"x{place}": place for place in found}
