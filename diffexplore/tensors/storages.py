"""The storages that a recorded program reads and writes: what they hold, which of it varies, what is not certain."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from diffexplore.arithmetic.double_balls import DoubleBall, exact
from diffexplore.arithmetic.dual_balls import neg
from diffexplore.arithmetic.tensor_balls import chosen
from diffexplore.bounds.handling import written_arguments
from diffexplore.tensors.memory import State, StorageRegion, StridedLayout, as_stored, numbers_in
from diffexplore.tensors.sweep import TapeEntry, entry_of
from diffexplore.torch_ops.tensor_rules.operands import Applied, NotCertified, Operand, Truths
from diffexplore.torch_private.watching import (
    DispatchMode,
    disable_current_modes,
    is_in_a_forward,
    is_recorded,
    storage_key,
    tree_leaves,
)
from diffexplore.tracing.backward import is_computed_from

Tensor = torch.Tensor


class TensorStorages(DispatchMode):
    """The state of every storage that was seen, and the entries of all writes into them.

    ``sources`` are the tensors that vary; what is computed of them varies as well, where a derivative passes.
    ``entries`` are the operations on what varies, in their order.
    """

    def __init__(self, sources: Sequence[Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch leaves its dispatch modes untyped
        self._states: dict[int, State] = {}
        self._dtypes: dict[int, torch.dtype] = {}
        self._conditions: dict[int, np.ndarray] = {}
        self._alive: list[Any] = []
        self.entries: list[TapeEntry] = []
        self._inputs = tuple(sources)
        self._own_sources = {id(source) for source in sources}
        self._passing: set[int] = set()
        self._made: set[int] = set()
        self._viewed_apart: set[int] = set()
        for source in sources:
            self._states[storage_key(source)] = State(self._state(source).ball, True)
        self.sources = [StorageRegion(self._state(one), StridedLayout.of(one), True) for one in sources]

    def ball(self, tensor: Tensor) -> DoubleBall:
        """The exact value of a tensor of real numbers; of a complex one as pairs, along a last axis."""
        return StridedLayout.of(tensor).read(self._state(tensor).ball)

    def _state(self, tensor: Tensor) -> State:
        """That of the tensor's storage; what was never seen before is what it is."""
        if tensor.layout != torch.strided:
            raise NotCertified(f"a tensor of layout {tensor.layout} is not read")
        key, dtype = storage_key(tensor), tensor.dtype.to_real()
        if key not in self._states:
            if key not in self._made and is_computed_from(tensor, self._inputs):
                raise NotCertified("a tensor is computed where torch does not look on, in another thread say")
            self._alive.append(tensor.untyped_storage())
            self._states[key], self._dtypes[key] = State(as_stored(tensor)), dtype
        elif self._dtypes[key] != dtype or len(self._states[key].ball.high) != numbers_in(tensor):
            raise NotCertified(f"memory of {self._dtypes[key]} is read as {dtype}, or in another size")
        return self._states[key]

    def _kept(self, out: Any) -> Any:
        """What an operation returns that no rule reads: constants, which are what they are where they are read."""
        for tensor in tensors_in(out):
            if tensor.layout == torch.strided:
                self._alive.append(tensor.untyped_storage())
                self._made.add(storage_key(tensor))
        return out

    def _place(self, tensor: Tensor) -> StorageRegion:
        return StorageRegion(self._state(tensor), StridedLayout.of(tensor), self._passes(tensor))

    def _passes(self, tensor: Tensor) -> bool:
        """Whether autograd lets a derivative pass through an operand."""
        a_leaf_of_its_own = tensor.is_leaf and id(tensor) not in self._own_sources
        passes = (tensor.requires_grad and not a_leaf_of_its_own) or id(tensor) in self._passing
        if passes and self._viewed_apart and tensor.layout == torch.strided and id(tensor) not in self._passing:
            apart = storage_key(tensor) in self._viewed_apart
            passes = not apart or tensor.is_leaf or is_computed_from(tensor, self._inputs)
        return passes or not is_recorded()

    def _view_made(self, tensor: Tensor) -> None:
        """A view under ``no_grad`` is a leaf of its own, in memory of another; so are views of it afterwards."""
        if not torch.is_grad_enabled() and not is_in_a_forward() and tensor.layout == torch.strided:
            self._viewed_apart.add(storage_key(tensor))

    def _operand(self, tensor: Any) -> Any:
        """A tensor as an operand of a rule; other arguments as they are."""
        if not isinstance(tensor, torch.Tensor):
            return tensor
        value = tensor.detach().to("cpu", copy=True) if tensor.device.type != "cpu" else tensor.detach()
        if is_real_or_complex(tensor):
            place = self._place(tensor)
            return Operand(value, place.layout.read(place.state.ball), varies=place.varies)
        known = self._conditions.get(storage_key(tensor))
        undecided = None if known is None else StridedLayout.of(tensor).view(known)
        return Operand(value.clone(), None, undecided if undecided is None or undecided.any() else None)

    def _resolved(self, tensor: Any) -> Any:
        """A tensor in memory of its own that holds what a lazily conjugated or negated one stands for."""
        if not isinstance(tensor, torch.Tensor) or not (tensor.is_conj() or tensor.is_neg()):
            return tensor
        plain = tensor.detach().resolve_conj().resolve_neg()
        negative = np.full(2 if tensor.is_complex() else 1, tensor.is_neg())
        if tensor.is_conj():
            negative[1] = not negative[1]
        place = self._place(tensor)

        def flipped(cotangents: Sequence[DoubleBall | None]) -> list[DoubleBall | None]:
            return [None if one is None else chosen(negative, neg(one), one) for one in cotangents]

        (ball,) = flipped([place.layout.read(place.state.ball)])
        self._write([plain], Applied((ball,), flipped), (place,))
        if place.passes:
            self._passing.add(id(plain))
        return plain

    def as_computed(self, ball: DoubleBall) -> DoubleBall:
        """What stands for a result: the exact one; a subclass may let it round."""
        return ball

    def _constant(self, tensor: Tensor) -> Tensor:
        """What a tensor holds in memory of its own, through which no derivative passes."""
        tensor = self._resolved(tensor)
        with disable_current_modes():
            copy = tensor.detach().clone()
        self._written(copy, self.ball(tensor), varies=False)
        return copy

    def _write(self, results: list[Any], applied: Applied, places: tuple[StorageRegion | None, ...]) -> None:
        varies = applied.pullback is not None and any(place is not None and place.varies for place in places)
        made: list[StorageRegion | None] = []
        before = len(self.entries)
        for tensor, exactly in zip(results, applied.outputs, strict=True):
            made.append(None)
            if not isinstance(tensor, torch.Tensor):
                continue
            self._alive.append(tensor)
            if isinstance(exactly, DoubleBall):
                made[-1] = self._written(tensor, exactly, varies)
            else:
                self._decided(tensor, exactly)
        if varies and applied.pullback is not None:
            # Results may share memory: on the way back their cotangents come through the writes of those after them.
            self.entries.insert(before, entry_of(applied, places, tuple(made)))

    def _forget(self, func: Any, args: Sequence[Any], results: Sequence[Tensor]) -> None:
        """Constants that an operator writes into, beside what it returns: they are what they are now."""
        returned, names = {storage_key(result) for result in results}, written_arguments(func, keywords=False)
        written = [value for one, value in zip(func._schema.arguments, args, strict=False) if one.name in names]
        for tensor in tensors_in(written):
            if storage_key(tensor) not in returned and is_real_or_complex(tensor):
                if self._place(tensor).state.varies:
                    raise NotCertified("it writes into memory that depends on what is differentiated by")
                self._states.pop(storage_key(tensor))

    def _decided(self, tensor: Tensor, exactly: Truths | None) -> None:
        """Keeps which truth values of a tensor are certain."""
        key = storage_key(tensor)
        if exactly is None:
            self._states.pop(key, None)
        undecided = None if exactly is None else exactly.undecided | (exactly.value != tensor.detach().cpu().numpy())
        if key in self._conditions or (undecided is not None and undecided.any()):
            flat = self._conditions.get(key, np.zeros(tensor.untyped_storage().nbytes(), np.uint8)).copy()
            flat[StridedLayout.of(tensor).places(len(flat))] = 0 if undecided is None else undecided
            self._conditions[key] = flat

    def _written(self, tensor: Tensor, ball: DoubleBall, varies: bool) -> StorageRegion:
        """The new state of a tensor's storage, once the tensor holds ``ball``; what lies around it stays."""
        key, layout, ball = storage_key(tensor), StridedLayout.of(tensor), self.as_computed(ball)
        count = numbers_in(tensor)
        old = self._states.get(key)
        whole = layout.is_whole(count)
        if old is None or (whole and len(old.ball.high) != count):
            old = State(exact(np.zeros(count)))
            self._alive.append(tensor.untyped_storage())
            self._dtypes[key] = tensor.dtype.to_real()
        new = State(layout.written(old.ball, ball), varies or (old.varies and not whole))
        self._states[key] = new
        if not whole and old.varies:
            everything = StridedLayout(0, (count,), (1,))
            passed = StorageRegion(old, everything, True), StorageRegion(new, everything, True)

            def around(cotangents: Sequence[DoubleBall | None]) -> list[DoubleBall | None]:
                return [layout.without(one) for one in cotangents if one is not None]

            self.entries.append(TapeEntry(passed[:1], passed[1:], around, by_element=True))
        return StorageRegion(new, layout, True)


def tensors_in(value: Any) -> list[Tensor]:
    """The tensors among arguments or results, in their order."""
    return [leaf for leaf in tree_leaves(value) if isinstance(leaf, torch.Tensor)]


def is_real_or_complex(tensor: Tensor) -> bool:
    """Whether it holds numbers that a derivative may pass through."""
    return tensor.is_floating_point() or tensor.is_complex()
