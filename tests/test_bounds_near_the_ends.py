"""Bounds hold where the numbers, or the products of a rule itself, are near the ends of the doubles."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from fractions import Fraction

import pytest
import torch
from flint import arb

from diffexplore.arithmetic.balls import precision
from diffexplore.bounds.dense import BLOCK
from diffexplore.bounds.watch import Watch

Tensor = torch.Tensor
Bounded = tuple[Tensor, Tensor]

#: The least double.
LEAST = 2.0**-1074


def _bounded(operation: Callable[..., Tensor], *operands: Bounded) -> Bounded:
    watch = Watch()
    for mid, rad in operands:
        watch.set(mid, rad)
    with watch:
        out = operation(*(mid for mid, _ in operands))
    return out, watch.radius(out)


def _near(exponents: tuple[int, int], count: int, seed: int) -> Bounded:
    """Numbers of these exponents, and radii of their size."""
    generator = torch.Generator().manual_seed(seed)
    size = torch.rand(2, count, generator=generator, dtype=torch.float64) * 0.5 + 0.5
    return torch.ldexp(size[0], torch.tensor(exponents[0])), torch.ldexp(size[1], torch.tensor(exponents[1]))


def _holds(out: Bounded, operation: Callable[..., Fraction], *operands: Bounded) -> None:
    """The results at the corners of the balls lie within the radius, compared without rounding."""
    columns = [(mid.reshape(-1).tolist(), rad.reshape(-1).tolist()) for mid, rad in operands]
    for place, (value, radius) in enumerate(zip(*(one.tolist() for one in out), strict=True)):
        if not math.isfinite(radius):
            continue
        balls = [(Fraction(mid[place]), Fraction(rad[place])) for mid, rad in columns]
        for signs in itertools.product((-1, 1), repeat=len(balls)):
            corner = [mid + sign * rad for sign, (mid, rad) in zip(signs, balls, strict=True)]
            assert abs(operation(*corner) - Fraction(value)) <= Fraction(radius)


@pytest.mark.parametrize("count", [200, BLOCK], ids=["tensors", "blocks"])
def test_products_of_radii_that_underflow(count: int) -> None:
    operands = [_near((-536, -539), count, seed) for seed in (1, 2)]
    out = _bounded(torch.mul, *operands)
    _holds(tuple(part[:200] for part in out), lambda x, y: x * y, *(tuple(part[:200] for part in o) for o in operands))


@pytest.mark.parametrize("count", [1, 200, BLOCK], ids=["number", "tensors", "blocks"])
@pytest.mark.parametrize(
    ("x", "y", "radius"),
    [
        (LEAST, 2.0**-1000, 0.4 * 2.0**-1000),
        (2.0**-1030, 2.0**-1000, 2.0**-1050),
        (2.0**-1010, 2.0**-1010, 2.0**-1062),
        (LEAST, 4.0, 3.99),
        (5 * LEAST, 4.0, 3.99),
    ],
)
def test_quotients_by_small_numbers(x: float, y: float, radius: float, count: int) -> None:
    size = max(count, 2)
    operands = [
        (torch.full((size,), x, dtype=torch.float64), torch.zeros(size, dtype=torch.float64)),
        (torch.full((count,), y, dtype=torch.float64), torch.full((count,), radius, dtype=torch.float64).clone()),
    ]
    found, radii = _bounded(torch.div, *operands)
    assert math.isfinite(float(radii[0]))
    _holds((found[:1], radii[:1]), lambda a, b: a / b, *operands)


@pytest.mark.parametrize("count", [200, BLOCK], ids=["tensors", "blocks"])
@pytest.mark.parametrize(("number", "factor"), [(3 * LEAST, 0.5), (2.0**-1022 + LEAST, 0.25), (1.5 * 2.0**-1000, 0.5)])
def test_products_by_powers_of_two_that_are_rounded(number: float, factor: float, count: int) -> None:
    operand = torch.full((count,), number, dtype=torch.float64), torch.zeros(count, dtype=torch.float64)
    found, radii = _bounded(lambda x: x * factor, operand)
    _holds((found[:1], radii[:1]), lambda x: x * Fraction(factor), operand)


def test_sums_of_products_of_radii_that_underflow() -> None:
    (x, rx), (y, ry) = (_near((-536, -539), 20 * 64, seed) for seed in (3, 4))
    left, right = (x.reshape(20, 1, 64), rx.reshape(20, 1, 64)), (y.reshape(20, 64, 1), ry.reshape(20, 64, 1))
    found, radii = _bounded(torch.bmm, left, right)
    farthest = [
        sum((Fraction(a) + Fraction(b)) * (Fraction(c) + Fraction(d)) for a, b, c, d in zip(*row, strict=True))
        for row in zip(*(part.reshape(20, 64).tolist() for part in (x, rx, y, ry)), strict=True)
    ]
    for value, radius, exact in zip(found.flatten().tolist(), radii.flatten().tolist(), farthest, strict=True):
        assert abs(exact - Fraction(value)) <= Fraction(radius)


@pytest.mark.parametrize("size", [1e-160, 1e-100, 1.0, 1e160])
def test_angles_of_short_and_long_arrows(size: float) -> None:
    x, y, radius = (torch.tensor([one], dtype=torch.float64) for one in (size, size, size * 2e-4))
    found, radii = _bounded(torch.atan2, (y, radius), (x, torch.zeros_like(x)))
    with precision(200):
        off = arb.atan2(arb(float(y)) + arb(float(radius)), arb(float(x))) - arb(float(found))
        assert abs(off) <= arb(float(radii))
    assert float(radii) < 1e-3


@pytest.mark.parametrize("size", [1e-150, 10.0, 1e160, 1e220, 1e300])
@pytest.mark.parametrize(
    ("function", "exact"), [(torch.rsqrt, arb.rsqrt), (torch.asinh, arb.asinh), (torch.acosh, arb.acosh)]
)
def test_slopes_of_small_and_huge_arguments(
    function: Callable[[Tensor], Tensor], exact: Callable[[arb], arb], size: float
) -> None:
    radius = size * 1e-10
    out, radii = _bounded(function, tuple(torch.tensor([x], dtype=torch.float64) for x in (size, radius)))
    if not math.isfinite(float(out)):
        return
    with precision(200):
        for end in (-radius, radius):
            assert abs(exact(arb(size) + arb(end)) - arb(float(out))) <= arb(float(radii))
    assert float(radii) < 1e-9 * max(1, float(out))


@pytest.mark.parametrize(("dtype", "least"), [(torch.float64, -26.0), (torch.float32, -9.0)])
def test_erfcx_far_left_of_0_rounds_a_square(dtype: torch.dtype, least: float) -> None:
    points = torch.linspace(least, -3, 100, dtype=dtype)
    out, radii = _bounded(torch.special.erfcx, (points, torch.zeros(100, dtype=torch.float64)))
    with precision(300):
        for x, value, radius in zip(points.tolist(), out.tolist(), radii.tolist(), strict=True):
            assert abs((arb(x) ** 2).exp() * arb(x).erfc() - arb(value)) <= arb(radius)


@pytest.mark.parametrize(
    ("function", "exact"), [(torch.lgamma, lambda x: abs(x.gamma()).log()), (torch.digamma, arb.digamma)]
)
@pytest.mark.parametrize("point", [-1.6780436722798354e-16, -1e-20, -1 - 2.0**-50, -0.25])
def test_gamma_functions_beside_a_pole(
    function: Callable[[Tensor], Tensor], exact: Callable[[arb], arb], point: float
) -> None:
    radius = 0.99 * min(abs(point), abs(point + 1))
    out, radii = _bounded(function, tuple(torch.tensor([x], dtype=torch.float64) for x in (point, radius)))
    with precision(300):
        for end in (-radius, radius):
            assert abs(exact(arb(point) + arb(end)) - arb(float(out))) <= arb(float(radii))


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16], ids=str)
@pytest.mark.parametrize("count", [3, 300])
@pytest.mark.parametrize(
    "scaled",
    [
        lambda x, y: x * 0.5, lambda x, y: x * 0.3, lambda x, y: x * y, lambda x, y: y * x, lambda x, y: x * y[1],
        lambda x, y: x / 3, lambda x, y: x / 0.3, lambda x, y: x / y, lambda x, y: x / y[1],
        lambda x, y: x.clone().mul_(y), lambda x, y: x.clone().div_(y), lambda x, y: x.expand(2, -1) * y,
    ],
)  # fmt: skip
def test_a_mask_that_is_scaled_stays_infinite(
    scaled: Callable[[Tensor, Tensor], Tensor], count: int, dtype: torch.dtype
) -> None:
    mask = torch.tensor([-torch.inf, *[1.0] * (count - 1)], dtype=dtype)
    factor = torch.full((count,), 3.0, dtype=dtype)
    with Watch() as watch:
        out = scaled(mask, factor / 7)
    assert not watch.radius(out).reshape(-1, count)[:, 0].any() and watch.radius(out).isfinite().all()


@pytest.mark.parametrize("count", [3, 300])
@pytest.mark.parametrize(
    "made",
    [
        lambda big: big * big, lambda big: big / 1e-300, lambda big: big * big * 0.5, lambda big: -big * big / 2,
        lambda big: (big * big) * (big * 0), lambda big: big / (big * 0),
    ],
)  # fmt: skip
def test_of_what_overflows_nothing_is_known(made: Callable[[Tensor], Tensor], count: int) -> None:
    with Watch() as watch:
        out = made(torch.full((count,), 1e300, dtype=torch.float64))
    assert watch.radius(out).isinf().all()


@pytest.mark.parametrize("count", [3, 300])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
def test_the_largest_number_of_a_dtype_by_zeros_and_ones(dtype: torch.dtype, count: int) -> None:
    kept = torch.tensor([False, *[True] * (count - 1)])
    largest = torch.finfo(dtype).max
    with Watch() as watch:
        mask = kept.to(dtype) * -largest
    assert (watch.radius(mask) <= 2 * largest * torch.finfo(dtype).eps).all() and not watch.radius(mask)[0]
