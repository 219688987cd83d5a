"""Which operands are constants: where autograd lets no derivative pass, whatever they were computed from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Self

import torch

from diffexplore.tensors.sparse_storages import SparseStorages
from diffexplore.tensors.storages import is_real_or_complex, tensors_in
from diffexplore.torch_ops.tensor_rules.operands import Applied
from diffexplore.torch_private.functions import arguments_changed
from diffexplore.torch_private.watching import DisableTorchFunction, is_in_a_forward, tree_map

Tensor = torch.Tensor


class ConstantOperands(SparseStorages):
    """Storages that know of each operand whether it is a constant.

    Outside of the forward of an autograd Function, those are that need no gradient, and all under ``no_grad``. Within
    one no tensor needs a gradient; constants are what its call was given as such, and what was computed as such before.
    """

    def __init__(self, sources: Sequence[Tensor]) -> None:
        super().__init__(sources)
        self._calls: list[AbstractContextManager[None]] = []
        self._makes_constants = False

    def __enter__(self) -> Self:
        calls = arguments_changed(self._with_constants_apart)
        calls.__enter__()
        self._calls.append(calls)
        return super().__enter__()

    def __exit__(self, *problem: Any) -> None:
        super().__exit__(*problem)
        self._calls.pop().__exit__(*problem)

    @contextmanager
    def _called(self, function: Any, args: Sequence[Any]) -> Iterator[None]:
        """An operation: under ``no_grad`` a constant, unless it writes into what needs a gradient, as it did before."""
        before = self._makes_constants
        written = tensors_in(args[:1]) if function._schema.is_mutable else ()
        self._makes_constants = (
            not torch.is_grad_enabled() and not is_in_a_forward() and not any(one.requires_grad for one in written)
        )
        try:
            yield
        finally:
            self._makes_constants = before

    def _passes(self, tensor: Tensor) -> bool:
        return not self._makes_constants and super()._passes(tensor)

    def _with_constants_apart(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """The arguments of an autograd Function; those that need no gradient in memory of their own, as constants.

        Within its forward no tensor needs a gradient, so that only here it is known which do not. What depends on no
        input is left where it lies: the forward may write there.
        """
        if is_in_a_forward():
            return args
        with DisableTorchFunction():  # what is looked up here does not leave torch
            return tuple(tree_map(self._constant_argument, list(args)))

    def _constant_argument(self, leaf: Any) -> Any:
        needed = not isinstance(leaf, torch.Tensor) or (leaf.requires_grad and torch.is_grad_enabled())
        if needed or not is_real_or_complex(leaf) or not self._is_known(leaf):
            return leaf
        varies = leaf.layout != torch.strided or self._state(leaf).varies
        return self._constant(leaf) if varies else leaf

    def _frozen(self, leaf: Any) -> Any:
        """A constant operand in memory of its own, where every operand counts as one that a derivative passes."""
        if not isinstance(leaf, torch.Tensor) or not is_real_or_complex(leaf):
            return leaf
        place = self._place(leaf)
        if place.passes or not place.state.varies:
            return leaf
        copy = leaf.detach().clone()
        self._write([copy], Applied((place.layout.read(place.state.ball),), None), ())
        return copy
