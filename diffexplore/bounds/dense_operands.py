"""Operands and results of basic arithmetic as NumPy arrays and as numbers, and memory for their bounds."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

#: An array of one entry for each element, or one number for all of them.
Numbers = Any


class DenseOperand(NamedTuple):
    """An operand: its numbers, float64 as computed, and their radii; a radius of 0 that is one number is exact."""

    mid: Numbers
    rad: Numbers

    @property
    def is_exact(self) -> bool:
        return isinstance(self.rad, float) and self.rad == 0

    @property
    def is_number(self) -> bool:
        """Whether it is one number, with one radius, for all elements."""
        return not isinstance(self.mid, np.ndarray)

    def part(self, first: int, last: int) -> DenseOperand:
        """The elements from ``first`` up to ``last``."""
        mid, rad = (one[first:last] if isinstance(one, np.ndarray) else one for one in self)
        return DenseOperand(mid, rad)

    def doubles(self) -> DenseOperand:
        """The same numbers as float64."""
        return self if self.is_number else DenseOperand(doubles(self.mid), self.rad)


def doubles(array: np.ndarray) -> np.ndarray:
    """The same numbers as float64."""
    return array if array.dtype == np.float64 else array.astype(np.float64)


class Room(NamedTuple):
    """Memory for a block: of its radii, and of what is computed on the way; numbers need none."""

    radii: Any = None
    spare: Any = None
    other: Any = None


NO_ROOM = Room()


class DenseResult(NamedTuple):
    """A result, float64 as computed, with the rounding that is claimed of it: relative to it, and absolute."""

    value: Numbers
    relative: float
    absolute: float

    @property
    def is_of_doubles(self) -> bool:
        """Whether it was rounded to double, and not to a narrow dtype, which loses more."""
        return self.relative < 2.0**-50


class LeftToTensors(Exception):
    """The rules on tensors have more to say, whatever the elements are."""


def by(ufunc: np.ufunc, into: np.ndarray, *operands: Numbers) -> Numbers:
    """A function of arrays, written ``into`` memory, or of numbers alone."""
    for one in operands:
        if type(one) is np.ndarray:
            return ufunc(*operands, into)
    return float(ufunc(*operands))


class Spread(NamedTuple):
    """How far the errors of operands move a result: by ``radii``, and by ``share`` of the exact result.

    ``odd`` says of which elements the rules on tensors say more; None where they do of none.
    """

    radii: Numbers
    share: float = 0.0
    odd: np.ndarray | None = None
