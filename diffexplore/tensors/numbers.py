"""The numbers of tensors as float64 arrays, and how far rounding may have moved each."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch

Tensor = torch.Tensor

#: Bounds below this share of the largest number of a tensor hide nothing that matters beside it.
_LITTLE = 2.0**-10


class MadeOtherwise(Exception):
    """Two calls give numbers that differ by more than rounding explains."""


@dataclass(frozen=True, eq=False)
class TensorNumbers:
    """A tensor as float64 arrays of its shape: its values, and how far each may be off (infinite: nothing is known).

    ``absent`` says that autograd gave None for it: then it counts as exact zeros. Where the bound is what rounding did
    in one call, ``by_rounding`` is the worst that it may do in any call of the same function.
    """

    value: np.ndarray
    bound: np.ndarray
    absent: bool = False
    by_rounding: np.ndarray | None = None

    @property
    def in_any_call(self) -> np.ndarray:
        """How far each number of another call may be off, which adds in another order."""
        return self.bound if self.by_rounding is None else self.by_rounding

    @property
    def unbounded(self) -> TensorNumbers:
        """The same numbers, of which it is not known how far they may be off; zeros that autograd puts are exact."""
        return self if self.absent else replace(self, bound=np.full(self.value.shape, np.inf), by_rounding=None)

    def rounded_once(self, bound: np.ndarray) -> TensorNumbers:
        """The same numbers, which one call may compute within ``bound``; how far they are off in others stays open."""
        return self if self.absent else replace(self, bound=bound, by_rounding=self.in_any_call)

    def within(self, bound: np.ndarray | None) -> TensorNumbers:
        """The same numbers, with another bound where one is given."""
        return self if bound is None or self.absent else replace(self, bound=np.broadcast_to(bound, self.value.shape))

    def sharper(self, other: TensorNumbers) -> TensorNumbers:
        """The smaller bound of each number, where another call gave the same one, and rounding left something of it.

        Where it did not, a wide bound sends the number to float64, which can say what is wrong with it.
        """
        size = np.abs(self.value)
        left = (2 * other.bound < size) | (other.bound <= _LITTLE * size.max(initial=0.0, where=np.isfinite(size)))
        alike = (self.value == other.value) & (other.bound < self.bound)
        return replace(self, bound=np.where(alike & left, other.bound, self.bound), by_rounding=self.bound)

    def moved_to(self, other: TensorNumbers) -> TensorNumbers:
        """The numbers of another call, with the bounds of this one and the difference.

        Raises MadeOtherwise where the bounds do not explain the difference.
        """
        away = self._distance(other)
        if (away > np.where(np.isfinite(self.in_any_call), self.in_any_call, 0.0)).any():
            raise MadeOtherwise
        wider = None if self.by_rounding is None else np.asarray(self.by_rounding + away)  # of a number, too, an array
        return replace(self, value=other.value, bound=np.asarray(self.bound + away), by_rounding=wider)

    def _distance(self, other: TensorNumbers) -> np.ndarray:
        """How far the numbers of another call are away: infinitely where one is NaN, or where the shapes differ."""
        if self.value.shape != other.value.shape or self.absent != other.absent:
            return np.full(self.value.shape, np.inf)
        same = (self.value == other.value) | (np.isnan(self.value) & np.isnan(other.value))
        with np.errstate(invalid="ignore"):  # no infinity differs from itself
            return np.where(same, 0.0, np.nan_to_num(np.abs(self.value - other.value), nan=np.inf))

    @property
    def of_one_call(self) -> TensorNumbers:
        """The same numbers, whose bound is what rounding did in one call, and no worst case is known."""
        return self if self.absent else replace(self, by_rounding=np.full(self.value.shape, np.inf))


def numbers_of(tensor: Tensor) -> np.ndarray:
    """The real numbers of a tensor (float64, a copy); those of a complex one are pairs along a last axis."""
    plain = tensor.detach().resolve_conj()
    return (torch.view_as_real(plain) if plain.is_complex() else plain).to("cpu", torch.float64, copy=True).numpy()


def shape_of(tensor: Tensor) -> tuple[int, ...]:
    """The shape of a tensor's real numbers."""
    return (*tensor.shape, 2) if tensor.is_complex() else tuple(tensor.shape)


def real_dtype(tensor: Tensor) -> torch.dtype:
    """The dtype of a tensor's real numbers."""
    return tensor.dtype.to_real()
