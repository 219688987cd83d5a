"""The window functions of signal processing, enclosed: of ``count`` samples the first and the last one at the ends.

Source: F. J. Harris, "On the use of windows for harmonic analysis with the discrete Fourier transform", Proc. IEEE 66,
1978; J. F. Kaiser's window by the modified Bessel function of order 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from flint import arb, fmpq

from diffexplore.arithmetic.balls import precision
from diffexplore.arithmetic.double_balls import DoubleBall, add, enclosing, exact, mul, sub
from diffexplore.arithmetic.double_branches import absolute
from diffexplore.arithmetic.progressions import progression
from diffexplore.arithmetic.roots_of_unity import roots_of_unity

_BITS = 256

#: Of more samples Arb takes too long.
MOST = 2**14


def of_cosines(weights: Sequence[float], count: int) -> DoubleBall:
    """Σ weights[k] · cos(2πk·n / (count − 1))."""
    place = np.arange(count)
    cosines, _ = roots_of_unity(count - 1)
    total = exact(np.full(count, weights[0]))
    for k, weight in enumerate(weights[1:], 1):
        index = k * place % (count - 1)
        total = add(total, mul(exact(weight), DoubleBall(*(field[index] for field in cosines))))
    return total


def triangular(count: int) -> DoubleBall:
    """1 − |2n / (count − 1) − 1|, Bartlett's."""
    return sub(exact(1.0), absolute(progression(Fraction(-1), Fraction(2, count - 1), count)))


def kaiser(beta: float, count: int) -> DoubleBall:
    """I₀(β √(1 − (2n / (count − 1) − 1)²)) / I₀(β)."""
    with precision(_BITS):
        total = arb(beta).bessel_i(0)
        found = [
            enclosing((beta * (1 - arb(fmpq(2 * n, count - 1) - 1) ** 2).sqrt()).bessel_i(0) / total)
            for n in range(count)
        ]
    return DoubleBall(*(np.array(field) for field in zip(*found, strict=True)))
