"""The bounds of basic arithmetic on arrays in a CPU's memory, computed a block at a time that stays in its cache.

Tensors as large as a batch would be fetched from memory for each step of a rule, in new memory each time, which takes
several times as long as the operation that is watched.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from diffexplore.bounds.ball import Ball
from diffexplore.bounds.claims import BELOW_NORMAL, rounding_parts
from diffexplore.bounds.dense_rules import DenseOperand, DenseRule, LeftToTensors, Room

if TYPE_CHECKING:
    from diffexplore.bounds.watch import Watch

#: Numbers that are bounded at a time: a few arrays of them lie in the cache of a core.
BLOCK = 16_384

#: Of fewer elements the rules on tensors take no longer.
_FEW = 2_048

#: The dtypes that NumPy has in common with torch.
_COMMON = (torch.float64, torch.float32, torch.float16)

#: The radius of some elements of the result by the rules on tensors, from the operands' balls there and the elements.
OnTensors = Callable[[list[Ball], Tensor], Tensor]


def radius_in_blocks(
    watch: Watch, rule: DenseRule, claim: str, operands: list[Any], out: Tensor, on_tensors: OnTensors
) -> Tensor | None:
    """The radius of the result ``out`` of basic arithmetic; None where not all lies side by side in a CPU's memory."""
    value = _array_of(out) if out.numel() >= _FEW else None
    if value is None or watch.rounds_in(out.dtype) is not out.dtype:
        return None
    sides = []
    for operand in operands[: rule.operands]:
        side = _side_of(watch, operand, out)
        if side is None:
            return None
        sides.append(side)
    relative, absolute = rounding_parts(claim, out.dtype)
    radii, left = _computed(rule, sides, value, (relative, absolute + BELOW_NORMAL))
    found = torch.from_numpy(radii)
    if left:
        balls, result = [watch.ball(one, out) for one in operands], out.detach().reshape(-1)
        for first, last in left:
            found[first:last] = on_tensors([_part(ball, first, last) for ball in balls], result[first:last])
    return found.view(out.shape)


def _part(ball: Ball, first: int, last: int) -> Ball:
    mid, rad = (
        one[(0,) * one.dim()] if one.numel() == 1 or not any(one.stride()) else one.reshape(-1)[first:last]
        for one in (ball.mid, ball.rad)
    )
    return Ball(mid, rad, ball.exact)


def _array_of(tensor: Tensor) -> np.ndarray | None:
    """The elements of a plain tensor in their order, which lie side by side in a CPU's memory; None of others."""
    if type(tensor) is not Tensor or not tensor.is_cpu or tensor.dtype not in _COMMON:
        return None
    if not tensor.is_contiguous() or tensor.is_neg():
        return None
    return tensor.detach().reshape(-1).numpy()


def _side_of(watch: Watch, value: Any, out: Tensor) -> DenseOperand | None:
    """An operand of a kernel with the result ``out``; None where its elements do not lie in memory as those."""
    if not isinstance(value, Tensor):
        return DenseOperand(float(value), watch.number_radius(value)) if out.dtype == torch.float64 else None
    if value.dtype != out.dtype or (value.numel() != 1 and value.shape != out.shape):
        return None
    known = watch._find(value)
    if value.numel() == 1 and value.is_cpu:
        return DenseOperand(float(value.detach()), 0.0 if known is None else float(known))
    mid = _array_of(value)
    if mid is None:
        return None
    if known is None:
        return DenseOperand(mid, 0.0)
    if known.dim() and not any(known.stride()):
        return DenseOperand(mid, float(known[(0,) * known.dim()]))
    rad = _array_of(known)
    return None if rad is None else DenseOperand(mid, rad)


def _computed(
    rule: DenseRule, operands: list[DenseOperand], value: np.ndarray, rounding: tuple[float, float]
) -> tuple[np.ndarray, list[tuple[int, int]]]:
    """The radii of results, and the blocks (first, last) of which they are not computed, but left to tensors."""
    count = len(value)
    radii, spare, other = np.empty(count), np.empty(min(count, BLOCK)), np.empty(min(count, BLOCK))
    left = []
    with np.errstate(all="ignore"):
        for first in range(0, count, BLOCK):
            last = min(first + BLOCK, count)
            room = Room(radii[first:last], spare[: last - first], other[: last - first])
            result = value[first:last].astype(np.float64, copy=False)
            try:
                rule.radii(room, result, [one.part(first, last) for one in operands], *rounding)
            except LeftToTensors:
                left.append((first, last))
    return radii, left
