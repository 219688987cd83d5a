"""Views, branches, sums and products carry their radii."""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Callable
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from bound_operations import (
    COUNT,
    REAL,
    TORCH_DTYPES,
    assert_within,
    drawn,
    radii,
    run,
)
from flint import arb
from hypothesis import given, settings
from hypothesis import strategies as st
from representatives import one_in

from diffexplore.bounds.watch import Watch, watched

Tensor = torch.Tensor
Exact = Callable[..., Any]


# ------------------------------------------------------------------------------------------------------------- views
def shuffled(function: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """What a rearrangement does to the numbers 0 to 23: where each element of the result came from."""
    return lambda x: function(torch.arange(float(len(x)), dtype=torch.float64))


VIEWS: dict[str, Callable[[Tensor], Tensor]] = {
    "slice": lambda x: x[3:17:2],
    "select": lambda x: x[5],
    "reshape and transpose": lambda x: x.reshape(4, 6).T.flatten(),
    "permute": lambda x: x.view(2, 3, 4).permute(2, 0, 1).reshape(-1),
    "expand": lambda x: x[:1].expand(5),
    "unsqueeze": lambda x: x[None, :, None].squeeze(),
    "flip and roll": lambda x: x.flip(0).roll(3),
    "index": lambda x: x.index_select(0, torch.tensor([3, 1, 1, 20])),
    "split": lambda x: x.split(5)[1],
    "unbind": lambda x: x.view(4, 6).unbind(1)[2],
    "diagonal": lambda x: x[:16].view(4, 4).diagonal(),
    "cat": lambda x: torch.cat([x[7:], x[:2]]),
    "stack": lambda x: torch.stack([x[:5], x[5:10]]).flatten(),
    "clone of a view": lambda x: x[1:].clone()[2:],
    "as_strided": lambda x: x.as_strided((4, 3), (2, 3)).flatten(),
    "narrow": lambda x: x.narrow(0, 2, 6),
}


@pytest.mark.parametrize("name", VIEWS)
def test_views_carry_their_radii(name: str) -> None:
    view = VIEWS[name]
    x = torch.linspace(1, 2, 24, dtype=torch.float64)
    reach = torch.rand(24, dtype=torch.float64, generator=torch.Generator().manual_seed(2)) * 2.0**-10
    out, radius = run(view, [x], [reach])
    origin = shuffled(view)(x).long()
    assert torch.equal(out, x[origin])
    assert torch.equal(radius, reach[origin])


def test_what_is_written_through_a_view_is_not_forgotten() -> None:
    """The radius of the base is that of its new values, or nothing is claimed of them."""
    x = torch.arange(1.0, 7.0, dtype=torch.float64)
    with Watch() as watch:
        watch.set(x, torch.full_like(x, 2.0**-30))
        view = x[:3]
        other = x[2:]
        view.mul_(1e6)
    assert bool((watch.radius(view) >= 2.0**-30 * 1e6).all())
    for stale in (x, other):
        assert bool((watch.radius(stale)[: len(stale)] >= 2.0**-30 * 1e6).any())
        assert bool((watch.radius(stale)[:1] == math.inf).all()) or bool(
            (watch.radius(stale)[:1] >= 2.0**-30 * 1e6).all()
        )


def test_a_view_made_out_of_sight_has_the_radii_of_its_memory() -> None:
    x = torch.ones(6, dtype=torch.float64)
    hidden = x[1:4]
    with Watch() as watch:
        watch.set(x, torch.arange(6, dtype=torch.float64) * 2.0**-20)
        out = hidden * 2
    expected = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64) * 2.0**-19
    assert bool(((watch.radius(out) - expected).abs() <= 2.0**-50).all())


def test_copies_and_fills() -> None:
    x = torch.linspace(1, 2, 6, dtype=torch.float64)
    reach = torch.full_like(x, 2.0**-33)
    for dtype in (torch.float64, torch.float32, torch.bfloat16):
        out, radius = run(lambda x, dtype=dtype: torch.empty(6, dtype=dtype).copy_(x), [x], [reach])
        assert bool((radius >= reach + (out - x).abs()).all())
        out, radius = run(lambda x, dtype=dtype: x.to(dtype), [x], [reach])
        assert bool((radius >= reach + (out - x).abs()).all())
        assert bool((radius <= reach + 2 * x * torch.finfo(dtype).eps).all())
        filled, radius = run(lambda x, dtype=dtype: torch.full((3,), 0.1, dtype=dtype), [x], [reach])
        assert bool((radius >= (filled - 0.1).abs()).all())
        assert bool((radius <= torch.finfo(dtype).eps).all())
    zeroed, radius = run(lambda x: x.zero_(), [x.clone()], [reach])
    assert not zeroed.any()
    assert not radius.any()


