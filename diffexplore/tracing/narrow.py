"""Where a program computes in a narrower dtype than that of its arguments: formulas say nothing of its rounding."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sympy
import torch
from torch.fx import Node

from diffexplore.floating_point import dtype_name
from diffexplore.torch_ops.readers.certain import INFINITIES, whole_range
from diffexplore.tracing.declarations import DTYPE

_OWN = torch.finfo(getattr(torch, DTYPE))


@dataclass(frozen=True)
class NarrowStep:
    """A line of the user's source with results in a narrower dtype, which may be rounded to it."""

    dtype: str
    line: str


class NarrowResults:
    """What was found of narrow dtypes in one graph, node by node."""

    def __init__(self) -> None:
        self._steps: dict[NarrowStep, None] = {}

    @property
    def steps(self) -> tuple[NarrowStep, ...]:
        """Each of them once."""
        return tuple(self._steps)

    def held(self, node: Node, values: Mapping[Node, Any]) -> Mapping[torch.dtype, set[sympy.Basic]]:
        """For each narrow dtype of a result, the elements of operands that are in it: moved, they are not rounded.

        To be found before the node is read, which may write into an operand.
        """
        return {
            dtype: {cell for operand in _operands(node, dtype) for cell in values[operand].cells.flat}
            for dtype in map(_narrow, _parts(node.meta.get("val")))
            if dtype is not None
        }

    def note(self, held: Mapping[torch.dtype, set[sympy.Basic]], line: str, value: Any, meta: Any) -> None:
        """Keeps the line of a node of which a result may be rounded."""
        for part, tensor in zip(_parts(value), _parts(meta), strict=True) if held and value is not None else ():
            dtype = _narrow(tensor)
            if dtype is None or part is None:
                continue
            if not all(cell in held[dtype] or is_exact(cell, dtype) for cell in part.cells.flat):
                self._steps[NarrowStep(dtype_name(dtype), line)] = None


def _parts(value: Any) -> Sequence[Any]:
    return value if isinstance(value, (tuple, list)) else (value,)


def _narrow(tensor: Any) -> torch.dtype | None:
    """The dtype of a tensor, where it rounds the numbers that the arguments hold."""
    if not isinstance(tensor, torch.Tensor) or not tensor.dtype.is_floating_point:
        return None
    if tensor.dtype.itemsize == 1:
        raise NotImplementedError(f"there is no bound on the rounding to {dtype_name(tensor.dtype)}: cast to float16")
    return tensor.dtype if torch.finfo(tensor.dtype).eps > _OWN.eps else None


def _operands(node: Node, dtype: torch.dtype) -> Iterator[Node]:
    """The operands whose floats are all in a dtype."""
    for operand in node.all_input_nodes:
        own = getattr(operand.meta.get("val"), "dtype", None)
        if own is not None and own.is_floating_point and torch.promote_types(own, dtype) == dtype:
            yield operand


def is_exact(cell: sympy.Basic, dtype: torch.dtype) -> bool:
    """Whether a number is certainly one of a dtype's: a small whole one, or a fraction of few binary digits."""
    info = torch.finfo(dtype)
    if cell in INFINITIES:
        return True
    if isinstance(cell, sympy.Piecewise):
        return all(is_exact(branch, dtype) for branch, _ in cell.args)
    if isinstance(cell, sympy.Rational):
        value = float(cell)
        return sympy.Rational(value) == cell and torch.tensor(value, dtype=dtype, device="cpu").double().item() == value
    found = whole_range(cell)
    return found is not None and max(map(abs, found)) <= min(2 / info.eps, info.max)
