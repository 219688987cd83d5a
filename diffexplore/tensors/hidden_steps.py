"""Numbers that leave torch and come back, so that neither autograd nor a tape sees what they were computed of.

Many ways out have names (``item``, ``numpy``, ``data_ptr``), and are seen where they are taken. No list of them is
whole: text that is parsed, another thread, C code, memory shared with NumPy. So it is looked for where they end as
well. Each operation is made of tensors that operations made, and of constants. A constant that is another one at
inputs nearby is none: it was computed of the inputs, out of sight.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from types import FrameType
from typing import Any, NamedTuple

import torch

from diffexplore.bounds.claims import UNIT_ROUNDOFF
from diffexplore.bounds.handling import name_of
from diffexplore.bounds.out_arguments import written_arguments
from diffexplore.errors import CandidateError
from diffexplore.tensors.candidate import TensorCandidate, is_differentiable
from diffexplore.tensors.upstream import upstreams_for
from diffexplore.torch_code.calling import line_that_runs
from diffexplore.torch_code.leaving_torch import UNWRITTEN, Escapes
from diffexplore.torch_private.functions import function_applied_in
from diffexplore.torch_private.tensors import written_codes
from diffexplore.torch_private.watching import (
    DisableTorchFunction,
    DispatchMode,
    disable_current_modes,
    is_recorded,
    storage_key,
    tree_leaves,
)

Tensor = torch.Tensor

#: By this share inputs are moved; by some units of a dtype that has no such small steps.
_STEP = 2.0**-10

#: They overwrite their first argument whatever it held.
_OVERWRITES = frozenset(["copy_", "fill_", "zero_"])


class HiddenSteps(Escapes):
    """Notes by which methods floats left torch where autograd does not look on: within the forward of a Function.

    Elsewhere autograd takes what left torch for constants as well, and so does the tape. ``line`` is that of the first.
    """

    line = ""

    def __init__(self) -> None:
        super().__init__()
        self._hidden: set[str] = set()

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        before = set(self.seen)
        out = super().__torch_function__(func, types, args, kwargs)
        new = self.seen - before - self._hidden  # without what an operator found that is written in Python
        if new and is_in_own_forward() and any(_is_float(leaf) for leaf in args):
            self._hidden |= new
            self.line = self.line or line_that_runs()
        self.seen = before | self._hidden
        return out


def is_in_own_forward() -> bool:
    """Whether the forward of somebody's autograd Function or operator runs: autograd sees its outputs alone."""
    if is_recorded():
        return False
    operators = written_codes()
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        function = function_applied_in(frame)
        # Those of torch run somebody's code once more in their backward (checkpoint), or hold none.
        if frame.f_code in operators or (function is not None and _package(function) not in ("torch", "diffexplore")):
            return True
        frame = frame.f_back
    return False


def _package(function: type) -> str:
    return function.__module__.partition(".")[0]


def _is_float(leaf: Any) -> bool:
    if isinstance(leaf, (list, tuple)):
        return any(map(_is_float, leaf))
    return isinstance(leaf, Tensor) and (leaf.is_floating_point() or leaf.is_complex())


def _in_memory(leaf: Any) -> bool:
    return isinstance(leaf, Tensor) and leaf.layout == torch.strided


class Taken(NamedTuple):
    """The constants of an operation: its name, and what tells their values apart."""

    operation: str
    constants: tuple[str | int, ...]


