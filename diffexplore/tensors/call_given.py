"""The call that somebody gave: a function, and copies of its arguments."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count
from typing import Any

import torch

from diffexplore.tensors.candidate import TensorCandidate, TensorInput, arguments_given, named_tensors
from diffexplore.tensors.copies import check_readable, copy_of
from diffexplore.tensors.functions import function_given
from diffexplore.tensors.sparse_inputs import SparseInput, given_sparse, is_sparse_source
from diffexplore.torch_private.tensors import tree_map

Tensor = torch.Tensor


def candidate_of(
    fn: Any, inputs: Any, *, seed: int = 0, masked: bool = False, state: Mapping[str, Tensor] | None = None
) -> TensorCandidate:
    """``fn`` at ``inputs``: a tuple or list of arguments, or one tensor alone, as gradcheck of torch takes them.

    ``state`` takes the place of a module's parameters and buffers of the same names. With ``masked`` the specified
    elements of a sparse tensor are its variables.
    """
    function = function_given(fn)
    kept = {name: (state or {}).get(name, tensor) for name, tensor in function.state.items()}
    patterns: dict[int, SparseInput] = {}
    originals: dict[int, Tensor] = {}
    place = count()
    values: set[int] = set()

    def copied(leaf: Any) -> Any:
        number = next(place)
        if isinstance(leaf, Tensor):
            check_readable(leaf, f"input {number} of {function.name}")
        if not is_sparse_source(leaf):
            if not isinstance(leaf, Tensor):
                return leaf
            copy = copy_of(leaf)
            originals[id(copy)] = leaf
            return copy
        patterns[number] = SparseInput.of(leaf, masked)
        dense = patterns[number].stand_in
        values.update([id(dense)] if masked else [])
        return dense

    args = tree_map(copied, arguments_given(inputs))
    state = {name: copy_of(tensor) for name, tensor in kept.items()}
    found = [TensorInput(name, tensor, tensor.requires_grad, function.state[name]) for name, tensor in state.items()]
    taken = {one.name for one in found}
    for number, argument in enumerate(args):
        known = number < len(function.arguments)
        own = function.arguments[number] if known else f"input {number}"
        for name, tensor in named_tensors(argument, f"argument {own}" if own in taken else own):
            if tensor.layout == torch.strided:  # others are constants, which are passed on
                called = f"{name}.values()" if id(tensor) in values else name
                found.append(TensorInput(called, tensor, tensor.requires_grad, originals.get(id(tensor))))
    return TensorCandidate(given_sparse(function, patterns), args, {}, state, tuple(found), seed, patterns)
