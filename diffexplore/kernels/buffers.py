"""Vector steps of a reduction over one block, written into buffers that are used again and again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, cast

import torch
from torch import Tensor

from diffexplore.arithmetic.torch_real import OPERATIONS, TORCH
from diffexplore.kernels.passes import passes
from diffexplore.kernels.reduction import Reduction

#: A function, the slots of its operands, the slot that it writes into where it takes one, and the slot of its result.
_Call = tuple[Callable[..., Any], tuple[int, ...], int | None, int]

_ARITHMETIC = {"add": torch.add, "sub": torch.sub, "mul": torch.mul, "div": torch.div, "neg": torch.neg}


def _into(operation: str) -> Callable[..., Tensor] | None:
    """torch's function of an operation, where it writes into a tensor that it is given."""
    if operation in _ARITHMETIC:
        return cast("Callable[..., Tensor]", _ARITHMETIC[operation])
    function: Callable[..., Tensor] = OPERATIONS[operation]
    return function if getattr(torch, operation, None) is function else None


class BlockSteps:
    """The vector steps of a reduction, in float64, and which buffer each writes into.

    Attributes:
        buffers: how many buffers of the length of a block are needed.
        operations: passes over a block.
        vectors: how many vectors of a block are read again after the pass that reads or writes them first.
    """

    def __init__(self, reduction: Reduction) -> None:
        self.reduction = reduction
        program = reduction.program
        self._inputs = {name: slot for slot, name in enumerate(program.inputs)}
        results = {slot for sum_ in reduction.sums for slot in sum_}
        results |= {slot for slot, one in zip(program.outputs, reduction.combined, strict=True) if one is None}
        self._plan = passes(reduction, results)
        self._assign(results)
        self.operations = len(self._plan) + len(reduction.sums)
        reads = Counter(slot for one in self._plan for slot in set(one.arguments))
        reads += Counter(slot for sum_ in reduction.sums for slot in set(sum_))
        self.vectors = self.buffers + sum(reads[self._inputs[name]] > 1 for name in reduction.data)

    def _assign(self, kept: set[int]) -> None:
        """Buffers by the slots that they hold, each free again after the last use of its slot."""
        last_use = {}
        for place, one in enumerate(self._plan):
            last_use.update(dict.fromkeys(one.arguments, place))
        self._place: dict[int, int] = {}
        free: list[int] = []
        self.buffers = 0
        for place, (slot, operation, arguments, _) in enumerate(self._plan):
            for argument in set(arguments):
                if argument in self._place and last_use[argument] == place and argument not in kept:
                    free.append(self._place[argument])
            if _into(operation) is not None:
                if not free:
                    free.append(self.buffers)
                    self.buffers += 1
                self._place[slot] = free.pop()

    def begun(self, parameters: Mapping[str, float], device: torch.device) -> list[Any]:
        """All slots with what does not vary: parameters and results as float64 tensors of shape ()."""
        values = {name: torch.tensor(value, dtype=torch.float64, device=device) for name, value in parameters.items()}
        slots = self.reduction.begun(TORCH, values)
        first = len(self.reduction.program.inputs)
        for place, constant in enumerate(self.reduction.program.constants):
            if constant.error == 0 and isinstance(slots[first + place], (int, float)):
                slots[first + place] = torch.tensor(constant.nearest, dtype=torch.float64, device=device)
        return slots

    def ready(self, begun: Sequence[Any], factors: Sequence[float], buffers: Sequence[Tensor]) -> ReadySteps:
        """The steps for blocks of the length of the buffers; ``factors``: the parameters as numbers, by their slots."""
        slots, calls = list(begun), list[_Call]()
        for slot, operation, arguments, factor in self._plan:
            into = _into(operation)
            numbers = [not isinstance(begun[one], Tensor) and not self.reduction.varies[one] for one in arguments]
            if into is None or any(numbers):
                function = OPERATIONS[operation]
                calls.append(
                    (function if factor is None else _scaling(function, factors[factor]), arguments, None, slot)
                )
            else:
                slots[slot] = buffers[self._place[slot]]
                calls.append((into if factor is None else partial(into, alpha=factors[factor]), arguments, slot, slot))
        return ReadySteps(slots, calls, [self._inputs[name] for name in self.reduction.data if name in self._inputs])

    def sums(self, slots: Sequence[Any], like: Tensor) -> list[Tensor]:
        """The reductions over a block with as many samples as ``like``, of shape () each."""
        found = []
        for first, *others in self.reduction.sums:
            vector = spread(slots[first], like)
            found.append(torch.dot(vector, spread(slots[others[0]], like)) if others else vector.sum())
        return found


def _scaling(function: Callable[..., Any], factor: float) -> Callable[..., Any]:
    return lambda x, y: function(x, factor * y)


class ReadySteps:
    """Steps with all that does not vary in its place, for one thread and one length of blocks."""

    def __init__(self, slots: list[Any], calls: Sequence[_Call], columns: Sequence[int]) -> None:
        self._slots = slots
        self._calls = calls
        self._columns = columns

    def __call__(self, columns: Sequence[Tensor]) -> list[Any]:
        """All slots for one block of the columns; they hold until the next call."""
        slots = self._slots
        for slot, column in zip(self._columns, columns, strict=True):
            slots[slot] = column
        for function, arguments, into, slot in self._calls:
            if into is None:
                slots[slot] = function(*[slots[one] for one in arguments])
            elif len(arguments) == 2:
                function(slots[arguments[0]], slots[arguments[1]], out=slots[into])
            else:
                function(*[slots[one] for one in arguments], out=slots[into])
        return slots


def spread(vector: Tensor, like: Tensor) -> Tensor:
    """A vector over the samples of ``like``: what depends on them by name only is one number."""
    return vector if vector.dim() else vector.expand(like.shape)
