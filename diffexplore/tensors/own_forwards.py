"""The forwards of somebody's autograd Functions and operators, and the numbers that leave torch or come in there.

A tape takes a tensor that no operation made for a constant. In such a forward, of which autograd sees the outputs
alone, it may come of another thread, of text, of memory that a library shares: so the same call is made at other inputs
as well, where constants stay what they are.
"""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any

import torch

from diffexplore.bounds import handling
from diffexplore.errors import CandidateError
from diffexplore.tensors.candidate import TensorCandidate
from diffexplore.torch_code.calling import line_that_runs
from diffexplore.torch_code.leaving_torch import UNWRITTEN, Escapes
from diffexplore.torch_private.tensors import written_codes
from diffexplore.torch_private.watching import DispatchMode, is_recorded, storage_key, tree_leaves

Tensor = torch.Tensor

#: The inputs are moved by this share of themselves, and by two units in the last place at least.
_SHARE = 2.0**-12


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
        if new and is_in_own_forward() and any(is_float(leaf) for leaf in args):
            self._hidden |= new
            self.line = self.line or line_that_runs()
        self.seen = before | self._hidden
        return out


#: Above every forward of an autograd Function; torch's own ones, as that of a checkpoint, are none of somebody's.
_APPLY = vars(torch.autograd.Function)["apply"].__func__.__code__


def is_in_own_forward() -> bool:
    """Whether the forward of somebody's autograd Function or operator runs: autograd sees its outputs alone."""
    if is_recorded():
        return False
    operators = written_codes()
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        code = frame.f_code
        if code in operators:
            return True
        if code is _APPLY and not frame.f_locals["cls"].__module__.startswith("torch."):
            return True
        frame = frame.f_back
    return False


def is_float(leaf: Any) -> bool:
    if isinstance(leaf, (list, tuple)):
        return any(map(is_float, leaf))
    return isinstance(leaf, Tensor) and (leaf.is_floating_point() or leaf.is_complex())


class ForeignNumbers(DispatchMode):
    """Keeps the numbers within somebody's forward that are neither given nor made by an operation, step by step.

    ``steps`` has the name of each operation there, the line that runs, and copies of such numbers among its operands.
    """

    def __init__(self, inputs: list[Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch leaves its dispatch modes untyped
        self.steps: list[tuple[str, str, list[Tensor]]] = []
        self._known: dict[int, Any] = {}
        self._know(inputs)

    def _know(self, tree: Any) -> None:
        for leaf in tree_leaves(tree):
            if _in_memory(leaf):
                self._known.setdefault(storage_key(leaf), leaf.untyped_storage())

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        leaves = tree_leaves((args, kwargs or {}))
        foreign = [torch.tensor(leaf, dtype=torch.float64) for leaf in leaves if isinstance(leaf, float)]
        foreign += self.foreign_ones(leaves)
        if is_in_own_forward():
            self.steps.append((str(func), line_that_runs() if foreign else "", foreign))
        out = func(*args, **(kwargs or {}))
        if handling.name_of(func) not in UNWRITTEN:
            self._know((args, out) if func._schema.is_mutable else out)
        return out

    def foreign_ones(self, leaves: list[Any]) -> list[Tensor]:
        """Copies of the tensors that no operation made."""
        return [leaf.detach().clone() for leaf in leaves if _in_memory(leaf) and storage_key(leaf) not in self._known]


def _in_memory(leaf: Any) -> bool:
    return isinstance(leaf, Tensor) and leaf.layout == torch.strided and leaf.device.type != "meta"


def line_of_hidden_numbers(candidate: TensorCandidate) -> str | None:
    """The line with the first number that comes in past torch and changes with the inputs; None if none does."""
    first = _steps(candidate)
    if not any(foreign for _, _, foreign in first):
        return None
    moved = {one.name: _moved(one.tensor) for one in candidate.sources}
    try:
        second = _steps(candidate.replaced(moved))
    except CandidateError:  # there it has no value
        return None
    for (name, line, these), (other, _, those) in zip(first, second, strict=False):
        if name != other or [one.shape for one in these] != [one.shape for one in those]:
            return None  # it went another way
        if not all(torch.equal(one.nan_to_num(), two.nan_to_num()) for one, two in zip(these, those, strict=True)):
            return line
    return None


def _steps(candidate: TensorCandidate) -> list[tuple[str, str, list[Tensor]]]:
    call = candidate.replaced()
    with ForeignNumbers([one.tensor for one in call.inputs]) as seen:
        returned = call.returned()
    outputs = seen.foreign_ones([one.tensor for one in returned if not one.tensor.is_leaf])
    return [*seen.steps, ("output", "", outputs)]


def _moved(tensor: Tensor) -> Tensor:
    share = max(_SHARE, 2 * torch.finfo(tensor.dtype).eps)
    value = tensor.detach()
    return (value * (1 + share)).where(value != 0, share).requires_grad_(tensor.requires_grad)
