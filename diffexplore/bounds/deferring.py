"""Deferring the radii of tensors: which operations have them, what is known of their operands, and where it is kept."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from diffexplore.bounds.claims import BELOW_NORMAL, rounding_parts
from diffexplore.bounds.deferred import Deferred, DeferredNumber, Operand, RadiusTerm
from diffexplore.bounds.deferred_rules import RULES, rounded
from diffexplore.bounds.number_rules import number_of
from diffexplore.torch_private.watching import is_zero_tensor, storage_key

if TYPE_CHECKING:
    from diffexplore.bounds.watch import Watch


class Deferring:
    """What one watch defers, and the absolute values of the exact tensors that it met.

    The numbers of tensors are read again later, so that nothing but what the watch sees may write in their memory.
    """

    def __init__(self) -> None:
        self._exact: dict[tuple[int, int, torch.Size], tuple[Tensor, Deferred | None]] = {}

    def forget(self, written: Iterable[Tensor]) -> None:
        """Forgets what it has read in the memory of tensors into which something is about to be written."""
        memories = set(map(storage_key, written))
        self._exact = {key: kept for key, kept in self._exact.items() if key[0] not in memories}

    def radii(self, watch: Watch, claim: str, operands: Sequence[Any], out: Any) -> Operand | None:
        """The radii of a result of basic arithmetic in float64; None where they are not deferred."""
        if not _is_plain(out):
            return None
        found: list[Operand] = []
        for value in operands:
            one = self._operand(watch, value, out)
            if one is None:
                return None
            found.append(one)
        if len(found) == 1:  # a square
            found *= 2
        if not out.dim():
            return number_of(claim, out.item(), found)  # type: ignore[arg-type]  # shapes of numbers broadcast to ()
        rule = RULES.get(claim)
        if rule is None or not out.numel() or not out.is_contiguous():
            return None
        with ExitStack() as at_hand, np.errstate(all="ignore"):
            for one, value in zip(found, operands, strict=False):
                if isinstance(one, Deferred):
                    at_hand.enter_context(one.of(numbers_of(value)))
            values = numbers_of(out)
            spread = rule(found[0], found[1], values)
            if spread is None:
                return None
            relative, absolute = rounding_parts(claim, torch.float64)
            return rounded(values, spread, relative, absolute + BELOW_NORMAL)

    def copied(self, watch: Watch, source: Any, out: Any) -> Operand | None:
        """The radii of a tensor with another's numbers, or their negatives; None where they are not deferred."""
        known = self._operand(watch, source, out) if _is_plain(out) else None
        if known is None or isinstance(known, DeferredNumber):
            return None if known is None or out.dim() else DeferredNumber(out.item(), known.rad)
        return known.copied() if out.is_contiguous() else None

    def _operand(self, watch: Watch, value: Any, out: Tensor) -> Operand | None:
        if not isinstance(value, Tensor):
            return DeferredNumber(float(value), watch.number_radius(value))
        if not _is_plain(value):
            return None
        known = watch.deferred(value)
        if not value.dim():
            if known is None:
                radius = watch._find(value)
                known = DeferredNumber(float(value.detach()), 0.0 if radius is None else float(radius))
            return known if isinstance(known, DeferredNumber) else None
        if value.shape != out.shape or not value.is_contiguous() or isinstance(known, DeferredNumber):
            return None
        return self._of_array(watch, value) if known is None else known

    def _of_array(self, watch: Watch, value: Tensor) -> Deferred | None:
        """The radii of numbers of which nothing is deferred."""
        key = (storage_key(value), int(value.storage_offset()), value.shape)
        radius = watch._find(value)
        if radius is None and key in self._exact:
            return self._exact[key][1]
        count = value.numel()
        size = np.absolute(numbers_of(value))
        least, most = (float(size.min()), float(size.max())) if count else (0.0, 0.0)
        found = Deferred(count, size, least, most) if least > 0 and most < math.inf else None
        if radius is None:
            self._exact[key] = value, found
        elif found is not None:
            return _with_radii(found, radius)
        return found


def numbers_of(tensor: Tensor) -> np.ndarray:
    """The numbers in the memory of a tensor in their order, shape (n,)."""
    return tensor.detach().numpy().reshape(-1)


def _with_radii(exact: Deferred, radius: Tensor) -> Deferred | None:
    if radius.dim() and not any(radius.stride()):
        exact.rest = float(radius[(0,) * radius.dim()])
        return exact if 0 <= exact.rest < math.inf else None
    if not _is_plain(radius) or not radius.is_contiguous():
        return None
    array = numbers_of(radius)
    most = float(array.max())
    if not (float(array.min()) >= 0 and most < math.inf):
        return None
    if most:
        exact.terms = (RadiusTerm(1.0, array, most),)
    return exact


def _is_plain(tensor: Any) -> bool:
    """Whether a tensor has float64 numbers in a CPU's memory."""
    if type(tensor) is not Tensor or tensor.dtype is not torch.float64 or not tensor.is_cpu:
        return False
    return not (tensor.is_neg() or is_zero_tensor(tensor))
