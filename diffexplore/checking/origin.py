"""Which operation made a NaN or an infinity, of the forward and of the backward pass, while a method ran."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from diffexplore.bounds.watch import Observer, Watch
from diffexplore.torch_private.watching import current_graph_task

#: They only make room, move numbers about, or choose among them: what is not finite in them was made elsewhere.
_MAKES_NOTHING = frozenset(
    "empty empty_like new_empty empty_strided new_empty_strided new_full detach alias view expand clone copy_ "
    "lift_fresh where".split()
)

#: Operations that choose among computed numbers by a condition.
_CHOICES = frozenset("where masked_fill masked_fill_ masked_scatter".split())

_INFIX = {"add": "+", "sub": "-", "mul": "·", "div": "/"}


@dataclass(frozen=True)
class Made:
    """An operation that made a number that is not finite: its name, its operands there, and what it made of them.

    An operand is NaN where there is no single number to show.
    """

    name: str
    operands: tuple[float, ...]
    result: float

    def __str__(self) -> str:
        shown = ["…" if operand != operand else f"{operand:.6g}" for operand in self.operands]
        result = f"{self.result:.6g}".replace("nan", "NaN")
        if self.name in _INFIX and len(shown) == 2:
            right = f"({shown[1]})" if shown[1].startswith("-") else shown[1]
            return f"{shown[0]} {_INFIX[self.name]} {right} = {result}"
        return f"{self.name}({', '.join(shown)}) = {result}"


@dataclass
class Origin(Observer):
    """Looks on at the operations of a call, and keeps the first of each pass that makes what is not finite.

    In the forward pass, operands have to be finite for that; the backward pass may meet an infinity that the forward
    pass left in a branch that is not taken. ``seen`` holds the names of all operations of the forward pass, and of
    those that met a 0 as ``"sqrt of 0"``.
    """

    forward: Made | None = None
    backward: Made | None = None
    seen: set[str] = field(default_factory=set)

    def saw(self, watch: Watch, name: str, args: tuple[Any, ...], out: Any) -> None:
        """One operation, which ran under a watch."""
        plain = name.rstrip("_").lstrip("_")
        inside_backward = current_graph_task() != -1
        if not inside_backward:
            self._note(plain, args)
        if plain in _MAKES_NOTHING or (self.backward if inside_backward else self.forward) is not None:
            return
        made = next((one for one in _tensors((out,)) if one.is_floating_point() and not _finite(one)), None)
        if made is None:
            return
        operands = [value for value in _numbers(args) if value is not made]
        if inside_backward:
            self.backward = _of(plain, operands, made)
        elif all(_finite(value) for value in operands):
            self.forward = _of(plain, operands, made)

    def _note(self, name: str, args: tuple[Any, ...]) -> None:
        self.seen.add(name)
        first = next(_tensors(args), None)
        if first is not None and first.is_floating_point() and bool((_plain(first) == 0).any()):
            self.seen.add(f"{name} of 0")

    @property
    def chooses(self) -> bool:
        """Whether the forward pass chose among computed numbers."""
        return bool(self.seen & _CHOICES)


def _tensors(values: tuple[Any, ...]) -> Iterator[Tensor]:
    """The tensors among ``values``; torch also runs operations on shapes alone, which hold no numbers."""
    for value in values:
        if isinstance(value, Tensor):
            if value.device.type != "meta":
                yield value
        elif isinstance(value, (tuple, list)):
            yield from _tensors(tuple(value))


def _numbers(values: tuple[Any, ...]) -> Iterator[Any]:
    for value in values:
        if isinstance(value, (tuple, list)):
            yield from _tensors(tuple(value))
        elif isinstance(value, Tensor) or (isinstance(value, (int, float)) and not isinstance(value, bool)):
            yield value


def _finite(value: Any) -> bool:
    return bool(_plain(value).isfinite().all())


def _plain(value: Any) -> Tensor:
    """A number or a tensor without its graph and tangents; a zero of forward mode that has no memory, with one."""
    if not isinstance(value, Tensor):
        return torch.as_tensor(value)
    return torch.zeros(value.shape, dtype=value.dtype, device="cpu") if value._is_zerotensor() else value.detach()


def _of(name: str, operands: list[Any], made: Tensor) -> Made:
    """The operation at its first element that is not finite."""
    made = _plain(made)
    place = int((~made.isfinite()).reshape(-1).nonzero()[0])
    return Made(name, tuple(_at(operand, made, place) for operand in operands), float(made.reshape(-1)[place]))


def _at(operand: Any, made: Tensor, place: int) -> float:
    tensor = _plain(operand)
    if tensor.numel() == 1:
        return float(tensor)
    try:
        return float(tensor.expand(made.shape).reshape(-1)[place])
    except RuntimeError:  # not elementwise: a sum has no single operand
        return float("nan")
