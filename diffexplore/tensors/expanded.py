"""Inputs that are expanded: of their entries several are one element in memory.

Autograd takes each entry for a variable of its own, and so does a check at a dense copy. A function that does not run
there (it reads strides, or views memory) is checked as a function of the elements in memory.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import count
from typing import Any

import torch

from diffexplore.errors import CandidateError
from diffexplore.tensors.candidate import TensorCandidate, arguments_given, tensors_of
from diffexplore.tensors.copies import is_expanded, once
from diffexplore.tensors.functions import TensorFunction
from diffexplore.tensors.subject import TensorSubject
from diffexplore.torch_private.tensors import tree_map

Tensor = torch.Tensor


def at_expanded_inputs(subject: TensorSubject, inputs: Any) -> TensorSubject:
    """The check at the inputs as they were given, where the function does not run at dense copies; else as it is."""
    given = enumerate(tensors_of(arguments_given(inputs)))
    found = {place: one for place, one in given if one.requires_grad and is_expanded(one)}
    if not found:
        return subject
    try:
        subject.candidate.replaced().returned()
    except CandidateError:
        names = [_name(subject.candidate, place) for place in found]
        note = (
            f"{subject.candidate.name} does not run at a dense copy of {', '.join(names)}: differentiated by the "
            "elements in memory, each of which is several entries"
        )
        elements, forward = (_by_elements(one, found) for one in (subject.candidate, subject.forward))
        return replace(subject, candidate=elements, forward=forward, notes=(note,))
    return subject


def _name(candidate: TensorCandidate, place: int) -> str:
    tensor = tensors_of(candidate.args)[place]
    return next(one.name for one in candidate.inputs if one.tensor is tensor)


def _by_elements(candidate: TensorCandidate, expanded: Mapping[int, Tensor]) -> TensorCandidate:
    elements = {_name(candidate, place): once(one).clone().requires_grad_() for place, one in expanded.items()}
    shapes = {place: one.shape for place, one in expanded.items()}
    return replace(candidate.replaced(elements), function=_expanding(candidate.function, shapes))


def _expanding(function: TensorFunction, shapes: Mapping[int, torch.Size]) -> TensorFunction:
    """The function of tensors that it expands first, by their places among the tensors of the arguments."""

    def call(state: Mapping[str, Tensor], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        places = count()

        def expand(leaf: Any) -> Any:
            return leaf.expand(shapes.get(next(places), leaf.shape)) if isinstance(leaf, Tensor) else leaf

        return function.call(state, tree_map(expand, args), kwargs)

    return replace(function, call=call)