# ------------------------------------------------------------------------------------------------------------ branches
CONDITIONS: dict[str, tuple[Callable[[Tensor, Tensor], Tensor], Callable[[arb, arb], bool]]] = {
    "lt": (torch.lt, lambda x, y: x < y),
    "le": (torch.le, lambda x, y: not x > y),
    "gt": (torch.gt, lambda x, y: x > y),
    "ge": (torch.ge, lambda x, y: not x < y),
    "and": (lambda x, y: (x < y) & (x > -1), lambda x, y: x < y and x > arb(-1)),
    "or": (lambda x, y: torch.logical_or(x < y, y > 1), lambda x, y: x < y or y > arb(1)),
    "not": (lambda x, y: ~(x < y), lambda x, y: not x < y),
}


@pytest.mark.parametrize("name", CONDITIONS)
@settings(max_examples=10)
@given(dtype=st.sampled_from(TORCH_DTYPES), exponent=st.integers(-30, 0), seed=st.integers(0, 2**32 - 1))
def test_where_and_masked_fill_hold_both_branches(name: str, dtype: torch.dtype, exponent: int, seed: int) -> None:
    condition, holds = CONDITIONS[name]
    generator = np.random.default_rng(seed)
    operands = [drawn(REAL, generator, dtype) for _ in range(4)]
    close = generator.random(COUNT) < 0.5  # half of the comparisons are close
    operands[1] = torch.where(torch.from_numpy(close), operands[0] * (1 + 2.0**exponent / 2), operands[1])
    reach = [radii(x, REAL, exponent, generator) for x in operands]

    def chosen(x: Any, y: Any, p: Any, q: Any) -> Any:
        return p if holds(x, y) else q

    out, radius = run(lambda x, y, p, q: torch.where(condition(x, y), p, q), operands, reach)
    assert assert_within(out, radius, chosen, operands, reach, generator) == COUNT
    out, radius = run(lambda x, y, p, q: q.masked_fill(condition(x, y), 0.3), operands, reach)
    filled = lambda x, y, p, q: arb(0.3) if holds(x, y) else q  # noqa: E731 (a test's shorthand)
    assert assert_within(out, radius, filled, operands, reach, generator) == COUNT
    number, radius = run(lambda x, y, p, q: torch.where(condition(x, y), p, 0.1), operands, reach)
    either = lambda x, y, p, q: p if holds(x, y) else arb(0.1)  # noqa: E731 (a test's shorthand)
    assert assert_within(number, radius, either, operands, reach, generator) == COUNT


def test_masked_fill_in_place() -> None:
    x, reach = torch.tensor([1.0, -1.0, 1e-9]), torch.tensor([1e-6] * 3, dtype=torch.float64)
    out, radius = run(lambda x: x.masked_fill_(x > 0, 7.0), [x], [reach])
    assert out.tolist() == [7.0, -1.0, 7.0]
    assert radius[0] == 0
    assert radius[1] >= 1e-6
    assert radius[2] >= 7.0  # x may be below 0, and is kept then


@pytest.mark.parametrize(
    "function", [torch.sign, torch.sgn, lambda x: torch.heaviside(x, torch.tensor(0.5, dtype=x.dtype))]
)
def test_steps(function: Callable[[Tensor], Tensor]) -> None:
    x = torch.tensor([2.0, -2.0, 1e-9, -1e-9, 0.0], dtype=torch.float64)
    out, radius = run(function, [x], [torch.tensor([1e-6, 1e-6, 1e-6, 1e-6, 0.0], dtype=torch.float64)])
    low = -1.0 if function in (torch.sign, torch.sgn) else 0.0
    assert radius[:2].tolist() == [0.0, 0.0]
    assert bool((out[2:4] - radius[2:4] <= low).all())
    assert bool((out[2:4] + radius[2:4] >= 1).all())


def test_a_remainder_moves_as_its_operand_until_it_jumps() -> None:
    x = torch.tensor([5.5, -1.25, 4 - 2**-11, 4.0, -1e-20], dtype=torch.float64)
    errors = torch.tensor([0.0, 1e-9, 1e-3, 1e-9, 0.0], dtype=torch.float64)
    out, radius = run(lambda x: torch.remainder(x, 2), [x], [errors])
    assert out.tolist() == [1.5, 0.75, 2 - 2**-11, 0.0, 2.0]
    assert radius[0] == 0 and 1e-9 <= radius[1] < 1.001e-9
    assert radius[2:4].isinf().all()
    assert 1e-20 <= radius[4] < 1e-15, "2 − 1e-20 is rounded"


