"""Numbers that come in past torch: of another thread, of text, of memory that a library shares.

What looks on at operations takes a tensor that no operation made for a constant. That it is none shows where the same
call is made at other inputs as well: there constants stay what they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch

from diffexplore.bounds import handling
from diffexplore.errors import CandidateError
from diffexplore.torch_code.calling import line_that_runs
from diffexplore.torch_code.leaving_torch import UNWRITTEN
from diffexplore.torch_code.own_forwards import is_in_own_forward
from diffexplore.torch_private.watching import DispatchMode, storage_key, tree_leaves

Tensor = torch.Tensor

#: The inputs are moved by this share of themselves, and by two units in the last place at least.
_SHARE = 2.0**-12

#: An operation, the line that runs it, and copies of the numbers among its operands that came in.
Step = tuple[str, str, list[Tensor]]


def line_of_foreign_numbers(
    call: Callable[[dict[str, Tensor]], Iterable[Tensor]], inputs: dict[str, Tensor], by: Sequence[str], *,
    everywhere: bool,
) -> str | None:  # fmt: skip
    """The line with the first number that comes in past torch and changes with the inputs; None if none does.

    ``call`` is made with copies of ``inputs``, once with those in ``by`` moved a little; what it returns is looked at
    as well. Without ``everywhere`` only the forwards of somebody's autograd Functions and operators are, Python
    numbers included.
    """
    try:
        first = _steps(call, inputs, everywhere)
        if not any(foreign for _, _, foreign in first):
            return None
        second = _steps(call, {**inputs, **{name: moved(inputs[name]) for name in by}}, everywhere)
    except CandidateError:  # there it has no value
        return None
    for (name, line, these), (other, _, those) in zip(first, second, strict=False):
        if name != other or [one.shape for one in these] != [one.shape for one in those]:
            return None  # it went another way
        if not all(torch.equal(one.nan_to_num(), two.nan_to_num()) for one, two in zip(these, those, strict=True)):
            return line
    return None


def moved(tensor: Tensor) -> Tensor:
    """Other numbers, near those of the tensor."""
    share = max(_SHARE, 2 * torch.finfo(tensor.dtype).eps)
    value = tensor.detach()
    return (value * (1 + share)).where(value != 0, share).requires_grad_(tensor.requires_grad)


def _steps(
    call: Callable[[dict[str, Tensor]], Iterable[Tensor]], inputs: dict[str, Tensor], everywhere: bool
) -> list[Step]:
    copies = {name: one.detach().clone().requires_grad_(one.requires_grad) for name, one in inputs.items()}
    with ForeignNumbers(copies.values(), everywhere) as seen:
        returned = list(call(copies))
    return [*seen.steps, ("output", "", seen.foreign_ones(returned))]


class ForeignNumbers(DispatchMode):
    """Keeps the numbers that are neither given nor made by an operation, step by step."""

    def __init__(self, inputs: Iterable[Tensor], everywhere: bool) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch leaves its dispatch modes untyped
        self.steps: list[Step] = []
        self._everywhere = everywhere
        self._known: dict[int, Any] = {}
        self._know(list(inputs))

    def _know(self, tree: Any) -> None:
        for leaf in tree_leaves(tree):
            if _in_memory(leaf):
                self._known.setdefault(storage_key(leaf), leaf.untyped_storage())

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if self._everywhere or is_in_own_forward():
            leaves = tree_leaves((args, kwargs or {}))
            foreign = self.foreign_ones(leaves)
            if not self._everywhere:
                foreign += [torch.tensor(leaf, dtype=torch.float64) for leaf in leaves if isinstance(leaf, float)]
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
