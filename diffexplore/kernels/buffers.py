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

#: A function with all its arguments in place.
_Call = Callable[[], Any]

#: Rows whose products are added up at a time.
PIECE = 512

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

    def ready(self, begun: Sequence[Any], factors: Sequence[float], buffers: Sequence[Tensor], rows: int) -> ReadySteps:
        """The steps for blocks of some rows, the length of the buffers; ``factors``: the parameters, by their slots."""
        slots, calls = list(begun), list[_Call]()
        columns = [self._inputs[name] for name in self.reduction.data if name in self._inputs]
        vectors = set(columns)
        for slot, operation, arguments, factor in self._plan:
            into = _into(operation)
            numbers = [not isinstance(begun[one], Tensor) and not self.reduction.varies[one] for one in arguments]
            if into is None or any(numbers):
                function = OPERATIONS[operation]
                function = function if factor is None else _scaling(function, factors[factor])
                calls.append(_storing(function, slots, arguments, slot))
            else:
                out = buffers[self._place[slot]]
                into = partial(into, out=out) if factor is None else partial(into, alpha=factors[factor], out=out)
                calls.append(_of_slots(into, slots, arguments))
                slots[slot] = out
                vectors.add(slot)
        sums = [_sum(slots, one, None if vectors.issuperset(one) else rows) for one in self.reduction.sums]
        return ReadySteps(slots, columns, calls, sums)


class ReadySteps:
    """Steps with all that does not vary in its place, for one thread and one length of blocks."""

    def __init__(self, slots: list[Any], columns: Sequence[int], calls: Sequence[_Call], sums: Sequence[_Call]) -> None:
        self.slots = slots
        self._columns = columns
        self._calls = calls
        self._sums = sums

    def __call__(self, columns: Sequence[Tensor]) -> list[Tensor]:
        """The reductions over a block of the columns: numbers whose sum each is; all slots hold until the next call."""
        for slot, column in zip(self._columns, columns, strict=True):
            self.slots[slot] = column
        for call in self._calls:
            call()
        return [call() for call in self._sums]


def _of_slots(function: Callable[..., Any], slots: list[Any], arguments: Sequence[int]) -> _Call:
    """A call of a function of what is in some slots: now, where it stays there, or else at each call."""
    known = [slots[one] for one in arguments]
    if all(one is not None for one in known):
        return partial(function, *known)
    if len(arguments) == 2:
        first, second = arguments
        return lambda: function(slots[first], slots[second])  # quicker than what follows
    return lambda: function(*[slots[one] for one in arguments])


def _storing(function: Callable[..., Any], slots: list[Any], arguments: Sequence[int], slot: int) -> _Call:
    def call() -> None:
        slots[slot] = function(*[slots[one] for one in arguments])

    return call


def _sum(slots: list[Any], places: Sequence[int], rows: int | None) -> _Call:
    """The sum of a vector, or of the products of two; with ``rows``, they may be one number for so many."""
    if rows is None and len(places) == 1:
        return _of_slots(torch.sum, slots, places)
    if rows is None and (right := slots[places[1]]) is not None:
        rows = len(right)
        left, right = places[0], _pieces(right).transpose(1, 2)
        if slots[left] is not None:
            return partial(torch.bmm, _pieces(slots[left]), right)
        return lambda: torch.bmm(_pieces(slots[left], rows), right)

    def total() -> Tensor:
        vectors = [slots[one] if rows is None else spread(slots[one], (rows,)) for one in places]
        return torch.bmm(_pieces(vectors[0]), _pieces(vectors[1]).transpose(1, 2)) if vectors[1:] else vectors[0].sum()

    return total


def _pieces(vector: Tensor, rows: int | None = None) -> Tensor:
    """A vector as rows of some length, to be multiplied by each other: short sums are rounded less than long ones."""
    rows = len(vector) if rows is None else rows
    by_pieces = rows % PIECE == 0 and (vector.device.type != "cpu" or torch.backends.mkl.is_available())  # others loop
    return vector.reshape(-1, 1, PIECE if by_pieces else rows)


def _scaling(function: Callable[..., Any], factor: float) -> Callable[..., Any]:
    return lambda x, y: function(x, factor * y)


def spread(vector: Tensor, shape: Sequence[int]) -> Tensor:
    """A vector over samples: what depends on them by name only is one number."""
    return vector if vector.dim() else vector.expand(shape)
