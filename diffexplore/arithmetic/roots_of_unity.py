"""The roots of unity exp(2πi·j/n), enclosed."""

from __future__ import annotations

from functools import cache

import numpy as np
from flint import arb, fmpq

from diffexplore.arithmetic.balls import precision
from diffexplore.arithmetic.double_balls import DoubleBall, enclosing

_BITS = 256


@cache
def roots_of_unity(n: int) -> tuple[DoubleBall, DoubleBall]:
    """cos and sin of 2π·j/n for j = 0 … n − 1, each of shape (n,). The doubles in ``high`` are the nearest ones."""
    with precision(_BITS):
        turns = [arb.sin_cos_pi_fmpq(fmpq(2 * j, n)) for j in range(n)]
        sine, cosine = (
            DoubleBall(*(np.array(field) for field in zip(*map(enclosing, column), strict=True)))
            for column in zip(*turns, strict=True)
        )
    return cosine, sine
