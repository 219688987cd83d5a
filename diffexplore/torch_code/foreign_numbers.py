"""Numbers that come in past torch: of another thread, of text, of memory that a library shares.

Many ways out of torch have names (``item``, ``numpy``, ``data_ptr``), and are seen where they are taken. No list of
them is whole, so that it is looked for where they end as well. Each operation is made of tensors that operations made,
and of constants; a constant that is another one at inputs nearby is none: it was computed of the inputs, out of sight.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import torch

from diffexplore.bounds.handling import name_of, written_arguments
from diffexplore.errors import CandidateError
from diffexplore.torch_code.calling import line_that_runs
from diffexplore.torch_code.leaving_torch import UNWRITTEN
from diffexplore.torch_code.nearby import moved, shares
from diffexplore.torch_code.own_forwards import is_float, is_in_own_forward
from diffexplore.torch_private.watching import (
    DisableTorchFunction,
    DispatchMode,
    disable_current_modes,
    storage_key,
    tree_leaves,
)

Tensor = torch.Tensor

#: Calls a function at copies of its inputs, and returns what it returns.
CallAt = Callable[[dict[str, Tensor]], Iterable[Tensor]]

#: They overwrite their first argument whatever it held.
_OVERWRITES = frozenset(["copy_", "fill_", "zero_"])


class OperandStep(NamedTuple):
    """An operation, what tells the values of its constants apart, and the line that runs it where it has some."""

    operation: str
    constants: tuple[str | int, ...]
    line: str

    def differs(self, other: OperandStep) -> bool:
        return self.constants != other.constants

    def is_like(self, other: OperandStep) -> bool:
        return self.operation == other.operation and len(self.constants) == len(other.constants)


def line_of_foreign_numbers(
    call: CallAt, inputs: Mapping[str, Tensor], by: Sequence[str], *, everywhere: bool
) -> str | None:
    """The line with the first number that comes in past torch and changes with the inputs in ``by``; None if none does.

    Where nearby the program takes other ways, so that this cannot be seen, it is the line with the first constant.

    Without ``everywhere`` only the forwards of somebody's autograd Functions and operators are looked at, and Python
    numbers as well as tensors. What differs from call to call at the same inputs is no function of them, and does not
    count.
    """
    first = _steps(call, inputs, everywhere)
    some = next((one.line for one in first or () if one.constants), None)
    if first is None or some is None:
        return None
    elsewhere = False
    for share in shares(inputs.values()):
        other = _steps(call, {**inputs, **{name: moved(inputs[name], share) for name in by}}, everywhere)
        if other is None:  # the function is not defined there
            continue
        place = _first_difference(first, other)
        if place is None and [one.operation for one in first] != [one.operation for one in other]:
            elsewhere = True  # the program takes another way there, on which nothing can be compared
            continue
        if place is None:
            return None
        again = _steps(call, inputs, everywhere)
        repeats = again is not None and again[place : place + 1] == first[place : place + 1]
        return first[place].line if repeats else None
    return some if elsewhere else None


def _first_difference(one: Sequence[OperandStep], other: Sequence[OperandStep]) -> int | None:
    """Where constants differ, before the programs take different ways."""
    for place, (here, there) in enumerate(zip(one, other, strict=False)):
        if not here.is_like(there):
            return None
        if here.differs(there):
            return place
    return None


def _steps(call: CallAt, inputs: Mapping[str, Tensor], everywhere: bool) -> list[OperandStep] | None:
    """The operations of one call, and what it returns as a last one; None where it raises."""
    copies = {name: one.detach().clone().requires_grad_(one.requires_grad) for name, one in inputs.items()}
    mode = ForeignNumbers(copies.values(), everywhere)
    try:
        with mode:
            mode.note("the output", list(call(copies)))
    except CandidateError:
        return None
    return mode.steps


class ForeignNumbers(DispatchMode):
    """Notes the numbers that operations take although no operation made them; nothing is computed beside.

    ``given`` are the tensors that the program is given. With ``everywhere`` the tensors of all operations count, else
    all numbers within the forward of a Function.
    """

    def __init__(self, given: Iterable[Tensor], everywhere: bool) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch leaves its dispatch modes untyped
        self.steps: list[OperandStep] = []
        self._everywhere = everywhere
        self._made: dict[int, Any] = {}
        self._unwritten: dict[int, Any] = {}
        for tensor in given:
            self._keep(tensor)

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        with DisableTorchFunction():
            if func.is_view:  # it neither reads nor writes
                return func(*args, **kwargs)
            if self._everywhere or is_in_own_forward():
                self.note(name_of(func), self._operands(func, args, kwargs))
            out = func(*args, **kwargs)
            if name_of(func) in UNWRITTEN:
                self._unwritten[storage_key(out)] = out.untyped_storage()
            else:
                for leaf in tree_leaves((args, kwargs, out) if func._schema.is_mutable else out):
                    self._keep(leaf)
            return out

    def _operands(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Any]:
        skipped = written_arguments(func)
        given = args[1:] if name_of(func) in _OVERWRITES else args
        leaves = tree_leaves((given, [value for key, value in kwargs.items() if key not in skipped]))
        if not func._schema.is_mutable:
            return leaves
        # It may be the first to write there.
        return [leaf for leaf in leaves if not (_in_memory(leaf) and storage_key(leaf) in self._unwritten)]

    def note(self, name: str, leaves: Sequence[Any]) -> None:
        """Notes the constants among the operands of an operation."""
        constants = tuple(one for leaf in leaves for one in self._constants(leaf))
        self.steps.append(OperandStep(name, constants, line_that_runs() if constants else ""))

    def _constants(self, leaf: Any) -> Iterator[str | int]:
        if isinstance(leaf, (int, float, complex)) and not isinstance(leaf, bool) and not self._everywhere:
            yield repr(leaf)
        elif (is_float(leaf) or not self._everywhere) and _in_memory(leaf) and storage_key(leaf) not in self._made:
            with disable_current_modes():
                plain = leaf.detach().resolve_conj().resolve_neg().to("cpu").contiguous()
                yield hash(plain.reshape(-1).view(torch.uint8).numpy().tobytes())

    def _keep(self, leaf: Any) -> None:
        """Memory is kept, so that no other takes its place; what torch does not own may be written by others."""
        if _in_memory(leaf) and storage_key(leaf) not in self._made:
            storage = leaf.untyped_storage()
            if storage.resizable():
                self._made[storage_key(leaf)] = storage


def _in_memory(leaf: Any) -> bool:
    return isinstance(leaf, Tensor) and leaf.layout == torch.strided and leaf.device.type != "meta"
