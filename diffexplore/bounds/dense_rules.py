"""The bounds of basic arithmetic on blocks of NumPy arrays, step by step in the same memory.

They are those of :mod:`~diffexplore.bounds.ball` and :mod:`~diffexplore.bounds.claims` on tensors.
Elements of which those say more, as where a result is 0 or infinite, are left to them. Numbers go by the same rules.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from diffexplore.bounds.ball import LEAST, MARGIN
from diffexplore.bounds.claims import UPWARD
from diffexplore.bounds.zeros import FAR_FROM_SUBNORMAL
from diffexplore.floating_point import LOST_BESIDE

#: The fraction of a power of two.
_HALF = 0.5

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


_NO_ROOM = Room()


class LeftToTensors(Exception):
    """The rules on tensors have more to say, whatever the elements are."""


def _by(ufunc: np.ufunc, into: np.ndarray, *operands: Numbers) -> Numbers:
    """A function of arrays, written ``into`` memory, or of numbers alone."""
    if any(isinstance(one, np.ndarray) for one in operands):
        return ufunc(*operands, out=into)
    return float(ufunc(*operands))


class Spread(NamedTuple):
    """How far the errors of operands move a result: by ``radii``, and by ``share`` of the exact result.

    ``odd`` says of which elements the rules on tensors say more; None where they do of none.
    """

    radii: Numbers
    share: float = 0.0
    odd: np.ndarray | None = None


# ------------------------------------------------------------------------------------------- how errors spread
def _of_sum(room: Room, x: DenseOperand, y: DenseOperand) -> Spread:
    if x.is_exact or y.is_exact:
        return Spread(_by(np.multiply, room.radii, x.rad if y.is_exact else y.rad, UPWARD))
    return Spread(_by(np.multiply, room.radii, _by(np.add, room.radii, x.rad, y.rad), UPWARD))


def _of_product(room: Room, x: DenseOperand, y: DenseOperand) -> Spread:
    """|x|·ry + (|y| + ry)·rx; by one number y, whose radius is a share of it, |x|·ry is that share of |x·y|."""
    if x.is_exact and y.is_exact:
        return Spread(0.0)
    if x.is_number or y.is_number:
        one, other = (x, y) if x.is_number else (y, x)
        size = abs(one.mid)
        if not 0 <= one.rad < size:
            raise LeftToTensors
        return Spread(_by(np.multiply, room.radii, other.rad, (size + one.rad) * UPWARD), one.rad / size)
    if x.is_exact or y.is_exact:
        one, other = (x, y) if x.is_exact else (y, x)
        moved = _by(np.multiply, room.radii, np.absolute(one.mid, out=room.radii), other.rad)
        return Spread(_by(np.multiply, room.radii, moved, UPWARD))
    reach = np.add(np.absolute(y.mid, out=room.radii), y.rad, out=room.radii)
    first = np.multiply(reach, x.rad, out=room.radii)
    second = np.multiply(np.absolute(x.mid, out=room.spare), y.rad, out=room.spare)
    return Spread(np.multiply(np.add(first, second, out=room.radii), UPWARD, out=room.radii))


def _of_quotient(room: Room, x: DenseOperand, y: DenseOperand) -> Spread:
    """|x/y|·ry/(|y| − ry) + rx/(|y| − ry), where 0 is clearly outside the divisor's ball."""
    if y.is_number:
        size = abs(y.mid)
        if not 0 <= y.rad < size * MARGIN or not 1 / (size - y.rad) < math.inf:
            raise LeftToTensors
        return Spread(_by(np.multiply, room.radii, x.rad, UPWARD / (size - y.rad)), y.rad / (size - y.rad))
    divisor, odd = np.absolute(y.mid, out=room.other), None
    if y.is_exact:
        return Spread(_by(np.multiply, room.radii, _by(np.divide, room.radii, x.rad, divisor), UPWARD))
    clear = np.abs(y.rad) < np.multiply(divisor, MARGIN, out=room.spare)
    if not bool(clear.all()):
        odd = ~clear
    quotient = np.divide(_by(np.absolute, room.radii, x.mid), divisor, out=room.radii)
    quotient = np.add(quotient, LEAST, out=room.radii)
    left = np.subtract(divisor, y.rad, out=room.other)
    first = np.multiply(quotient, np.divide(y.rad, left, out=room.spare), out=room.radii)
    moved = np.add(first, np.divide(x.rad, left, out=room.spare), out=room.radii)
    return Spread(np.multiply(moved, UPWARD, out=room.radii), odd=odd)


def _of_square(room: Room, x: DenseOperand) -> Spread:
    return _of_product(room, x, x)


