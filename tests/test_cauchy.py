"""Derivatives by Cauchy's integral formula, held against derivatives that are known in closed form."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest
from flint import arb

from diffexplore.arithmetic.cauchy import derivative
from diffexplore.arithmetic.precision import precision


def power_of_e(x: Any, y: Any) -> Any:
    """exp(3x)/y, of which ∂ᵐ⁺ⁿ is 3ᵐ (−1)ⁿ n! exp(3x)/yⁿ⁺¹."""
    return (3 * x).exp() / y


def known(m: int, n: int, x: arb, y: arb) -> arb:
    return 3**m * (-1) ** n * math.factorial(n) * (3 * x).exp() / y ** (n + 1)


def enclosure(m: int, n: int, x: arb, y: arb) -> arb:
    return derivative(power_of_e, (m, n), (x, y), (arb(100), arb(y.mid())))


@pytest.mark.parametrize(("m", "n"), [*itertools.product(range(4), range(4))])
@pytest.mark.parametrize(("x", "y"), [(0.5, 0.25), (-3.0, 2.0), (0.0, 1e-3)])
def test_at_numbers(m: int, n: int, x: float, y: float) -> None:
    with precision(128):
        found, true = enclosure(m, n, arb(x), arb(y)), known(m, n, arb(x), arb(y))
        assert found.contains(true.mid()) or found.overlaps(true)
        assert bool(found.rad() < abs(true) * 2.0**-110)


@pytest.mark.parametrize(("m", "n"), [(0, 0), (1, 0), (0, 2), (2, 1)])
@pytest.mark.parametrize("radius", [2.0**-60, 2.0**-40, 2.0**-26])
def test_on_balls(m: int, n: int, radius: float) -> None:
    """It holds the values at all corners, and is not much wider: less than the slopes make, eight times, for one."""
    x, y = arb(0.5), arb(0.75)
    with precision(128):
        found = enclosure(m, n, arb(0.5, radius), arb(0.75, radius))
        for side, other in itertools.product((-1, 1), repeat=2):
            assert found.contains(known(m, n, x + side * arb(radius), y + other * arb(radius)).mid())
        slopes = abs(known(m + 1, n, x, y)) + abs(known(m, n + 1, x, y))
        assert bool(found.rad() <= 8 * slopes * radius)


def test_a_ball_that_may_reach_the_pole_is_not_enclosed() -> None:
    with precision(128):
        assert not enclosure(1, 0, arb(0.5), arb(0.25, 0.25)).is_finite()
