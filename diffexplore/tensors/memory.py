"""The memory of a program that runs on tensors: what each storage holds, as balls, and its states one after another.

Views need no rules: a tensor is a pattern of strides over a storage, and two tensors that share memory share it here.
Writing into a tensor makes a new state of the storage.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.lib.stride_tricks import as_strided

from diffexplore.arithmetic.double_balls import DoubleBall, add, exact
from diffexplore.arithmetic.tensor_balls import chosen, scattered, shaped, summed, zeros


@dataclass(frozen=True, eq=False)
class State:
    """What a storage holds between two writes: a flat ball of its elements."""

    ball: DoubleBall


@dataclass(frozen=True)
class StridedLayout:
    """Where the elements of a tensor lie in its storage, counted in elements."""

    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    @classmethod
    def of(cls, tensor: torch.Tensor) -> StridedLayout:
        return cls(int(tensor.storage_offset()), tuple(tensor.shape), tuple(tensor.stride()))

    def is_whole(self, size: int) -> bool:
        """Whether the tensor is its storage of ``size`` elements, in order."""
        expected = 1
        for length, stride in zip(reversed(self.shape), reversed(self.strides), strict=True):
            if length != 1 and stride != expected:
                return False
            expected *= length
        return self.offset == 0 and expected == size

    def read(self, ball: DoubleBall) -> DoubleBall:
        """The tensor's elements of a flat ball."""
        return shaped(ball, self._view)

    def _view(self, flat: np.ndarray) -> np.ndarray:
        if self.is_whole(len(flat)):
            return flat.reshape(self.shape)
        strides = [stride * flat.itemsize for stride in self.strides]
        return as_strided(flat[self.offset :], self.shape, strides, writeable=False)

    def places(self, size: int) -> np.ndarray:
        """The index in the storage of each element."""
        return self._view(np.arange(size))

    def written(self, ball: DoubleBall, values: DoubleBall) -> DoubleBall:
        """A flat ball in which the tensor's elements are ``values``."""
        size = len(ball.high)
        if self.is_whole(size):
            return shaped(values, lambda field: np.ascontiguousarray(field).reshape(size))
        places = self.places(size).ravel()
        found = DoubleBall(*(field.copy() for field in ball))
        for field, value in zip(found, values, strict=True):
            field[places] = np.broadcast_to(value, self.shape).ravel()
        return found

    def spread(self, cotangent: DoubleBall, size: int) -> DoubleBall:
        """The cotangent of a storage of ``size`` elements, given that of the tensor: overlaps are added up."""
        if self.is_whole(size):
            return shaped(cotangent, lambda field: field.reshape(size))
        repeated = [axis for axis, (n, s) in enumerate(zip(self.shape, self.strides, strict=True)) if s == 0 and n != 1]
        once = StridedLayout(
            self.offset, tuple(1 if axis in repeated else n for axis, n in enumerate(self.shape)), self.strides
        )
        return scattered(summed(cotangent, repeated, keepdims=True), once.places(size), size)

    def without(self, cotangent: DoubleBall) -> DoubleBall:
        """A storage's cotangent, with zeros at the tensor's elements: what was there before a write is gone."""
        size = len(cotangent.high)
        if self.is_whole(size):
            return zeros((size,))
        written = np.zeros(size, np.bool_)
        written[self.places(size).ravel()] = True
        return chosen(written, exact(0.0), cotangent)


def together(one: DoubleBall | None, other: DoubleBall) -> DoubleBall:
    """Cotangents of one state, added up."""
    return other if one is None else add(one, other)
