"""Which operands are constants: where autograd lets no derivative pass, whatever they were computed from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Self

import numpy as np
import torch

from diffexplore.arithmetic.double_balls import DoubleBall, exact
from diffexplore.arithmetic.kinds_of_zeros import vanishes
from diffexplore.bounds.handling import written_arguments
from diffexplore.tensors.memory import StorageRegion
from diffexplore.tensors.sparse_storages import SparseStorages
from diffexplore.tensors.storages import is_real_or_complex, tensors_in
from diffexplore.torch_ops.tensor_rules.operands import Applied, NotCertified
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
        self._rewritten: Tensor | None = None

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
        """An operation: under ``no_grad`` a constant, unless it writes into what needs a gradient, as it did before.

        What it changes through ``.data`` is read by others afterwards, of whose derivative it is a part.
        """
        before = self._makes_constants, self._rewritten
        first = function._schema.arguments[0].name if function._schema.arguments else ""
        written = tensors_in(args[:1]) if first in written_arguments(function, keywords=False) else ()
        self._rewritten = written[0] if len(written) == 1 and not is_in_a_forward() else None
        self._makes_constants = (
            not torch.is_grad_enabled() and not is_in_a_forward() and not any(one.requires_grad for one in written)
        )
        try:
            yield
        finally:
            self._makes_constants, self._rewritten = before

    def _passes(self, tensor: Tensor) -> bool:
        return tensor is self._rewritten or (not self._makes_constants and super()._passes(tensor))

    def _refuse_equal_numbers(
        self, operands: Sequence[Any], applied: Applied, places: Sequence[StorageRegion | None]
    ) -> None:
        """Numbers that are written over equal ones past autograd: it has a derivative there, and they have none."""
        after = applied.outputs[0]
        if self._rewritten is None or self._rewritten.requires_grad or not isinstance(after, DoubleBall):
            return
        if places[0] is None or not places[0].varies:
            return
        before = operands[0].number
        equal = (before.high == after.high) & (before.low == after.low)
        ones = exact(np.ones(equal.shape))
        back = None if applied.pullback is None else applied.pullback([ones])[0]
        if bool(np.any(equal if back is None else equal & vanishes(back))):
            raise NotCertified("it writes the numbers that stand there, out of autograd's sight")

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
