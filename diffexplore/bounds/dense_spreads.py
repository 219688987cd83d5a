"""How errors of operands spread through basic arithmetic: the rules of :mod:`~diffexplore.bounds.ball` on arrays."""

from __future__ import annotations

import math

import numpy as np

from diffexplore.bounds.ball import MARGIN
from diffexplore.bounds.claims import UPWARD
from diffexplore.bounds.dense_operands import DenseOperand, DenseResult, LeftToTensors, Numbers, Room, Spread, by


def of_sum(room: Room, result: DenseResult, x: DenseOperand, y: DenseOperand) -> Spread:
    if x.is_exact or y.is_exact:
        return Spread(by(np.multiply, room.radii, x.rad if y.is_exact else y.rad, UPWARD))
    return Spread(by(np.multiply, room.radii, by(np.add, room.radii, x.rad, y.rad), UPWARD))


def of_product(room: Room, result: DenseResult, x: DenseOperand, y: DenseOperand) -> Spread:
    """|x|·ry + (|y| + ry)·rx: the same, bit for bit, by a number and by an array of it."""
    if x.is_exact and y.is_exact:
        return Spread(0.0)
    if x.is_exact or y.is_exact:
        one, other = (x, y) if x.is_exact else (y, x)
        reach = by(np.multiply, room.radii, by(np.absolute, room.radii, one.mid), other.rad)  # 0 by the largest double
        return Spread(by(np.multiply, room.radii, reach, UPWARD))
    reach = by(np.add, room.radii, by(np.absolute, room.radii, y.mid), y.rad)
    first = by(np.multiply, room.radii, reach, x.rad)
    second = by(np.multiply, room.spare, by(np.absolute, room.spare, x.mid), y.rad)
    return Spread(by(np.multiply, room.radii, by(np.add, room.radii, first, second), UPWARD))


def of_quotient(room: Room, result: DenseResult, x: DenseOperand, y: DenseOperand) -> Spread:
    """(|x/y|·ry + rx)/(|y| − ry), where 0 is clearly outside the divisor's ball."""
    if y.is_number:
        size = abs(y.mid)
        if not 0 <= y.rad < size * MARGIN or not 1 / (size - y.rad) < math.inf:
            raise LeftToTensors
        return Spread(by(np.multiply, room.radii, x.rad, UPWARD / (size - y.rad)), y.rad / (size - y.rad))
    divisor = np.absolute(y.mid, out=room.other)
    if y.is_exact:
        return Spread(by(np.multiply, room.radii, by(np.divide, room.radii, x.rad, divisor), UPWARD))
    if result.is_of_doubles:
        quotient, upward = np.absolute(result.value, out=room.radii), UPWARD * (1 + 2 * result.relative)
    else:  # which may be nothing, or a subnormal number
        quotient, upward = np.divide(by(np.absolute, room.radii, x.mid), divisor, out=room.radii), UPWARD
    odd = _not_moderate(quotient, divisor, y.rad)
    moved = np.multiply(quotient, y.rad, out=room.radii)
    if not x.is_exact:
        moved = np.add(moved, x.rad, out=room.radii)
    moved = np.divide(moved, np.subtract(divisor, y.rad, out=room.other), out=room.radii)
    return Spread(np.multiply(moved, upward, out=room.radii), odd=odd)


#: Quotients and their divisors are moderate between these: no product by a radius overflows, or loses what counts.
_QUOTIENTS, _DIVISORS = (2.0**-500, 2.0**500), (2.0**-400, 2.0**400)


def _not_moderate(quotient: np.ndarray, divisor: np.ndarray, radii: Numbers) -> np.ndarray | None:
    """Of which quotients more is to be said: near the ends of the doubles, and of divisors near 0; None: of none."""
    least, most, largest = float(divisor.min()), float(divisor.max()), float(np.max(radii))
    smallest = float(np.min(radii))
    if (
        _QUOTIENTS[0] < float(quotient.min()) and float(quotient.max()) < _QUOTIENTS[1]
        and _DIVISORS[0] < least and most < _DIVISORS[1] and smallest >= 0 and largest < least * MARGIN
    ):  # fmt: skip
        return None
    clear = (radii >= 0) & (radii < divisor * MARGIN) & (_DIVISORS[0] < divisor) & (divisor < _DIVISORS[1])
    return ~(clear & (_QUOTIENTS[0] < quotient) & (quotient < _QUOTIENTS[1]))


def of_square(room: Room, result: DenseResult, x: DenseOperand) -> Spread:
    return of_product(room, result, x, x)
