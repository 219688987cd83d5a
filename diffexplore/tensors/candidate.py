"""A function of tensors with the arguments at which its gradients are checked: how it is called, and differentiated."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from diffexplore.errors import CandidateError
from diffexplore.floating_point import FLOAT_FORMATS, dtype_name
from diffexplore.tensors.aliases import AliasedInput, followed
from diffexplore.tensors.copies import copy_of, keep_alive, note_copy
from diffexplore.tensors.differentiated import differentiated
from diffexplore.tensors.functions import TensorFunction
from diffexplore.tensors.held_modules import holding, modules_in
from diffexplore.tensors.sparse_inputs import SparseInput, given_sparse
from diffexplore.torch_private.control_flow import control_flow_seen
from diffexplore.torch_private.tensors import MappingKey, SequenceKey, keep_hooks, tree_flatten_with_path, tree_map
from diffexplore.verifying.calling import call

Tensor = torch.Tensor


@dataclass(frozen=True)
class TensorInput:
    """A tensor that the function is given.

    ``name`` is that of the function's argument where it is known, or of a module's parameter. ``tensor`` is a copy of
    the user's (``original``), of the same values, dtype and device; ``differentiated`` says whether the gradient by it
    is checked.
    """

    name: str
    tensor: Tensor
    differentiated: bool
    original: Tensor | None = field(default=None, repr=False)


@dataclass(frozen=True)
class TensorOutput:
    """A tensor that the function returns, and how it is called: "output", "output 1", the key in a mapping."""

    name: str
    tensor: Tensor


@dataclass(frozen=True)
class TensorCandidate:
    """A function, and the arguments of one call.

    Attributes:
        function: what is called.
        args, kwargs: its arguments; the tensors in them are copies of the user's.
        state: a module's parameters and buffers, copied.
        inputs: the tensors among all of these, of which some are differentiated by.
        seed: that of torch's random generators at the start of each call.
        patterns: of sparse tensors that are differentiated by, by their places among the arguments.
        aliased: the names of inputs of which forwards read aliases, which a call puts the copies in the place of.
    """

    function: TensorFunction
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    state: Mapping[str, Tensor]
    inputs: tuple[TensorInput, ...] = field(repr=False)
    seed: int = 0
    patterns: Mapping[int, SparseInput] = field(default_factory=dict, repr=False)
    aliased: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        return self.function.name

    def calling(self, function: TensorFunction) -> TensorCandidate:
        """Another function at the same inputs, with all elements of sparse ones specified that are variables."""
        whole = {place: pattern.whole for place, pattern in self.patterns.items()}
        return replace(self, function=given_sparse(function, whole))

    @property
    def sources(self) -> tuple[TensorInput, ...]:
        """The inputs that are differentiated by."""
        return tuple(one for one in self.inputs if one.differentiated)

    def returned(self) -> tuple[TensorOutput, ...]:
        """Every tensor that a call returns, differentiable or not.

        Raises CandidateError where the function raises, in one line, or returns no tensor.
        """
        state = {name: one if one.requires_grad else one.clone() for name, one in self.state.items()}  # running sums
        aliases = followed(self._aliases(self.aliased)) if self.aliased else nullcontext()
        with aliases, self.holding_copies(), control_flow_seen():
            result = call(lambda: self.function.call(state, self.args, self.kwargs), self.name, self.seed)
        found = tuple(TensorOutput(name, tensor) for name, tensor in named_tensors(result, "output"))
        if not found:
            raise CandidateError(
                f"{self.name} returns {_kind(result)}, not a tensor, or a tuple, list or dict of tensors"
            )
        return found

    def following_aliases(self) -> tuple[TensorCandidate, tuple[TensorOutput, ...]]:
        """A call at copies, where aliases of inputs that forwards read become those of copies; and what it returns."""
        call = replace(self.replaced(), aliased=frozenset())
        with followed(call._aliases({one.name for one in call.sources})) as seen:
            returned = call.returned()
        return replace(call, aliased=frozenset(seen)), returned

    def _aliases(self, names: Collection[str]) -> list[AliasedInput]:
        return [
            AliasedInput(one.name, one.original, one.tensor)
            for one in self.inputs
            if one.name in names and one.original is not None
        ]

    def outputs(self) -> tuple[TensorOutput, ...]:
        """The tensors of a call that can be differentiated: of floats, with a graph of autograd behind them."""
        return tuple(one for one in self.returned() if is_differentiable(one.tensor))

    def gradients(
        self, output: TensorOutput, upstream: Tensor, inputs: Sequence[Tensor] | None = None, **autograd_options: Any
    ) -> tuple[Tensor | None, ...]:
        """What autograd gives for Σ upstream · output by ``inputs``, by default those that are differentiated by.

        ``upstream`` has the shape and dtype of the output. None stands where the output does not depend on the input.
        The graph is kept unless ``retain_graph=False``. Raises CandidateError where the backward pass raises.
        """
        return self.gradients_of_all([output], [upstream], inputs, **autograd_options)

    def gradients_of_all(
        self,
        outputs: Sequence[TensorOutput],
        upstreams: Sequence[Tensor],
        inputs: Sequence[Tensor] | None = None,
        **autograd_options: Any,
    ) -> tuple[Tensor | None, ...]:
        """The same for several outputs of one call in one backward pass, each with its upstream gradient, added up."""
        by = [one.tensor for one in self.sources] if inputs is None else list(inputs)
        options = {"retain_graph": True, "allow_unused": True, **autograd_options}
        with self.holding_copies():
            found: tuple[Tensor | None, ...] = call(
                lambda: differentiated([one.tensor for one in outputs], upstreams, by, self._originals(by), **options),
                f"the backward of {self.name}",
                self.seed,
            )
        return found

    def holding_copies(self) -> AbstractContextManager[None]:
        """Inside it modules that it is, or is given, have the copies of its inputs for parameters and buffers."""
        modules = modules_in((self.function.module, *self.args, *self.kwargs.values()))
        return holding(modules, {id(one.original): one.tensor for one in self.inputs if one.original is not None})

    def _originals(self, by: Sequence[Tensor]) -> list[Tensor | None]:
        known = {id(one.tensor): one.original for one in self.inputs}
        return [known.get(id(one)) for one in by]

    def replaced(self, tensors: Mapping[str, Tensor] | None = None) -> TensorCandidate:
        """The same call at copies of all tensors; those that are named in ``tensors`` are taken as they are given."""
        given = tensors or {}
        new = {id(one.tensor): given.get(one.name, None) for one in self.inputs}
        inputs = []
        for one in self.inputs:
            tensor = new[id(one.tensor)]
            if tensor is None:
                tensor = new[id(one.tensor)] = copy_of(one.tensor)
                note_copy(tensor)
            keep_alive(tensor)
            keep_hooks(tensor, one.tensor)
            inputs.append(replace(one, tensor=tensor, differentiated=tensor.requires_grad))

        def put(given: Any) -> Any:
            if given is None or isinstance(given, (Tensor, int, float, str)):  # most are: no tree is walked for them
                return new.get(id(given), given)
            return tree_map(lambda leaf: new.get(id(leaf), leaf) if isinstance(leaf, Tensor) else leaf, given)

        args, state = tuple(map(put, self.args)), {name: put(one) for name, one in self.state.items()}
        kwargs = {name: put(one) for name, one in self.kwargs.items()}
        return replace(self, args=args, kwargs=kwargs, state=state, inputs=tuple(inputs))


#: The names of the dtypes in which gradients are checked.
CHECKED_DTYPES = (*FLOAT_FORMATS, "complex64", "complex128")

_COMPLEX = {torch.float64: torch.complex128, torch.float32: torch.complex64}


def in_dtype(candidate: TensorCandidate, dtype: torch.dtype) -> TensorCandidate:
    """The same call with every tensor of floats in a dtype; complex ones in its complex counterpart, if it has one."""
    found = {}
    for one in candidate.inputs:
        if one.tensor.is_floating_point() or one.tensor.is_complex():
            target = _COMPLEX.get(dtype, one.tensor.dtype) if one.tensor.is_complex() else dtype
            converted = one.tensor.detach().to(target, copy=True)
            found[one.name] = converted.requires_grad_(one.tensor.requires_grad)
    return candidate.replaced(found)


def arguments_given(inputs: Any) -> tuple[Any, ...]:
    """The positional arguments: one that is no tuple or list is alone."""
    return tuple(inputs) if isinstance(inputs, (tuple, list)) else (inputs,)


def tensors_of(args: Any) -> list[Tensor]:
    """The tensors in nested containers, in their order."""
    return [tensor for _, tensor in named_tensors(args, "")]


def is_differentiable(tensor: Tensor) -> bool:
    """Whether gradients are checked of it: it has a graph, and a dtype in which torch computes."""
    return tensor.requires_grad and is_checked_in(tensor.dtype)


def is_checked_in(dtype: torch.dtype) -> bool:
    """Whether gradients are checked in a dtype; 8 bits only store floats."""
    return dtype_name(dtype) in CHECKED_DTYPES


def named_tensors(tree: Any, name: str) -> Iterator[tuple[str, Tensor]]:
    """The tensors in nested containers: ``name`` for one alone, "name 1" in a tuple or list, keys in a mapping."""
    if isinstance(tree, Tensor):
        yield name, tree
        return
    for path, leaf in tree_flatten_with_path(tree)[0]:
        if isinstance(leaf, Tensor):
            yield ".".join(_step(name, path)), leaf


def _step(name: str, path: Sequence[Any]) -> list[str]:
    words = [name]
    for i, key in enumerate(path):
        if isinstance(key, SequenceKey):
            words[-1] += f" {key.idx}"
        else:
            word = str(key.key) if isinstance(key, MappingKey) else str(getattr(key, "name", key))
            words = [word] if i == 0 and name == "output" else [*words, word]
    return words


def _kind(result: Any) -> str:
    name = type(result).__name__
    return "None" if result is None else f"{'an' if name[0] in 'aeiou' else 'a'} {name}"
