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
from diffexplore.bounds.dense_operands import DenseOperand, DenseResult, LeftToTensors, Room, doubles
from diffexplore.bounds.dense_rules import DenseRule

if TYPE_CHECKING:
    from diffexplore.bounds.watch import Watch

#: Numbers that are bounded at a time: a few arrays of them lie in the cache of a core.
BLOCK = 32_768

#: The dtypes that NumPy has in common with torch.
_COMMON = (torch.float64, torch.float32, torch.float16)

#: The radius of some elements of the result by the rules on tensors, from the operands' balls there and the elements.
OnTensors = Callable[[list[Ball], Tensor], Tensor]


def radius_in_blocks(
    watch: Watch, rule: DenseRule, claim: str, operands: list[Any], out: Tensor, on_tensors: OnTensors
) -> Tensor | None:
    """The radius of the result ``out`` of basic arithmetic; None where not all lies side by side in a CPU's memory."""
    if not out.numel() or not _is_plain(out) or watch.rounds_in(out.dtype) is not out.dtype:
        return None
    sides = []
    for operand in operands[: rule.operands]:
        side = _side_of(watch, operand, out)
        if side is None:
            return None
        sides.append(side)
    relative, absolute = rounding_parts(claim, out.dtype)
    rounding = relative, absolute + BELOW_NORMAL
    try:
        with np.errstate(all="ignore"):
            if not out.dim():
                return torch.scalar_tensor(
                    rule.radius(DenseResult(out.item(), *rounding), sides), dtype=torch.float64, device="cpu"
                )
            radii, odd = _computed(rule, sides, _array_of(out), rounding)
    except LeftToTensors:
        return None
    found = torch.from_numpy(radii)
    if odd is not None:
        balls, result = [_part(watch.ball(one, out), odd) for one in operands], out.detach().reshape(-1)
        found[odd] = on_tensors(balls, result[odd])
    return found if out.dim() == 1 else found.view(out.shape)


def _part(ball: Ball, places: Tensor) -> Ball:
    mid, rad = (
        one[(0,) * one.dim()] if one.numel() == 1 or not any(one.stride()) else one.reshape(-1)[places]
        for one in (ball.mid, ball.rad)
    )
    return Ball(mid, rad, ball.exact)


def _is_plain(tensor: Any) -> bool:
    """Whether its elements lie side by side in a CPU's memory, in order, as they are read; some zeros lie nowhere."""
    return (
        type(tensor) is Tensor
        and tensor.is_cpu
        and tensor.dtype in _COMMON
        and tensor.is_contiguous()
        and not tensor.is_neg()
        and not tensor._is_zerotensor()
    )


def _array_of(tensor: Tensor) -> np.ndarray:
    """The elements of a plain tensor in their order."""
    array: np.ndarray = (tensor.detach() if tensor.requires_grad else tensor).numpy()
    return array if array.ndim == 1 else array.reshape(-1)


def _side_of(watch: Watch, value: Any, out: Tensor) -> DenseOperand | None:
    """An operand of a kernel with the result ``out``; None where its elements do not lie in memory as those."""
    if not isinstance(value, Tensor):
        return DenseOperand(float(value), watch.operand_radius(value)) if out.dtype is torch.float64 else None
    if value.dtype is not out.dtype:
        return None
    count = value.numel()
    if value.is_cpu and (not value.dim() or count == 1 != out.numel()):
        known = watch._find(value)
        return DenseOperand(value.item(), 0.0 if known is None else float(known))
    if count != out.numel() or not _is_plain(value):  # as many elements have the same order, whatever the shape
        return None
    known, mid = watch._find(value), _array_of(value)
    if known is None:
        return DenseOperand(mid, 0.0)
    if known.dim() and not any(known.stride()):
        return DenseOperand(mid, float(known[(0,) * known.dim()]))
    return DenseOperand(mid, _array_of(known)) if _is_plain(known) else None


def _computed(
    rule: DenseRule, operands: list[DenseOperand], value: np.ndarray, rounding: tuple[float, float]
) -> tuple[np.ndarray, Tensor | None]:
    """The radii of results, and the places of those that are left to the rules on tensors."""
    count = len(value)
    size = min(count, BLOCK)
    radii, spare, other = np.empty(count), np.empty(size), np.empty(size)
    if count == size:
        odd = rule.radii(
            Room(radii, spare, other), DenseResult(doubles(value), *rounding), [one.doubles() for one in operands]
        )
        return radii, None if odd is None else torch.from_numpy(np.flatnonzero(odd))
    left = []
    for first in range(0, count, size):
        last = min(first + size, count)
        room = Room(radii[first:last], spare[: last - first], other[: last - first])
        parts = [one.part(first, last).doubles() for one in operands]
        odd = rule.radii(room, DenseResult(doubles(value[first:last]), *rounding), parts)
        if odd is not None:
            left.append(np.flatnonzero(odd) + first)
    return radii, torch.from_numpy(np.concatenate(left)) if left else None