#: By 3/2 and by −3/2: of each quotient without its fraction the value at 4, -4, 3, 2⁻¹⁰, and where it may jump.
WHOLE: dict[str, tuple[Callable[[Tensor, float], Tensor], list[float], list[float]]] = {
    "floor_divide": (torch.floor_divide, [2, -3, 2, 0], [-3, 2, -2, -1]),
    "//": (lambda x, y: x // y, [2, -3, 2, 0], [-3, 2, -2, -1]),
    "in place": (lambda x, y: x.clone().floor_divide_(y), [2, -3, 2, 0], [-3, 2, -2, -1]),
    "floor": (lambda x, y: torch.div(x, y, rounding_mode="floor"), [2, -3, 2, 0], [-3, 2, -2, -1]),
    "trunc": (lambda x, y: torch.div(x, y, rounding_mode="trunc"), [2, -2, 2, 0], [-2, 2, -2, 0]),
    "trunc in place": (lambda x, y: x.clone().div_(y, rounding_mode="trunc"), [2, -2, 2, 0], [-2, 2, -2, 0]),
    "by a tensor": (lambda x, y: x // torch.full_like(x, y), [2, -3, 2, 0], [-3, 2, -2, -1]),
}


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16], ids=str)
def test_a_whole_quotient_is_exact_until_it_jumps(name: str, dtype: torch.dtype) -> None:
    function, *expected = WHOLE[name]
    x = torch.tensor([4.0, -4.0, 3.0, 2**-10], dtype=dtype)
    for divisor, values in zip((1.5, -1.5), expected, strict=True):
        quotient = partial(lambda x, divisor: function(x, divisor), divisor=divisor)
        out, radius = run(quotient, [x], [torch.zeros(4)])
        assert out.tolist() == values and not radius.any()
        out, radius = run(quotient, [x], [torch.tensor([0.25, 0.25, 2**-9, 2**-9])])
        assert not radius[:2].any(), "a quarter moves it to no whole number"
        assert radius[2] >= 1 and (radius[3] == 0 if "trunc" in name else radius[3] >= 1)