class ConstantsTaken(DispatchMode):
    """Notes the floats that operations take although no operation made them; nothing is computed beside.

    ``known`` are the tensors that the program is given. With ``everywhere`` all operations count, else those within the
    forward of a Function. Operations before the place ``until`` are compared with nothing; the line that runs there is
    kept in ``line``.
    """

    line = ""

    def __init__(self, known: Sequence[Tensor], *, everywhere: bool, until: int | None = None) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch leaves its dispatch modes untyped
        self.taken: list[Taken] = []
        self._everywhere, self._until = everywhere, until
        self._made: dict[int, Any] = {}
        self._unwritten: dict[int, Any] = {}
        for tensor in known:
            self._keep(tensor)

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        with DisableTorchFunction():
            if func.is_view:  # it neither reads nor writes
                return func(*args, **kwargs)
            if self._everywhere or is_in_own_forward():
                self._note(func, args, kwargs)
            out = func(*args, **kwargs)
            if name_of(func) in UNWRITTEN:
                self._unwritten[storage_key(out)] = out.untyped_storage()
            else:
                for leaf in tree_leaves((args, kwargs, out) if func._schema.is_mutable else out):
                    self._keep(leaf)
            return out

    def _note(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        name = name_of(func)
        skipped = written_arguments(func)
        given = args[1:] if name in _OVERWRITES else args
        read = [value for key, value in kwargs.items() if key not in skipped]
        leaves = tree_leaves((given, read))
        if func._schema.is_mutable:  # it is the first to write there
            leaves = [leaf for leaf in leaves if not (_in_memory(leaf) and storage_key(leaf) in self._unwritten)]
        self.note(name, leaves)

    def note(self, name: str, leaves: Sequence[Any]) -> None:
        """Notes the constants among the operands of an operation."""
        if len(self.taken) == self._until:
            self.line = line_that_runs()
        self.taken.append(Taken(name, tuple(one for leaf in leaves for one in self._constants(leaf))))

    def _constants(self, leaf: Any) -> Iterator[str | int]:
        if isinstance(leaf, (float, complex)):
            yield repr(leaf)
        elif _is_float(leaf) and _in_memory(leaf) and storage_key(leaf) not in self._made:
            with disable_current_modes():
                plain = leaf.detach().resolve_conj().resolve_neg().to("cpu").contiguous()
                yield hash(plain.reshape(-1).view(torch.uint8).numpy().tobytes())

    def _keep(self, leaf: Any) -> None:
        """Memory is kept, so that no other takes its place; what torch does not own may be written by others."""
        if _in_memory(leaf) and storage_key(leaf) not in self._made:
            storage = leaf.untyped_storage()
            if storage.resizable():
                self._made[storage_key(leaf)] = storage


def constant_that_varies(candidate: TensorCandidate, *, everywhere: bool = False) -> str | None:
    """The operation, with its line, that takes a constant which is another one at inputs nearby; None if there is none.

    With ``everywhere`` backward passes are looked at as well. What differs from call to call at the same inputs is no
    function of them, and does not count.
    """
    first = _taken(candidate, everywhere)
    if first is None or not any(one.constants for one in first.taken):
        return None
    for step in (-_STEP, _STEP):
        moved = _moved(candidate, step)
        other = _taken(moved, everywhere)
        if other is None:  # the function is not defined there
            continue
        place = _first_difference(first, other)
        if place is None:
            return None
        again = _taken(candidate, everywhere)
        if again is None or again.taken[place : place + 1] != first.taken[place : place + 1]:
            return None
        found = _taken(moved, everywhere, until=place)
        return first.taken[place].operation + ("" if found is None else found.line)
    return None


def _first_difference(one: ConstantsTaken, other: ConstantsTaken) -> int | None:
    """Where constants differ, before the programs take different ways."""
    for place, (here, there) in enumerate(zip(one.taken, other.taken, strict=False)):
        if here.operation != there.operation or len(here.constants) != len(there.constants):
            return None
        if here.constants != there.constants:
            return place
    return None


def _taken(candidate: TensorCandidate, everywhere: bool, until: int | None = None) -> ConstantsTaken | None:
    """The constants of one call; None where it raises."""
    call = candidate.replaced()
    mode = ConstantsTaken([one.tensor for one in call.inputs], everywhere=everywhere, until=until)
    try:
        with mode:
            outputs = [one for one in call.returned() if is_differentiable(one.tensor)]
            mode.note("the output", [one.tensor for one in outputs])
            for one in outputs if everywhere else ():
                (_, upstream), *_ = upstreams_for(one.tensor, call.seed)
                mode._keep(upstream)
                call.gradients(one, upstream)
    except CandidateError:
        return None
    return mode


def _moved(candidate: TensorCandidate, step: float) -> TensorCandidate:
    """The call at inputs nearby: each number is moved by about ``step`` of its own size, zeros among zeros by it."""
    generator = torch.Generator().manual_seed(0)
    found = {}
    for one in candidate.sources:
        numbers = torch.view_as_real(one.tensor.detach()) if one.tensor.is_complex() else one.tensor.detach()
        share = step * max(1.0, 4 * UNIT_ROUNDOFF[numbers.dtype] / _STEP)
        draws = 1 + torch.rand(numbers.shape, generator=generator, dtype=torch.float64).to(numbers.device)
        changed = numbers.to(torch.float64) * (1 + share * draws)
        changed = torch.where((numbers == 0).all(), abs(share) * draws, changed).to(numbers.dtype)
        whole = torch.view_as_complex(changed) if one.tensor.is_complex() else changed
        found[one.name] = whole.requires_grad_(one.tensor.requires_grad)
    return candidate.replaced(found)
