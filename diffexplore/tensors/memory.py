"""The memory of a program that runs on tensors: what each storage holds, as balls, and its states one after another.

Views need no rules: a tensor is a pattern of strides over a storage, and two tensors that share memory share it here.
Writing into a tensor makes a new state of the storage. A complex number is a pair of real ones, as it lies in memory.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.lib.stride_tricks import as_strided

from diffexplore.arithmetic.double_balls import DoubleBall, exact
from diffexplore.arithmetic.dual_balls import add, linear
from diffexplore.arithmetic.tensor_balls import chosen, given, scattered, shaped, summed, zeros


@dataclass(frozen=True, eq=False)
class State:
    """What a storage holds between two writes: a flat ball; ``varies`` says whether it depends on a source."""

    ball: DoubleBall
    varies: bool = False


def numbers_in(tensor: torch.Tensor) -> int:
    """How many real numbers the tensor's storage holds."""
    return tensor.untyped_storage().nbytes() // (tensor.element_size() // (2 if tensor.is_complex() else 1))


def as_stored(tensor: torch.Tensor) -> DoubleBall:
    """What the tensor's storage holds, as exact numbers."""
    flat = tensor.detach()
    if tensor.is_complex():
        flat = torch.view_as_real(flat.conj() if flat.is_conj() else flat)  # the numbers that lie in memory
    flat = flat.as_strided((numbers_in(tensor),), (1,), 0)
    return given(flat.to("cpu", torch.float64).numpy())


@dataclass(frozen=True)
class StridedLayout:
    """Where the elements of a tensor lie in its storage, counted in real numbers."""

    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    @classmethod
    def of(cls, tensor: torch.Tensor) -> StridedLayout:
        if not tensor.is_complex():
            return cls(int(tensor.storage_offset()), tuple(tensor.shape), tuple(tensor.stride()))
        strides = tuple(2 * stride for stride in tensor.stride())
        return cls(2 * int(tensor.storage_offset()), (*tensor.shape, 2), (*strides, 1))

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
        return shaped(ball, self.view)

    def view(self, flat: np.ndarray) -> np.ndarray:
        """The tensor's elements of what its storage holds."""
        if self.is_whole(len(flat)):
            return flat.reshape(self.shape)
        (step,) = flat.strides  # 0 where one number stands for all
        strides = [stride * step for stride in self.strides]
        return as_strided(flat[self.offset :], self.shape, strides, writeable=False)

    def places(self, size: int) -> np.ndarray:
        """The index in the storage of each element."""
        return self.view(np.arange(size))

    @linear
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


@dataclass(frozen=True, eq=False)
class StorageRegion:
    """A tensor within a state of its storage; ``passes`` says whether a derivative passes through it."""

    state: State
    layout: StridedLayout
    passes: bool

    @property
    def varies(self) -> bool:
        """Whether what is computed from it depends, for autograd, on a source."""
        return self.passes and self.state.varies


def together(one: DoubleBall | None, other: DoubleBall) -> DoubleBall:
    """Cotangents of one state, added up."""
    return other if one is None else add(one, other)