# --------------------------------------------------------------------------------------- where nothing is rounded
def _exact_sums(sign_x: float, sign_y: float) -> Callable[..., Numbers]:
    """Where a sum of exact operands is a double: see :func:`~diffexplore.bounds.zeros.exact_sums`."""

    def lossless(room: Room, value: Numbers, x: DenseOperand, y: DenseOperand) -> Numbers:
        if not (_none(x.rad) and _none(y.rad)):
            return None
        first, second = _signed(room, x.mid, sign_x), _signed(room, y.mid, sign_y)
        exact = _by(np.subtract, room.spare, value, first) == second
        return exact & (_by(np.subtract, room.spare, value, second) == first)

    return lossless


def _signed(room: Room, mid: Numbers, sign: float) -> Numbers:
    return mid if sign > 0 else _by(np.negative, room.other, mid)


def _by_powers_of_two(room: Room, value: Numbers, x: DenseOperand, y: DenseOperand) -> Numbers:
    """Where a product by one power of two is what it is: see :func:`~diffexplore.bounds.zeros.by_powers_of_two`."""
    if not (_none(x.rad) and _none(y.rad)):
        return None
    for one in (x, y):
        factor = float(one.mid if one.is_number else one.mid[0])
        if math.frexp(abs(factor))[0] == _HALF and (one.is_number or bool((one.mid == factor).all())):
            product = _by(np.multiply, room.spare, x.mid, y.mid)
            exact = product == value
            size = _by(np.absolute, room.spare, product)
            return exact & (size >= FAR_FROM_SUBNORMAL) & (size < math.inf)
    return None


def _never(room: Room, value: Numbers, *operands: DenseOperand) -> None:
    return None


def _none(radii: Numbers) -> bool:
    return not (radii.any() if isinstance(radii, np.ndarray) else radii)


# ---------------------------------------------------------------------------------------------------- the rules
@dataclass(frozen=True)
class DenseRule:
    """How the error of a kernel that is rounded to nearest is bounded in blocks.

    Attributes:
        spread: how the errors of its operands spread.
        lossless: where the result is the exact one for exact operands, which results of 0 are left out of; None where
            that is not known of any.
        infinite: whether an infinite result says something else than that its radius is not finite.
        operands: how many of the kernel's operands it takes.
    """

    spread: Callable[..., Spread]
    lossless: Callable[..., Numbers] = _never
    infinite: bool = False
    operands: int = 2

    def radii(
        self, room: Room, value: np.ndarray, operands: Sequence[DenseOperand], relative: float, absolute: float
    ) -> np.ndarray | None:
        """Writes the radii of a block of results; returns of which the rules on tensors say more, None where of none.

        Raises LeftToTensors where they do of all.
        """
        lossless = self.lossless(room, value, *operands)
        moved, share, odd = self.spread(room, *operands)
        size = np.absolute(value, out=room.spare)
        least = float(size.min())
        if not least > 0:
            odd = _either(odd, ~(size > 0))
            least = 0.0
        if self.infinite and not float(size.max()) < math.inf:
            odd = _either(odd, ~(size < math.inf))
        relative, absolute = _with_share(share, relative, absolute)
        rounded = np.multiply(size, relative, out=room.spare)
        if not absolute < least * relative * LOST_BESIDE:
            np.add(rounded, absolute, out=rounded)
        if lossless is not None and bool(lossless.any()):
            np.copyto(rounded, 0.0, where=lossless)
        np.add(rounded, moved, out=room.radii)
        return odd

    def radius(self, value: float, operands: Sequence[DenseOperand], relative: float, absolute: float) -> float:
        """The radius of one result; raises LeftToTensors where the rules on tensors say more of it."""
        if not 0 < abs(value) < math.inf:
            raise LeftToTensors
        moved, share, _ = self.spread(_NO_ROOM, *operands)
        if self.lossless(_NO_ROOM, value, *operands):
            return float(moved + share * abs(value))
        relative, absolute = _with_share(share, relative, absolute)
        return float(abs(value) * relative + absolute + moved)


def _with_share(share: float, relative: float, absolute: float) -> tuple[float, float]:
    """The rounding, and a share of the exact result, which the computed one is as far off as is claimed."""
    if not share:
        return relative, absolute
    share *= (1 + 2 * relative) * UPWARD
    return relative + share, absolute * (1 + share)


def _either(odd: np.ndarray | None, more: np.ndarray) -> np.ndarray:
    return more if odd is None else odd | more


#: The rules by the kernel of which is claimed what it rounds.
RULES: Mapping[str, DenseRule] = {
    "add": DenseRule(_of_sum, _exact_sums(1.0, 1.0), infinite=True),
    "sub": DenseRule(_of_sum, _exact_sums(1.0, -1.0), infinite=True),
    "rsub": DenseRule(_of_sum, _exact_sums(-1.0, 1.0), infinite=True),
    "mul": DenseRule(_of_product, _by_powers_of_two),
    "div": DenseRule(_of_quotient),
    "square": DenseRule(_of_square, operands=1),
}
