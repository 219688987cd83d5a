"""The bounds of basic arithmetic on blocks of NumPy arrays, step by step in the same memory.

They are those of :mod:`~diffexplore.bounds.ball` and :mod:`~diffexplore.bounds.claims` on tensors.
Elements of which those say more, as where a result is 0 or infinite, are left to them. Numbers go by the same rules.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from diffexplore.bounds.claims import UPWARD
from diffexplore.bounds.dense_operands import (
    NO_ROOM,
    DenseOperand,
    DenseResult,
    LeftToTensors,
    Numbers,
    Room,
    Spread,
    by,
)
from diffexplore.bounds.dense_spreads import of_product, of_quotient, of_square, of_sum
from diffexplore.bounds.zeros import FAR_FROM_SUBNORMAL, HALF
from diffexplore.floating_point import LOST_BESIDE


def _exact_sums(sign_x: float, sign_y: float) -> Callable[..., Numbers]:
    """Where a sum of exact operands is a double: see :func:`~diffexplore.bounds.zeros.exact_sums`."""

    def lossless(room: Room, result: DenseResult, x: DenseOperand, y: DenseOperand) -> Numbers:
        if not (_none(x.rad) and _none(y.rad)):
            return None
        value = result.value
        first, second = _signed(room, x.mid, sign_x), _signed(room, y.mid, sign_y)
        exact = by(np.subtract, room.spare, value, first) == second
        return exact & (by(np.subtract, room.spare, value, second) == first)

    return lossless


def _signed(room: Room, mid: Numbers, sign: float) -> Numbers:
    return mid if sign > 0 else by(np.negative, room.other, mid)


def _by_powers_of_two(room: Room, result: DenseResult, x: DenseOperand, y: DenseOperand) -> Numbers:
    """Where a product by one power of two is what it is: see :func:`~diffexplore.bounds.zeros.by_powers_of_two`."""
    if not (_none(x.rad) and _none(y.rad)):
        return None
    for one in (x, y):
        factor = float(one.mid if one.is_number else one.mid[0])
        if math.frexp(abs(factor))[0] == HALF and (one.is_number or bool((one.mid == factor).all())):
            return _is_exact(room, result, by(np.multiply, room.spare, x.mid, y.mid))
    return None


def _is_exact(room: Room, result: DenseResult, exact: Numbers) -> Numbers:
    """Where results are the exact ones, which no dtype has to round to subnormal or infinite numbers."""
    return (exact == result.value) & _is_far_from_ends(by(np.absolute, room.spare, exact))


def _is_far_from_ends(size: Numbers) -> Numbers:
    return (size >= FAR_FROM_SUBNORMAL) & (size < math.inf)


def _never(room: Room, result: DenseResult, *operands: DenseOperand) -> None:
    return None


def _none(radii: Numbers) -> bool:
    if not isinstance(radii, np.ndarray):
        return not radii
    return not (radii[0] or radii.any())  # which goes through all of them, and the first one mostly tells


def _set_to_zero(numbers: np.ndarray, places: np.ndarray) -> None:
    """By their bits: a copy to places that come at random takes a branch, mostly mispredicted, for each."""
    bits = numbers.view(np.int64)
    np.bitwise_and(bits, places.view(np.int8) - np.int8(1), out=bits)


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

    def radii(self, room: Room, result: DenseResult, operands: Sequence[DenseOperand]) -> np.ndarray | None:
        """Writes the radii of a block of results; returns of which the rules on tensors say more, None where of none.

        Raises LeftToTensors where they do of all.
        """
        value, relative, absolute = result
        lossless = self.lossless(room, result, *operands)
        spread = self.spread(room, result, *operands)
        size, odd = np.absolute(value, out=room.spare), spread.odd
        least, most = float(size.min()), float(size.max()) if self.infinite else 0.0
        if not least > 0:
            odd = _either(odd, ~(size > 0))
            least = 0.0
        if self.infinite and not most < math.inf:
            odd = _either(odd, ~(size < math.inf))
        relative, absolute = _with_share(spread.share, relative, absolute)
        only = not isinstance(spread.radii, np.ndarray) and spread.radii == 0
        rounded = np.multiply(size, relative, out=room.radii if only else room.spare)
        if not absolute < least * relative * LOST_BESIDE:
            np.add(rounded, absolute, out=rounded)
        if lossless is not None and bool(lossless.any()):
            _set_to_zero(rounded, lossless)
        if not only:
            np.add(rounded, spread.radii, out=room.radii)
        return odd

    def radius(self, result: DenseResult, operands: Sequence[DenseOperand]) -> float:
        """The radius of one result; raises LeftToTensors where the rules on tensors say more of it."""
        value, relative, absolute = result
        if not 0 < abs(value) < math.inf:
            raise LeftToTensors
        spread = self.spread(NO_ROOM, result, *operands)
        if self.lossless(NO_ROOM, result, *operands):
            return float(spread.radii)
        relative, absolute = _with_share(spread.share, relative, absolute)
        return float(abs(value) * relative + absolute + spread.radii)


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
    "add": DenseRule(of_sum, _exact_sums(1.0, 1.0), infinite=True),
    "sub": DenseRule(of_sum, _exact_sums(1.0, -1.0), infinite=True),
    "rsub": DenseRule(of_sum, _exact_sums(-1.0, 1.0), infinite=True),
    "mul": DenseRule(of_product, _by_powers_of_two, infinite=True),
    "div": DenseRule(of_quotient, infinite=True),
    "square": DenseRule(of_square, operands=1),
}
