"""Bounds of basic arithmetic on large arrays are those of the rules on tensors, whatever the numbers."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from functools import cache

import pytest
import torch
from representatives import each_value

from diffexplore.bounds.dense import BLOCK
from diffexplore.bounds.watch import Watch
from diffexplore.torch_code.leaving_torch import CandidateWatch

Tensor = torch.Tensor
Operands = tuple[Tensor, Tensor]

#: Two blocks and a part of one.
COUNT = 2 * BLOCK + 1000

OPERATIONS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "add": torch.add, "sub": torch.sub, "rsub": torch.rsub, "mul": torch.mul, "div": torch.div,
    "square": lambda x, y: x.square(), "power": lambda x, y: x**2, "itself": lambda x, y: x**1.0,
    "by a number": lambda x, y: x * 0.1,
    "by two": lambda x, y: 2 * x, "over a number": lambda x, y: x / 0.3, "over two": lambda x, y: x / -2,
    "plus a number": lambda x, y: x + 1.0,
}  # fmt: skip

#: What is said of the radii of the operands: nothing, that they are numbers, or of each element something else.
KINDS = ("exact", "uniform", "arrays", "first", "second", "number", "exact number", "number first")

#: Numbers of which the rules say more, for a block each: infinite, not numbers, and 0 or near the ends of the doubles.
ODD = ((math.inf, -math.inf), (math.nan,), (0.0, -0.0, 5e-324, -1e-310, 1e308, 2.0**-1022))


@cache
def _numbers(dtype: torch.dtype, odd: bool) -> Operands:
    generator = torch.Generator().manual_seed(3)
    x, y = (torch.randn(COUNT, generator=generator, dtype=torch.float64) * 3 for _ in range(2))
    x[: COUNT // 2] = (x[: COUNT // 2] * 8).round() / 8 + 0.0625  # of which many sums are exact
    if odd:
        for block, numbers in enumerate(ODD):
            for place, one in enumerate(numbers, block * BLOCK):
                x[place], y[place + 20] = one, one
                x[place + 40] = y[place + 40] = one
    return x.to(dtype), y.to(dtype)


def _radii(operation: str, kind: str, x: Tensor, y: Tensor, *, dense: bool, count: int | None = None) -> Tensor:
    """Radii where the numbers lie side by side, or, by the rules on tensors, with others between them.

    ``x`` and ``y`` are the first of so many numbers.
    """
    if kind in ("number", "exact number"):
        y = torch.tensor(-1.7, dtype=y.dtype)
    if kind == "number first":
        x, y = torch.tensor(0.7, dtype=x.dtype), x
    watch = Watch()
    sides = []
    for place, one in enumerate((x, y)):
        laid = one if dense or not one.dim() else torch.stack([one, one], -1)[:, 0]
        shares = (
            torch.linspace(0.5, 3, count or one.numel())[: one.numel()] * 2.0**-6
        )  # so large that terms of second order count
        radius = one.double().abs().nan_to_num(1.0, 1.0, 1.0) * (shares if one.dim() else 2.0**-6)
        if kind == "uniform":
            radius = torch.full((), 2.0**-10, dtype=torch.float64)
        if kind == "arrays" and place and one.numel() > BLOCK:
            radius[BLOCK + 300] = abs(float(y[BLOCK + 300])) * 2  # a divisor's ball that holds 0
            radius[BLOCK + 301] = math.nan
        if kind in ("uniform", "arrays", "number", "number first") or kind == ("first", "second")[place]:
            watch.set(laid, radius)
        sides.append(laid)
    with watch:
        out = OPERATIONS[operation](*sides)
    return watch.radius(out)


@pytest.mark.parametrize("odd", [False, True], ids=["plain", "odd"])
@pytest.mark.parametrize(("operation", "kind"), each_value(list(OPERATIONS), KINDS, rounds=2))
def test_bounds_in_blocks_are_those_on_tensors(operation: str, kind: str, odd: bool) -> None:
    x, y = _numbers(torch.float64, odd)
    found, expected = (_radii(operation, kind, x, y, dense=dense) for dense in (True, False))
    _assert_alike(found, expected)


@pytest.mark.parametrize(("operation", "kind"), each_value(list(OPERATIONS), KINDS, rounds=3))
def test_the_bound_of_a_number_does_not_depend_on_those_beside_it(operation: str, kind: str) -> None:
    plain, beside = (_radii(operation, kind, *_numbers(torch.float64, odd), dense=True) for odd in (False, True))
    kept = torch.ones(COUNT, dtype=torch.bool)
    for one, other in zip(_numbers(torch.float64, False), _numbers(torch.float64, True), strict=True):
        kept &= one == other
    plain, beside = plain.expand(COUNT), beside.expand(COUNT)
    assert torch.equal(plain[kept].nan_to_num(-1), beside[kept].nan_to_num(-1))
    first = slice(None, 9)
    few = _radii(operation, kind, *(one[first] for one in _numbers(torch.float64, odd=False)), dense=True, count=COUNT)
    assert torch.equal(few.expand(9), plain[first])


@pytest.mark.parametrize("count", [3, 5000])
def test_numbers_of_a_candidate_may_be_two_units_off(count: int) -> None:
    number, x = math.nextafter(1.1, 2), torch.linspace(1, 2, count, dtype=torch.float64)
    with CandidateWatch(inputs=[x]) as watch:
        out = x * number
    apart = float(Fraction(number) - Fraction(11, 10))
    assert bool((watch.radius(out) >= x * apart + out * 2.0**-53).all())


@pytest.mark.parametrize(
    ("operation", "dtype"),
    each_value(["add", "mul", "div", "square", "by two", "over two"], [torch.float32, torch.float16, torch.bfloat16]),
)
def test_bounds_of_narrow_numbers(operation: str, dtype: torch.dtype) -> None:
    x, y = _numbers(dtype, odd=True)
    for kind in ("exact", "arrays", "number", "first"):
        found, expected = (_radii(operation, kind, x, y, dense=dense) for dense in (True, False))
        _assert_alike(found, expected, wider=2.0**-6)


def _assert_alike(found: Tensor, expected: Tensor, *, wider: float = 2.0**-9) -> None:
    assert torch.equal(found.isfinite(), expected.isfinite())
    finite = expected.isfinite()
    found, expected = found[finite], expected[finite]
    assert torch.equal(found == 0, expected == 0)
    assert bool((found >= expected * (1 - 2.0**-39)).all())
    assert bool((found <= expected * (1 + wider)).all())


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("factor", [0.5, -4.0, 3.0])
@pytest.mark.parametrize("swapped", [False, True])
def test_a_single_number_times_another_keeps_the_radius_of_the_first(
    dtype: torch.dtype, factor: float, swapped: bool
) -> None:
    x, y = torch.tensor(3.0, dtype=dtype), torch.tensor(factor, dtype=dtype)
    with Watch() as watch:
        watch.set(x, torch.tensor(1.0, dtype=torch.float64))
        radius = watch.radius(y * x if swapped else x * y)
    assert abs(factor) <= float(radius) <= abs(factor) * 1.1
