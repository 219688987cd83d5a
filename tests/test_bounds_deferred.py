"""Radii that are deferred hold the exact values of chains of arithmetic, and are hardly wider than those of each step."""

from __future__ import annotations

import random
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest
import torch

from diffexplore.bounds.watch import Watch

Tensor = torch.Tensor

#: How many numbers are in an array.
COUNT = 24

#: Operations of arithmetic, with how many operands they take, on tensors and on rationals. A decimal stands for itself.
OPERATIONS: dict[str, tuple[int, Callable[..., Any], Callable[..., Any]]] = {
    "add": (2, torch.add, lambda x, y: x + y), "sub": (2, torch.sub, lambda x, y: x - y),
    "mul": (2, torch.mul, lambda x, y: x * y), "div": (2, torch.div, lambda x, y: x / y),
    "square": (1, lambda x: x**2, lambda x: x * x), "neg": (1, torch.neg, lambda x: -x),
    "first power": (1, lambda x: x**1.0, lambda x: x), "from": (1, lambda x: 3 - x, lambda x: 3 - x),
    "half": (1, lambda x: x / 2, lambda x: x / 2), "times": (1, lambda x: x * 0.1, lambda x: x / 10),
    "over": (1, lambda x: x / 0.3, lambda x: x * 10 / 3), "plus": (1, lambda x: x + 0.7, lambda x: x + Fraction(7, 10)),
    "reciprocal": (1, lambda x: 5 / x, lambda x: 5 / x),
}  # fmt: skip


class EachStep(Watch):
    """A watch that defers nothing."""

    sees_all = False


def _chain(seed: int) -> list[tuple[str, list[int]]]:
    """Some operations, each on results before it or on the four inputs."""
    choose, steps = random.Random(seed), list[tuple[str, list[int]]]()
    for place in range(4, 14):
        name = choose.choice(list(OPERATIONS))
        recent = [choose.randrange(max(0, place - 4), place) for _ in range(OPERATIONS[name][0])]
        steps.append((name, recent))
    return steps


def _inputs(seed: int, scale: float) -> list[Tensor]:
    """Two arrays, a number, and an array with one number in all places; the first array has radii."""
    generator = torch.Generator().manual_seed(seed)
    x, y = (torch.randn(COUNT, generator=generator, dtype=torch.float64) * scale + 0.1 for _ in range(2))
    return [x, y, torch.tensor(1.7 * scale, dtype=torch.float64), torch.full((COUNT,), -0.3, dtype=torch.float64)]


def _run(
    watch: Watch, steps: list[tuple[str, list[int]]], inputs: list[Tensor], radius: Tensor
) -> list[tuple[Tensor, Tensor]]:
    watch.set(inputs[0], radius)
    values = list(inputs)
    with watch:
        for name, places in steps:
            values.append(OPERATIONS[name][1](*(values[place] for place in places)))
    return [(value, watch.radius(value)) for value in values]


@pytest.mark.parametrize("scale", [1.0, 1e-3, 1e6], ids=["about 1", "small", "large"])
@pytest.mark.parametrize("seed", range(12))
def test_deferred_radii_hold_exact_values(seed: int, scale: float) -> None:
    steps, inputs = _chain(seed), _inputs(seed, scale)
    radius = inputs[0].abs() * torch.linspace(0, 2.0**-40, COUNT, dtype=torch.float64)
    found = _run(Watch(), steps, inputs, radius)
    expected = _run(EachStep(), steps, inputs, radius)
    for sign in (-1, 1):  # the ends of the first input's balls
        exact = [[Fraction(float(one)) for one in tensor.expand(COUNT)] for tensor in inputs]
        exact[0] = [x + sign * Fraction(float(r)) for x, r in zip(exact[0], radius, strict=True)]
        for name, places in steps:
            operands = zip(*(exact[place] for place in places), strict=True)
            exact.append([OPERATIONS[name][2](*row) for row in operands])
        for (value, radii), numbers in zip(found, exact, strict=True):
            for computed, bound, number in zip(value.expand(COUNT), radii.expand(COUNT), numbers, strict=True):
                assert not bound.isfinite() or abs(Fraction(float(computed)) - number) <= Fraction(float(bound))
    for (_, radii), (_, others) in zip(found, expected, strict=True):
        assert torch.equal(radii.isfinite(), others.isfinite())
        finite = others.isfinite()
        assert bool((radii[finite] <= others[finite] * 1.02).all()) and bool(
            (radii[finite] >= others[finite] * 0.98).all()
        )


def test_numbers_are_written_after_their_radii_were_deferred() -> None:
    x, y = (torch.linspace(first, first + 1, COUNT, dtype=torch.float64) for first in (1, 2))
    with Watch() as watch:
        product = x * y
        total = product + 1
        before = (product * 2, total * 2)
        kept = [watch.radius(one).clone() for one in before]
        x.mul_(1000.0)
        product.mul_(1000.0)
        after = (total * 2, x * total, product + 1)
    assert torch.equal(watch.radius(before[1]), kept[1])
    assert torch.equal(watch.radius(after[0]), kept[1])
    assert bool((watch.radius(after[1]) >= after[1] * 2.0**-52).all())
    assert bool((watch.radius(after[2]) >= after[2] * 2.0**-52).all())
    assert bool((watch.radius(after[2]) <= after[2] * 2.0**-51).all())


def test_a_part_of_a_tensor_is_written_after_its_radii_were_deferred() -> None:
    x = torch.linspace(1, 2, COUNT, dtype=torch.float64)
    with Watch() as watch:
        square = x * x
        square[3:5] = 0.0
    radius = watch.radius(square)
    assert not bool(radius[3:5].any())
    assert bool((radius[:3] > 0).all()) and bool((radius[5:] > 0).all())


def test_a_kernel_that_moves_numbers_in_place_leaves_nothing_deferred() -> None:
    """What was known of the numbers before, of the smallest of them say, does not hold of those after."""
    x = torch.linspace(1, 2, 36, dtype=torch.float64).reshape(6, 6)
    found = []
    for watch in (Watch(), EachStep()):
        with watch:
            square = x * x
            square.tril_()
            product = square * 3.0
        found.append(watch.radius(product))
    assert bool((found[0] >= found[1] * 0.98).all())


def test_a_product_by_a_power_of_two_is_exact() -> None:
    x = torch.linspace(1, 2, COUNT, dtype=torch.float64)
    with Watch() as watch:
        twice = x * 2
        total = twice + 0.1
    assert not bool(watch.radius(twice).any())
    assert bool((watch.radius(total) > 0).all())
