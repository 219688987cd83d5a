"""Bounds of sums of products hold of the farthest numbers in the balls of both operands, and are not much wider."""

from __future__ import annotations

from fractions import Fraction

import pytest
import torch

from diffexplore.bounds.watch import Watch

Tensor = torch.Tensor

UNIT = 2.0**-53
TERMS = 200


def _fractions(values: Tensor) -> list[Fraction]:
    return [Fraction(value) for value in values.tolist()]


@pytest.mark.parametrize("radius", [2.0**-50, 2.0**-3], ids=["as rounding", "large"])
@pytest.mark.parametrize("inexact", [(), (0,), (1,), (0, 1)], ids=str)
def test_a_product_bound_reaches_the_farthest_sum_and_little_more(inexact: tuple[int, ...], radius: float) -> None:
    generator = torch.Generator().manual_seed(5)
    sides = [torch.randn(TERMS, generator=generator, dtype=torch.float64) for _ in range(2)]
    radii = [side.abs() * radius if place in inexact else torch.zeros_like(side) for place, side in enumerate(sides)]
    watch = Watch()
    for place in inexact:
        watch.set(sides[place], radii[place])
    with watch:
        found = sides[0] @ sides[1]
    x, y, rx, ry = map(_fractions, (*sides, *radii))
    # Every product as far above that of the computed numbers as the balls allow.
    reach = sum(abs(a) * s + r * (abs(b) + s) for a, b, r, s in zip(x, y, rx, ry, strict=True))
    size = sum(abs(a * b) for a, b in zip(x, y, strict=True))
    lost = abs(Fraction(float(found)) - sum(a * b for a, b in zip(x, y, strict=True)))
    bound = float(watch.radius(found))
    assert lost + reach <= bound
    assert bound <= (1 + 2.0**-10) * float(reach + (size + reach) * Fraction(UNIT) * (TERMS + 4))