def test_a_whole_quotient_in_a_narrow_dtype_is_rounded() -> None:
    out, radius = run(lambda x: x // 0.5, [torch.tensor([250.0, 128.0], dtype=torch.bfloat16)], [torch.zeros(2)])
    assert (out.double() - torch.tensor([500.0, 256.0])).abs().le(radius).all()
    out, radius = run(lambda x: x // 1.0, [torch.tensor([2.0**60])], [torch.zeros(1)])
    assert radius[0] > 0, "what is larger than the numbers that fmod decides"


def test_a_whole_quotient_that_jumps_may_be_any_between() -> None:
    """Also of second order: by the least divisor it is largest."""
    numbers = [torch.tensor([value], dtype=torch.float64) for value in (2.0**36, 1.5, 2.0**27, 2.0**-20)]
    out, radius = run(lambda x, y: x // y, numbers[:2], numbers[2:])
    largest = (Fraction(2**36) + 2**27) // (Fraction(3, 2) - Fraction(1, 2**20))
    assert 0 <= Fraction(radius.item()) - (largest - Fraction(out.item())) < 2**12


def test_a_remainder_by_what_is_not_exact() -> None:
    x, y = torch.tensor([7.0, 7.0, -7.0], dtype=torch.float64), torch.tensor([2.0, 3.5, 2.0], dtype=torch.float64)
    out, radius = run(torch.remainder, [x, y], [torch.zeros(3, dtype=torch.float64), torch.full((3,), 1e-9)])
    assert out.tolist() == [1.0, 0.0, 1.0]
    assert 3e-9 <= radius[0] < 6e-9 and radius[1].isinf() and 4e-9 <= radius[2] < 6e-9


# ---------------------------------------------------------------------------------------------------------------- sums
REDUCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "sum": lambda x: x.sum(),
    "mean": lambda x: x.mean(),
    "sum of rows": lambda x: x.view(-1, 5).sum(0),
    "mean of columns": lambda x: x.view(5, -1).mean(1),
    "kept": lambda x: x.view(5, -1).sum(1, keepdim=True).flatten(),
}


@pytest.mark.parametrize("name", one_in(2, REDUCTIONS))
@settings(max_examples=6)
@given(
    dtype=st.sampled_from(TORCH_DTYPES), n=st.sampled_from([5, 40, 1000, 9000]), exponent=st.integers(-60, -1),
    offset=st.sampled_from([0.0, 30.0]), seed=st.integers(0, 2**32 - 1),
)  # fmt: skip
def test_sums(name: str, dtype: torch.dtype, n: int, exponent: int, offset: float, seed: int) -> None:
    generator = np.random.default_rng(seed)
    x = (drawn(REAL, generator, torch.float64, n) + offset).to(dtype)
    reach = radii(x, REAL, exponent, generator)
    out, radius = run(REDUCTIONS[name], [x], [reach])
    columns = [Fraction(value) for value in x.to(torch.float64).tolist()]
    moves = [Fraction(value) for value in reach.tolist()]
    signs = [Fraction(int(sign)) for sign in generator.choice([-1, 1], n)]
    for move in ([0] * n, [1] * n, [-1] * n, signs):
        points = np.array([c + Fraction(m) * r for c, m, r in zip(columns, move, moves, strict=True)], dtype=object)
        exact = _reduced(name, points)
        for value, allowed, true in zip(out.reshape(-1).tolist(), radius.reshape(-1).tolist(), exact, strict=True):
            assert allowed == math.inf or abs(Fraction(value) - true) <= Fraction(allowed), (
                value,
                allowed,
                float(true),
            )
    assert bool(radius.isfinite().all()) or dtype == torch.float16


@pytest.mark.parametrize("dtype", TORCH_DTYPES, ids=str)
@pytest.mark.parametrize(
    "copy",
    [
        lambda x: x.sum(1), lambda x: x.sum((1, 2), keepdim=True), lambda x: x.mean(1), lambda x: x.transpose(0, 2).sum(1),
        lambda x: x.to(x.dtype, copy=True), lambda x: x.transpose(0, 2).to(x.dtype, copy=True),
    ],
    ids=["sum", "kept", "mean", "transposed", "copied", "transposed and copied"],
)  # fmt: skip
def test_sums_of_one_number_each_and_copies_round_nothing(copy: Callable[[Tensor], Tensor], dtype: torch.dtype) -> None:
    x = torch.linspace(-2, 3, 6, dtype=torch.float64).to(dtype).view(6, 1, 1)
    reach = torch.arange(6, dtype=torch.float64).view(6, 1, 1) * 2.0**-60
    out, radius = run(copy, [x], [reach])
    assert torch.equal(out.flatten(), x.flatten().to(out.dtype))
    assert out.shape == radius.shape and torch.equal(radius.flatten(), reach.flatten())


@pytest.mark.parametrize("n", [2, 300])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_zeros_that_torch_keeps_nowhere_are_operands(n: int, dtype: torch.dtype) -> None:
    def squares(x: Tensor) -> Tensor:
        return torch.nn.functional.mse_loss(x, torch.full_like(x, 0.5))

    x = torch.linspace(0.25, 1.0, n, dtype=dtype)
    with Watch() as watch:
        found = torch.func.jacrev(lambda x: torch.func.jvp(squares, (x,), (torch.full_like(x, 0.75),))[1])(x)
    assert torch.allclose(found, torch.full_like(x, 1.5 / n))
    assert (watch.radius(found) < 1e-6).all()


def test_the_sum_of_one_number_in_a_narrower_dtype_is_rounded() -> None:
    x = torch.full((3, 1), 1 / 3, dtype=torch.float64)
    out, radius = run(lambda x: x.sum(1, dtype=torch.float32), [x], [torch.zeros_like(x)])
    assert bool((radius >= (out - x[:, 0]).abs()).all()) and bool((radius > 0).all())


def _reduced(name: str, points: np.ndarray) -> list[Fraction]:
    if name in ("sum", "mean"):
        return [sum(points, Fraction(0)) / (len(points) if name == "mean" else 1)]
    if name == "sum of rows":
        return [sum(column, Fraction(0)) for column in points.reshape(-1, 5).T]
    rows = points.reshape(5, -1)
    return [sum(row, Fraction(0)) / (len(row) if "mean" in name else 1) for row in rows]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("terms", [1, 3, 400])
def test_matrix_products(terms: int, dtype: torch.dtype) -> None:
    draw = torch.Generator().manual_seed(terms)
    left, right = (
        torch.randn(size, generator=draw, dtype=torch.float64).to(dtype) for size in ((6, terms), (terms, 4))
    )
    added = torch.randn(4, generator=draw, dtype=torch.float64).to(dtype)
    plain, linear, dot = watched(lambda: (left @ right, torch.addmm(added, left, right), left[0] @ right[:, 0]))
    exact = [[sum(map(operator.mul, map(Fraction, row), map(Fraction, column)), Fraction(0))
              for column in right.T.tolist()] for row in left.tolist()]  # fmt: skip
    for i, j in itertools.product(range(6), range(4)):
        assert abs(Fraction(float(plain.mid[i, j])) - exact[i][j]) <= Fraction(float(plain.rad[i, j]))
        with_sum = exact[i][j] + Fraction(float(added[j]))
        assert abs(Fraction(float(linear.mid[i, j])) - with_sum) <= Fraction(float(linear.rad[i, j]))
    assert abs(Fraction(float(dot.mid)) - exact[0][0]) <= Fraction(float(dot.rad))
    assert float(plain.rad.max()) < 10 * (terms + 2) ** 2 * torch.finfo(dtype).eps
